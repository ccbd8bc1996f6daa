"""CT series and RTSTRUCT files for tests, the latter written by hand so that they can be odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series

DIFFERENT_UID = "2.25.1"


def ct_series(folder: Path, geometry: Geometry) -> tuple[Dataset, ...]:
    """Writes a CT of noise on a grid; its headers in the order of k."""
    noise = np.random.default_rng(7).integers(-1024, 2000, geometry.shape_kji).astype(np.int16)
    return write_ct_series(folder, CtScan(noise, geometry), pseudonym="TEST-1")


def structures(geometry: Geometry, **masks_kji: np.ndarray) -> StructureSet:
    """A set of masks by id."""
    return StructureSet.of(
        geometry, (Contour(i, Mask.from_array(m, geometry), Source.MODEL) for i, m in masks_kji.items())
    )


def ring(points_lps: ArrayLike, kind: str = "CLOSED_PLANAR", image: str = "") -> Dataset:
    """One contour item; `image` is the SOP instance UID it names, none if empty."""
    item = Dataset()
    flat = np.asarray(points_lps, dtype=float).ravel()
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(flat) // 3
    item.ContourData = [f"{v:.4f}" for v in flat]
    if image:
        reference = Dataset()
        reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        reference.ReferencedSOPInstanceUID = image
        item.ContourImageSequence = [reference]
    return item


def square(geometry: Geometry, k: float, low: float, high: float, **kwargs: str) -> Dataset:
    """A square ring whose corners have the indices i = j = low and high on slice k."""
    corners = [(low, low, k), (high, low, k), (high, high, k), (low, high, k)]
    return ring(geometry.index_to_lps(corners), **kwargs)


def rtstruct(rois: dict[str, list[Dataset]], frame_uid: str = "") -> Dataset:
    """A bare RTSTRUCT: names, contours, a frame of reference and nothing else."""
    dataset = Dataset()
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.Modality = "RTSTRUCT"
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois.items(), start=1):
        definition, drawn = Dataset(), Dataset()
        definition.ROINumber = drawn.ReferencedROINumber = number
        definition.ROIName = name
        if frame_uid:
            definition.ReferencedFrameOfReferenceUID = frame_uid
        drawn.ContourSequence = contours
        dataset.StructureSetROISequence.append(definition)
        dataset.ROIContourSequence.append(drawn)
    return dataset


def save(dataset: Dataset, path: Path, transfer_syntax: str = ImplicitVRLittleEndian) -> Path:
    """The file on disk."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path
