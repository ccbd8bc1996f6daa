"""What was just written, read again with the project's own readers, for comparison voxel for voxel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.contour_placing import place
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.label_map_in import read_label_map
from AmlartContourLib.exchange.masks_in import read_mask_folder
from AmlartContourLib.exchange.rtstruct_file import read_rois


def masks_by_id(
    path: Path, structures: StructureSet, catalogue: Catalogue, names: Path | None = None
) -> Mapping[str, Mask]:
    """The masks of a folder, or of a label map with its list of names, where ids are the names."""
    if not len(structures):
        return {}
    if names is None:
        found = read_mask_folder(path, structures.geometry, catalogue)
    else:
        found = read_label_map(path, names, structures.geometry, catalogue)
    return {contour.structure_id: contour.mask for contour in found.structures}


def masks_by_roi_name(path: Path, geometry: Geometry, headers: tuple[Dataset, ...]) -> Mapping[str, Mask]:
    """The masks of an RTSTRUCT by the names in it, which a site may choose freely."""
    slice_of_image = {str(header.SOPInstanceUID): k for k, header in enumerate(headers)}
    return {roi.name: place(roi, geometry, slice_of_image).mask for roi in read_rois(path)}


def ct_series_as_written(folder: Path, scan: CtScan) -> bool:
    """True where the series has the scan's grid, slice for slice, and every value in Hounsfield units."""
    found = read_ct(folder)
    return found.geometry.same_as(scan.geometry) and np.array_equal(found.hu_kji, scan.hu_kji)
