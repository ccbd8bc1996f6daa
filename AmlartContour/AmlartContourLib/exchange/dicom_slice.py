"""Where one DICOM slice lies in the patient, from its own tags.

Invariants: position and orientation come from ImagePositionPatient, ImageOrientationPatient and PixelSpacing
only; thickness and table position are never used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadGeometry, InputRefused
from AmlartContourLib.domain.geometry import ORTHOGONAL_TOLERANCE
from AmlartContourLib.exchange.dicom_file import DicomFile, damaged
from AmlartContourLib.exchange.dicom_values import integer, numbers, text

SAME_EDGES_MM = 0.05  # the far ends of a stack's rows and columns may differ by this, from rounded decimals
SAME_PLACE_MM = 0.01


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice. `axes`: (3, 3), rows are the unit vectors of i, of j and of their cross product k.
    `position_lps`: (3,) centre of the first pixel."""

    file: DicomFile
    size_ij: tuple[int, int]
    spacing_ij_mm: tuple[float, float]
    axes: NDArray[np.float64]
    position_lps: NDArray[np.float64]

    @property
    def frame_uid(self) -> str:
        """The frame of reference, empty where the file names none."""
        return text(self.file.header, "FrameOfReferenceUID")

    def fits(self, other: Slice) -> bool:
        """True when both can be slices of one stack: same size, spacing and orientation."""
        return self.size_ij == other.size_ij and bool(
            np.abs(self._edges_lps() - other._edges_lps()).max() <= SAME_EDGES_MM
        )

    def _edges_lps(self) -> NDArray[np.float64]:
        """(2, 3): from the first pixel to the end of the first row, and of the first column."""
        lengths_mm = np.multiply(self.size_ij, self.spacing_ij_mm)
        edges: NDArray[np.float64] = self.axes[:2] * lengths_mm[:, None]
        return edges

    def same_place(self, other: Slice) -> bool:
        """True when both lie at the same position within 0.01 mm."""
        return bool(np.abs(self.position_lps - other.position_lps).max() <= SAME_PLACE_MM)


def placed(file: DicomFile) -> Slice:
    """The slice of a file.

    Raises InputRefused for enhanced (multi-frame) CT, DamagedFile where its size is missing, and
    BadGeometry where position, orientation or spacing are missing or impossible.
    """
    if file.is_multi_frame:
        raise InputRefused(
            f"{file.name} is an enhanced CT, with all slices in one file (multi-frame); it is not read.",
            kept="Nothing was read.",
            advice="Export it as classic CT images (one file per slice) or as NIfTI.",
        )
    columns, rows = (integer(file.header, keyword) for keyword in ("Columns", "Rows"))
    if columns is None or rows is None or columns < 1 or rows < 1:
        raise damaged(file.path, "does not state its number of rows and columns")
    between_rows, between_columns = _spacing(file)
    position = numbers(file.header, "ImagePositionPatient", 3)
    if position is None:
        raise _bad(file, "does not state its position (ImagePositionPatient)")
    return Slice(file, (columns, rows), (between_columns, between_rows), _axes(file), np.array(position))


def _spacing(file: DicomFile) -> tuple[float, ...]:
    """Between rows, then between columns, as PixelSpacing has it."""
    spacing = numbers(file.header, "PixelSpacing", 2)
    if spacing is None:
        raise _bad(file, "does not state its pixel spacing (PixelSpacing)")
    if min(spacing) <= 0:
        raise _bad(file, f"states a pixel spacing of {spacing[0]:g} x {spacing[1]:g} mm")
    return spacing


def _axes(file: DicomFile) -> NDArray[np.float64]:
    """Unit vectors of i, j and k, made exactly orthogonal; the file's cosines are rounded decimals."""
    cosines = numbers(file.header, "ImageOrientationPatient", 6)
    if cosines is None:
        raise _bad(file, "does not state its orientation (ImageOrientationPatient)")
    i, j = np.array(cosines[:3]), np.array(cosines[3:])
    products = np.array([i @ i - 1, j @ j - 1, i @ j])
    if np.abs(products).max() > ORTHOGONAL_TOLERANCE:
        raise _bad(file, "states an orientation whose axes are not of length 1 or not at right angles")
    i = i / np.linalg.norm(i)
    j = j - (i @ j) * i
    j = j / np.linalg.norm(j)
    return np.stack([i, j, np.cross(i, j)])


def _bad(file: DicomFile, how: str) -> BadGeometry:
    return BadGeometry(
        f"{file.name} {how}.",
        kept="Nothing was read.",
        advice="Export the scan again; if this image is no slice of it, take it out of the folder.",
    )
