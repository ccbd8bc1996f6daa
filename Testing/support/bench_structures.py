"""Eight structures of a pelvis in simple shapes, and an edited version of each, for timing.

Sizes and forms follow what a clinician contours: a branching nodal CTV, thin plates, several components. The
edited version is the same analytic shape seen through a smooth random displacement of a few millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask

GRID = Geometry((512, 512, 193), (1.3, 1.3, 2.5))
DISPLACEMENT_MM = 2.5  # root mean square
Shape = Callable[[np.ndarray], np.ndarray]  # points (3, ...) as x, y, z from the grid's middle -> inside
End = tuple[float, float, float]


@dataclass(frozen=True)
class Edited:
    """One structure before and after."""

    name: str
    before: Mask
    after: Mask


def _ellipsoid(centre: End, radii: End) -> Shape:
    c, r = (np.asarray(v, dtype=float)[:, None, None, None] for v in (centre, radii))
    return lambda p: (((p - c) / r) ** 2).sum(axis=0) <= 1


def _tubes(*tubes: tuple[End, End, float]) -> Shape:
    def inside(p: np.ndarray) -> np.ndarray:
        found = np.zeros(p.shape[1:], dtype=bool)
        for start, stop, radius in tubes:
            a, along = np.asarray(start, dtype=float), np.subtract(stop, start)
            from_a = p - a[:, None, None, None]
            part = np.clip(np.tensordot(along, from_a, axes=1) / (along @ along), 0, 1)
            found |= ((from_a - along[:, None, None, None] * part) ** 2).sum(axis=0) <= radius**2
        return found

    return inside


def _both_sides(*tubes: tuple[End, End, float]) -> Shape:
    mirrored = [((-a[0], *a[1:]), (-b[0], *b[1:]), radius) for a, b, radius in tubes]
    return _tubes(*tubes, *mirrored)


def _plate(p: np.ndarray) -> np.ndarray:
    return (np.abs(p[0]) <= 60) & (np.abs(p[1] - 20) <= 3.2) & (np.abs(p[2] + 110) <= 25)


SHAPES: dict[str, Shape] = {
    "bladder": _ellipsoid((0, -30, -120), (52, 38, 36)),
    "anorectum": _tubes(((0, 60, -180), (5, 75, -110), 13), ((5, 75, -110), (10, 55, -60), 14)),
    "uterus": _ellipsoid((0, 10, -85), (21, 24, 40)),
    "ctvn": _both_sides(
        ((0, 0, 150), (0, 0, 20), 17),
        ((0, 0, 20), (60, 10, -30), 15),
        ((60, 10, -30), (70, -20, -130), 15),
        ((55, 20, -40), (50, 40, -110), 12),
    ),
    "parametrium": _plate,
    "vagina": _ellipsoid((0, 25, -150), (16, 10, 32)),
    "bowel_bag": _tubes(((-40, -60, -40), (50, -50, 60), 42), ((50, -50, 60), (-30, -60, 100), 32)),
    "bone": _both_sides(
        ((90, 60, -100), (60, 80, -20), 20),
        ((110, 20, -150), (130, 10, -100), 24),
        ((0, 90, -60), (0, 90, 20), 22),
    ),
}


def edited_structures(seed: int = 0) -> Iterator[Edited]:
    """All eight, always the same for one seed."""
    rng = np.random.default_rng(seed)
    for name, shape in SHAPES.items():
        box = _box(shape)
        points = _points(box)
        moved = points + _displacement(points, rng)
        yield Edited(name, *(Mask.from_block(shape(p), box, GRID) for p in (points, moved)))


def large_nodal_ctv(seed: int = 0) -> Edited:
    """A branching nodal CTV of about 600 cm3, the largest a stroke is timed on."""
    shape = _both_sides(
        ((0, 0, 150), (0, 0, 20), 19.3),
        ((0, 0, 20), (60, 10, -30), 17),
        ((60, 10, -30), (70, -20, -130), 17),
        ((55, 20, -40), (50, 40, -110), 13.6),
    )
    points = _points(box := _box(shape))
    moved = points + _displacement(points, np.random.default_rng(seed))
    return Edited("nodal CTV", *(Mask.from_block(shape(p), box, GRID) for p in (points, moved)))


def stroke(mask: Mask, add: bool, rng: np.random.Generator) -> Mask:
    """A disc of 8 mm radius on one slice, at an edge of the contour."""
    block = mask.block_kji.copy()
    edges = np.argwhere(np.diff(np.pad(block, ((0, 0), (0, 0), (1, 0)))))
    k, j, i = edges[rng.integers(len(edges))]
    rows, columns = np.ogrid[: block.shape[1], : block.shape[2]]
    disc = ((rows - j) * GRID.spacing_mm[1]) ** 2 + ((columns - i) * GRID.spacing_mm[0]) ** 2 <= 64
    block[k] = block[k] | disc if add else block[k] & ~disc
    return Mask.from_block(block, mask.box, mask.geometry)


def _points(box: Box, step: int = 1) -> np.ndarray:
    axes = [
        (np.arange(a, b, step) - (n - 1) / 2) * spacing
        for a, b, n, spacing in zip(
            box.start_kji, box.stop_kji, GRID.shape_kji, GRID.spacing_kji_mm, strict=True
        )
    ]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.stack([x, y, z])


def _box(shape: Shape) -> Box:
    """Round the shape with room for the displacement, found on every fourth voxel."""
    whole = Box((0, 0, 0), GRID.shape_kji)
    coarse = Box.around(shape(_points(whole, 4)))
    start, stop = ([4 * n for n in ends] for ends in (coarse.start_kji, coarse.stop_kji))
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])).padded(
        (8, 12, 12), GRID.shape_kji
    )


def _displacement(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(3, ...) mm: waves of 30 to 90 mm in random directions."""
    waves = rng.normal(size=(3, 6, 3))
    waves *= (2 * np.pi / rng.uniform(30, 90, size=(3, 6)) / np.linalg.norm(waves, axis=-1))[..., None]
    phases = rng.uniform(0, 2 * np.pi, size=(3, 6))
    moved = np.zeros_like(points)
    for axis, wave, phase in ((a, w, f) for a in range(3) for w, f in zip(waves[a], phases[a], strict=True)):
        moved[axis] += np.sin(np.tensordot(wave, points, axes=1) + phase)
    scale: np.ndarray = moved * (DISPLACEMENT_MM / np.sqrt((moved**2).sum(axis=0).mean()))
    return scale
