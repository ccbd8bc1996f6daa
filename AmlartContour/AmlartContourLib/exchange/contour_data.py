"""Contour points as DICOM carries them: decimal strings of at most 16 characters, and back to numbers.

Written and read as whole texts, past pydicom's one object per number: a pelvis holds about 100,000 of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag

from AmlartContourLib.contract.errors import ExportFailed
from AmlartContourLib.exchange.polygons import Polygons
from AmlartContourLib.exchange.slice_planes import SlicePlanes

CONTOUR_DATA = Tag(0x3006, 0x0050)
MAX_CHARACTERS = 16
DECIMALS = 2
COARSEST_PIXEL_MM = 1.25  # two decimals move a point by at most 0.007 of such a pixel, of the 0.01 allowed
LEVEL_DECIMALS = 4
LEVEL_MM = 1e-8  # less than this from pixel to pixel is dust in the header's direction cosines


def contour_texts(polygons: Polygons, planes: SlicePlanes) -> Iterator[str]:
    """The text x\\y\\z\\x\\y\\z... in LPS millimetres of each polygon.

    Raises ExportFailed for coordinates so large that their text would exceed what DICOM allows.
    """
    decimals = _decimals(planes)
    counts = polygons.point_counts
    points = planes.lps(polygons.points_ij, np.repeat(polygons.slices_k, counts))
    longest = f"{-np.abs(points).max(initial=0):.{max(decimals, LEVEL_DECIMALS)}f}"
    if len(longest) > MAX_CHARACTERS:
        raise ExportFailed(
            "The CT lies too far from its origin for DICOM's numbers.", kept="Nothing was written."
        )
    steps = np.stack([planes.step_i_lps, planes.step_j_lps])
    varies = np.abs(steps).max(axis=0) > LEVEL_MM
    for number, count in enumerate(counts):
        own = points[polygons.starts[number] : polygons.starts[number + 1]]
        # An axis along which the slice plane is level has one value: it is written once into the pattern.
        axes = [f"%.{decimals}f" if varies[axis] else _short(own[0, axis]) for axis in range(3)]
        pattern = "\\".join(["\\".join(axes)] * int(count))
        yield pattern % tuple((own[:, varies].round(decimals) + 0.0).ravel().tolist())  # + 0.0: no "-0.00"


def numbers(element: DataElement | RawDataElement) -> NDArray[np.float64]:
    """All numbers of a Contour Data element, decoded by pydicom or not yet. ValueError where one is none."""
    value: Any = element.value
    if isinstance(value, bytes):
        text = value.strip(b" \0")
        value = text.split(b"\\") if text else []
    if value is None or isinstance(value, (str, int, float)):
        value = [] if value in (None, "") else [value]
    return np.asarray(list(map(float, value)), dtype=np.float64)


def _decimals(planes: SlicePlanes) -> int:
    """Two, or as many more as finer pixels need."""
    pixel_mm = min(float(np.linalg.norm(planes.step_i_lps)), float(np.linalg.norm(planes.step_j_lps)))
    return DECIMALS + max(0, int(np.ceil(np.log10(COARSEST_PIXEL_MM / pixel_mm))))


def _short(value: float) -> str:
    """A slice's own position, finer than the points in it: importers match contours to slices by it."""
    return f"{round(value, LEVEL_DECIMALS) + 0.0:.{LEVEL_DECIMALS}f}".rstrip("0").rstrip(".")
