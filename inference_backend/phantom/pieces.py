"""Solid pieces of anatomy as inside tests, in millimetres of the body frame. A shape is a tuple of pieces.

Body frame: x left, y posterior, z superior, of the reference woman. A piece answers for coordinate arrays
that broadcast against each other, so that a grid along the body's axes costs little. `grow_mm` makes every
piece fatter or, negative, thinner: margins and walls need no distance maps. Lofts are grown within axial
slices only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Point = tuple[float, float, float]
Bounds = tuple[Point, Point]


class Piece(Protocol):
    """Anything with a box and an inside test."""

    def bounds(self) -> Bounds:
        """Lowest and highest corner of the piece before it is grown."""

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Which points lie inside; the shape of the result is the broadcast shape or broadcasts to it."""

    def mirrored(self) -> Piece:
        """The same piece on the other side of the body."""


Shape = tuple[Piece, ...]


@dataclass(frozen=True)
class Ellipsoid:
    """`radii` along x and two axes that `tilt_deg` turns about x (positive tips the upper end forward)."""

    centre: Point
    radii: Point
    tilt_deg: float = 0.0

    def bounds(self) -> Bounds:
        """Box of the sphere round it, tight along x."""
        reach = max(self.radii[1:]) if self.tilt_deg else 0.0
        half = (self.radii[0], max(self.radii[1], reach), max(self.radii[2], reach))
        return _corners((self.centre,), half)

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Radii grow by the margin."""
        a, b, c = (r + grow_mm for r in self.radii)
        if min(a, b, c) <= 0:
            return np.zeros((1, 1, 1), dtype=np.bool_)
        along, up = y - self.centre[1], z - self.centre[2]
        if self.tilt_deg:
            cos, sin = float(np.cos(np.radians(self.tilt_deg))), float(np.sin(np.radians(self.tilt_deg)))
            along, up = cos * along + sin * up, cos * up - sin * along
        inside: Bools = ((x - self.centre[0]) / a) ** 2 + (along / b) ** 2 + (up / c) ** 2 <= 1.0
        return inside

    def mirrored(self) -> Piece:
        """The same on the other side."""
        return replace(self, centre=_flip(self.centre))


@dataclass(frozen=True)
class Capsule:
    """All points within a radius, which runs linearly, of the segment from a to b; `widen` stretches x."""

    a: Point
    b: Point
    radius_a: float
    radius_b: float
    widen: float = 1.0

    def bounds(self) -> Bounds:
        """Box of both end spheres."""
        reach = max(self.radius_a, self.radius_b)
        return _corners((self.a, self.b), (reach * self.widen, reach, reach))

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Distance to the segment, with x measured in units of `widen`."""
        ax, bx = self.a[0] / self.widen, self.b[0] / self.widen
        dx, dy, dz = bx - ax, self.b[1] - self.a[1], self.b[2] - self.a[2]
        px, py, pz = x / self.widen - ax, y - self.a[1], z - self.a[2]
        length2 = max(dx * dx + dy * dy + dz * dz, 1e-6)
        t = np.clip((px * dx + py * dy + pz * dz) / length2, 0.0, 1.0)
        radius = np.maximum(self.radius_a + grow_mm + t * (self.radius_b - self.radius_a), 0.0)
        inside: Bools = (px - t * dx) ** 2 + (py - t * dy) ** 2 + (pz - t * dz) ** 2 <= radius**2
        return inside

    def mirrored(self) -> Piece:
        """The same on the other side."""
        return replace(self, a=_flip(self.a), b=_flip(self.b))


@dataclass(frozen=True)
class Ribbon:
    """A band along a sagittal segment: `thick` across it, `wide` to both sides; ends may differ.

    `rounded` makes the cross-section an ellipse (a vertebral body) instead of a rectangle; `bow_mm` is how
    far the band curves backwards 50 mm from the midline; `lap_mm` is how far it runs past both ends.
    """

    a_yz: tuple[float, float]
    b_yz: tuple[float, float]
    thick: tuple[float, float]
    wide: tuple[float, float]
    rounded: bool = False
    bow_mm: float = 0.0
    lap_mm: float = 0.0

    def bounds(self) -> Bounds:
        """Box of the band with the bow at its edge."""
        half, side = max(self.thick), max(self.wide)
        bow = abs(self.bow_mm) * (side / 50.0) ** 2
        ends = ((0.0, *self.a_yz), (0.0, *self.b_yz))
        return _corners(ends, (side, half + bow + self.lap_mm, half + self.lap_mm))

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Flat ends: they recede when the band shrinks and stay when it grows."""
        dy, dz = self.b_yz[0] - self.a_yz[0], self.b_yz[1] - self.a_yz[1]
        length = float(np.hypot(dy, dz))
        py = y - self.a_yz[0] - self.bow_mm * (x / 50.0) ** 2 if self.bow_mm else y - self.a_yz[0]
        pz = z - self.a_yz[1]
        t = (py * dy + pz * dz) / length**2
        across = np.abs(py * dz - pz * dy) / length
        part = np.clip(t, 0.0, 1.0)
        thick = np.maximum(self.thick[0] + grow_mm + part * (self.thick[1] - self.thick[0]), 1e-3)
        wide = np.maximum(self.wide[0] + grow_mm + part * (self.wide[1] - self.wide[0]), 1e-3)
        past = (self.lap_mm + min(grow_mm, 0.0)) / length
        ends = (t >= -past) & (t <= 1.0 + past)
        if self.rounded:
            section = (across / thick) ** 2 + (x / wide) ** 2 <= 1.0
        else:
            section = (across <= thick) & (np.abs(x) <= wide)
        inside: Bools = section & ends
        return inside

    def mirrored(self) -> Piece:
        """The same on the other side."""
        return self  # symmetric


@dataclass(frozen=True)
class Shell:
    """Between two spheres, on the side of the centre that `towards` points to: a joint's socket."""

    centre: Point
    inner: float
    outer: float
    towards: Point

    def bounds(self) -> Bounds:
        """Box of the outer sphere."""
        return _corners((self.centre,), (self.outer,) * 3)

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Both spheres move; the joint's side by as much as the outer side."""
        px, py, pz = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        squared = px**2 + py**2 + pz**2
        side = px * self.towards[0] + py * self.towards[1] + pz * self.towards[2]
        within = (squared <= (self.outer + grow_mm) ** 2) & (squared >= (self.inner - grow_mm) ** 2)
        inside: Bools = within & (side >= -grow_mm)
        return inside

    def mirrored(self) -> Piece:
        """The same on the other side."""
        return replace(self, centre=_flip(self.centre), towards=_flip(self.towards))


@dataclass(frozen=True)
class Cut:
    """The part of a piece between two heights and, where `side` is 1 or -1, left or right of the midline.

    The cuts are not grown: a margin round a cut vessel ends at the same height as the vessel.
    """

    piece: Piece
    low_z: float = -np.inf
    high_z: float = np.inf
    side: int = 0

    def bounds(self) -> Bounds:
        """The whole piece's box."""
        return self.piece.bounds()

    def inside(self, x: Floats, y: Floats, z: Floats, grow_mm: float) -> Bools:
        """Inside the piece and between the heights (the lower one included)."""
        kept: Bools = self.piece.inside(x, y, z, grow_mm) & (z >= self.low_z) & (z < self.high_z)
        return kept & (x * self.side >= 0) if self.side else kept

    def mirrored(self) -> Piece:
        """The same on the other side."""
        return replace(self, piece=self.piece.mirrored(), side=-self.side)


def cut(shape: Shape, low_z: float = -np.inf, high_z: float = np.inf, side: int = 0) -> Shape:
    """The part of a shape between two heights, on one side of the midline or (0) on both."""
    return tuple(Cut(piece, low_z, high_z, side) for piece in shape)


def tube(
    points: Sequence[Point], radii: Sequence[float], *, widen: float = 1.0, step_mm: float = 8.0
) -> Shape:
    """A smooth tube through points (Catmull-Rom), with radii that run linearly between them."""
    path, widths = smooth_path(points, radii, step_mm)
    return tuple(
        Capsule(a, b, ra, rb, widen) for a, b, ra, rb in zip(path, path[1:], widths, widths[1:], strict=False)
    )


def smooth_path(
    points: Sequence[Point], radii: Sequence[float], step_mm: float
) -> tuple[list[Point], list[float]]:
    """A Catmull-Rom curve through the points, sampled about every `step_mm`, and its radii."""
    p = np.asarray(points, dtype=float)
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    path: list[Point] = []
    widths: list[float] = []
    for n in range(len(p) - 1):
        p0, p1, p2, p3 = padded[n : n + 4]
        count = max(int(np.ceil(np.linalg.norm(p2 - p1) / step_mm)), 1)
        for t in np.arange(count) / count:
            at = p1 + 0.5 * t * (
                p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))
            )
            path.append(point(at))
            widths.append(float(radii[n] + t * (radii[n + 1] - radii[n])))
    return [*path, point(p[-1])], [*widths, float(radii[-1])]


def point(values: ArrayLike) -> Point:
    """Three numbers of any kind as a point."""
    x, y, z = (float(v) for v in np.asarray(values, dtype=float))
    return x, y, z


def mirrored(shape: Shape) -> Shape:
    """The same on the other side of the body."""
    return tuple(piece.mirrored() for piece in shape)


def _flip(at: Point) -> Point:
    return (-at[0], at[1], at[2])


def _corners(points: Sequence[Point], half: Point) -> Bounds:
    return point(np.min(points, axis=0) - half), point(np.max(points, axis=0) + half)
