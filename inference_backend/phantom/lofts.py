"""Pieces whose axial cross-section is given at a few heights and runs smoothly between them.

`Barrel` is a closed outline (trunk, thigh, abdominal cavity), `Sheet` a plate between two points of the axial
plane (iliac wing, gluteus, parametrium). Values between the heights follow a monotone cubic, so nothing
bulges that was not put in. Growth acts within the axial plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from inference_backend.phantom.pieces import Bools, Bounds, Floats, Piece, Shape

TABLE_STEP_MM = 0.5


@dataclass(frozen=True)
class Profile:
    """Columns of numbers at increasing heights: rows of (z, value, value, ...)."""

    rows: tuple[tuple[float, ...], ...]

    @cached_property
    def table(self) -> NDArray[np.float32]:
        """(columns, n): every column at steps of TABLE_STEP_MM from the lowest height up."""
        data = np.asarray(self.rows, dtype=float)
        heights = np.arange(data[0, 0], data[-1, 0] + TABLE_STEP_MM, TABLE_STEP_MM)
        values = PchipInterpolator(data[:, 0], data[:, 1:])(np.minimum(heights, data[-1, 0]))
        table: NDArray[np.float32] = np.ascontiguousarray(values.T, dtype=np.float32)
        return table

    def rows_at(self, z: Floats) -> NDArray[np.intp]:
        """Index into the table of each height, clipped to its ends."""
        wanted = np.rint((z - self.rows[0][0]) / TABLE_STEP_MM)
        index: NDArray[np.intp] = np.clip(wanted, 0, self.table.shape[1] - 1).astype(np.intp)
        return index

    def covers(self, z: Floats) -> Bools:
        """Which heights lie within the profile."""
        covered: Bools = (z >= self.rows[0][0]) & (z <= self.rows[-1][0])
        return covered


@dataclass(frozen=True)
class Barrel:
    """Rows of (z, centre x, centre y, half-width, half-depth in front, half-depth behind).

    The outline is |x/a|^power + |y/b|^power = 1: 2 is an ellipse, more is squarer.
    """

    profile: Profile
    power: int = 2

    def bounds(self) -> Bounds:
        """Box over all heights."""
        x, y, a, front, back = self.profile.table
        heights = self.profile.rows[0][0], self.profile.rows[-1][0]
        return (
            (float((x - a).min()), float((y - front).min()), heights[0]),
            (float((x + a).max()), float((y + back).max()), heights[1]),
        )

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Half-widths and half-depths grow by the margin."""
        rows = self.profile.rows_at(z)
        cx, cy, a, front, back = (column[rows] for column in self.profile.table)
        depth = np.where(y < cy, front, back) + np.float32(grow_mm)
        wide = np.abs(x - cx) / np.maximum(a + np.float32(grow_mm), 1.0)
        deep = np.abs(y - cy) / np.maximum(depth, 1.0)
        inside: Bools = (wide**self.power + deep**self.power <= 1.0) & self.profile.covers(z)
        return inside

    def mirrored(self) -> Piece:
        """Centre x changes sign."""
        rows = tuple((row[0], -row[1], *row[2:]) for row in self.profile.rows)
        return replace(self, profile=Profile(rows))


@dataclass(frozen=True)
class Sheet:
    """Rows of (z, ax, ay, bx, by, half-thickness at a, half-thickness at b)."""

    profile: Profile

    def bounds(self) -> Bounds:
        """Box over all heights."""
        ax, ay, bx, by, ta, tb = self.profile.table
        thick = np.maximum(ta, tb)
        heights = self.profile.rows[0][0], self.profile.rows[-1][0]
        low = (float((np.minimum(ax, bx) - thick).min()), float((np.minimum(ay, by) - thick).min()))
        high = (float((np.maximum(ax, bx) + thick).max()), float((np.maximum(ay, by) + thick).max()))
        return (*low, heights[0]), (*high, heights[1])

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Within the axial plane: distance to the segment against a thickness that runs along it."""
        rows = self.profile.rows_at(z)
        ax, ay, bx, by, ta, tb = (column[rows] for column in self.profile.table)
        dx, dy = bx - ax, by - ay
        px, py = x - ax, y - ay
        t = np.clip((px * dx + py * dy) / np.maximum(dx * dx + dy * dy, 1e-6), 0.0, 1.0)
        thick = np.maximum(ta + t * (tb - ta) + np.float32(grow_mm), 0.0)
        near = (px - t * dx) ** 2 + (py - t * dy) ** 2 <= thick**2
        inside: Bools = near & self.profile.covers(z)
        return inside

    def mirrored(self) -> Piece:
        """Both points change side."""
        rows = tuple((z, -ax, ay, -bx, by, ta, tb) for z, ax, ay, bx, by, ta, tb in self.profile.rows)
        return replace(self, profile=Profile(rows))


def barrel(*rows: tuple[float, ...], power: int = 2) -> Barrel:
    """A barrel from its rows, in any order of height."""
    return Barrel(Profile(tuple(sorted(rows))), power)


def plate(*rows: Sequence[float]) -> Shape:
    """A curved plate through n points: rows of (z, x1, y1, t1, x2, y2, t2, ...) with half-thickness t.

    Gives n-1 sheets that share their edges.
    """
    ordered = sorted(tuple(row) for row in rows)
    sheets = []
    for first in range(1, len(ordered[0]) - 3, 3):
        picked = tuple(
            (r[0], r[first], r[first + 1], r[first + 3], r[first + 4], r[first + 2], r[first + 5])
            for r in ordered
        )
        sheets.append(Sheet(Profile(picked)))
    return tuple(sheets)
