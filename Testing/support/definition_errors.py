"""How far each definition's average symmetric distance is off, on shapes in several positions of the grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.mesh import mesh_figures
from support.fine_shapes import POSITIONS, SHAPES, edited_pair, nearly_continuous_mm


@dataclass(frozen=True)
class Errors:
    """In mm, of one shape: the figure on the finer grid, and each position's error by either definition."""

    name: str
    expected_mm: float
    elements_mm: tuple[float, ...]
    meshes_mm: tuple[float, ...]


def definition_errors() -> Iterator[Errors]:
    """Of all shapes."""
    for shape in SHAPES:
        expected = nearly_continuous_mm(shape)
        found = [_averages(edited_pair(shape, 1, moved_by)) for moved_by in POSITIONS]
        elements, meshes = (tuple(mm - expected for mm in column) for column in zip(*found, strict=True))
        yield Errors(shape.name, expected, elements, meshes)


def _averages(case: tuple) -> tuple[float, float]:
    first = compare(*case, tolerance_mm=2.0).surface.average_symmetric_mm
    second = mesh_figures(*case, [2.0]).average_symmetric_mm
    assert first is not None
    assert second is not None
    return first, second


def mean(values: tuple[float, ...]) -> float:
    """Their average."""
    return sum(values) / len(values)
