"""Where the slices of a DICOM series lie by their own headers, checked against the grid of the contours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import ExportFailed, GeometryMismatch
from AmlartContourLib.domain.geometry import Geometry

SAME_PLACE_MM = 0.25  # positions rounded to a tenth are read as an even grid; contours keep their own plane
MAX_UID = 64
_NEEDED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
)
_SHARED = ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True, eq=False)
class SlicePlanes:
    """Slices in the order of k. origins_lps: (k, 3) centre of the first pixel of each. step_i_lps,
    step_j_lps: (3,) millimetres from one pixel to the next."""

    origins_lps: NDArray[np.float64]
    step_i_lps: NDArray[np.float64]
    step_j_lps: NDArray[np.float64]

    @classmethod
    def of(cls, headers: tuple[Dataset, ...], geometry: Geometry) -> SlicePlanes:
        """The planes of a series on a grid.

        Raises ExportFailed where headers lack what a reference needs or belong to several series, and
        GeometryMismatch where a slice lies elsewhere than the grid says.
        """
        if len(headers) != geometry.size_ijk[2]:
            raise GeometryMismatch(
                f"The contours have {geometry.size_ijk[2]} slices and the DICOM series {len(headers)}.",
                kept="Nothing was written.",
            )
        _require_complete(headers)
        for header in headers:
            _require_on_grid(header, geometry)
        row, column = np.asarray(headers[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
        between_rows, between_columns = (float(v) for v in headers[0].PixelSpacing)
        origins = np.asarray([header.ImagePositionPatient for header in headers], dtype=float)
        planes = cls(origins, row * between_columns, column * between_rows)
        planes._require_corners(geometry)
        return planes

    def lps(self, points_ij: NDArray[np.float64], slices_k: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 3) LPS millimetres of points (n, 2) on slices (n,), exactly in each slice's own plane."""
        in_plane = points_ij @ np.stack([self.step_i_lps, self.step_j_lps])
        points: NDArray[np.float64] = self.origins_lps[slices_k] + in_plane
        return points

    def _require_corners(self, geometry: Geometry) -> None:
        last_i, last_j, _ = (n - 1 for n in geometry.size_ijk)
        slices = np.arange(geometry.size_ijk[2])
        for i, j in ((0, 0), (last_i, 0), (0, last_j), (last_i, last_j)):
            corner = np.full((len(slices), 2), (i, j), dtype=float)
            wanted = geometry.index_to_lps(np.stack([corner[:, 0], corner[:, 1], slices], axis=1))
            if np.abs(self.lps(corner, slices) - wanted).max() > SAME_PLACE_MM:
                raise _elsewhere()


def _require_complete(headers: tuple[Dataset, ...]) -> None:
    for keyword in _NEEDED:
        if not all(_is_usable(keyword, header.get(keyword)) for header in headers):
            raise ExportFailed(
                f"The DICOM slices lack a usable {keyword}, which an RTSTRUCT must refer to.",
                kept="Nothing was written.",
                advice="Write a new CT series beside the contours and refer to that.",
            )
    for keyword in _SHARED:
        if len({str(header.get(keyword)) for header in headers}) > 1:
            raise ExportFailed(
                f"The DICOM slices do not share one {keyword}.",
                kept="Nothing was written.",
                advice="Choose the slices of a single series.",
            )


def _is_usable(keyword: str, value: object) -> bool:
    if keyword.endswith("UID"):
        return isinstance(value, str) and 0 < len(value) <= MAX_UID and value.isascii()
    return value not in (None, "")


def _require_on_grid(header: Dataset, geometry: Geometry) -> None:
    same_size = (int(header.Columns), int(header.Rows)) == geometry.size_ijk[:2]
    axes = np.asarray(header.ImageOrientationPatient, dtype=float).reshape(2, 3)
    same_axes = np.abs(axes.T - geometry.direction_matrix[:, :2]).max() < 1e-3
    spacing = np.asarray(header.PixelSpacing, dtype=float)[::-1]
    if not (same_size and same_axes and np.abs(spacing - geometry.spacing_mm[:2]).max() < 1e-3):
        raise _elsewhere()


def _elsewhere() -> GeometryMismatch:
    return GeometryMismatch(
        "The contours do not lie on the grid of the DICOM series.",
        kept="Nothing was written.",
        advice="Use the contours that belong to this CT, or resample them to it.",
    )
