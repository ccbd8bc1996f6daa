"""Kidneys, bowel and the organs above them, drawn so that a scan of any length looks filled.

Bowel loops run through random points of the peritoneal space: the seed decides them, the body wall, vessels
and other organs are cut out later. Gas collects on the side that faces up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_backend.phantom.lofts import Barrel, barrel
from inference_backend.phantom.pieces import Capsule, Ellipsoid, Point, Shape, smooth_path, tube
from inference_backend.phantom.spec import PhantomSpec

KIDNEYS: dict[str, Ellipsoid] = {
    "kidney_left": Ellipsoid((66.0, 26.0, 216.0), (25.0, 27.0, 53.0), -12.0),
    "kidney_right": Ellipsoid((-66.0, 24.0, 204.0), (25.0, 27.0, 52.0), -12.0),
}
COLON: tuple[Point, ...] = (
    (-88, -34, 62),
    (-104, -26, 84),
    (-106, -6, 120),
    (-102, 4, 160),
    (-96, -8, 196),
    (-78, -42, 206),
    (-34, -60, 190),
    (14, -62, 186),
    (62, -54, 206),
    (92, -16, 250),
    (102, 16, 238),
    (102, 22, 190),
    (103, 14, 146),
    (102, -6, 112),
    (95, -24, 92),
)
COLON_RADII = (16, 22, 22, 21, 21, 20, 19, 18, 18, 18, 17, 16, 16, 15, 14)
SIGMOID_RADIUS_MM = 12.5


@dataclass(frozen=True)
class Loops:
    """A hollow organ: its tube and the gas bubbles that may sit in it."""

    shape: Shape
    bubbles: Shape


def kidney_sinus(name: str) -> Shape:
    """Fat and vessels on the side of the hilum, facing the spine."""
    x, y, z = KIDNEYS[name].centre
    inward = -1.0 if x > 0 else 1.0
    return (Ellipsoid((x + 17 * inward, y - 6, z), (17.0, 9.0, 22.0), -12.0),)


def colon(spec: PhantomSpec, up: NDArray[np.float64]) -> Loops:
    """Caecum to descending colon, with haustra."""
    path, widths = smooth_path(COLON, COLON_RADII, 9.0)
    haustra = [r * (1.0 + 0.12 * (-1) ** (n // 2)) for n, r in enumerate(widths)]
    return _loops(path, haustra, spec, up, salt=11, share=0.3)


def sigmoid(spec: PhantomSpec, start: Point, up: NDArray[np.float64]) -> Loops:
    """From the rectum to the descending colon; `sigmoid_drop` lowers a loop to the left parametrium."""
    drop = spec.sigmoid_drop
    x, y, z = start
    loop = (38.0 - 2 * drop, 10.0 + 14 * drop, 66.0 - 50.0 * drop)
    turn = (54.0 - 22 * drop, -16.0 + 28 * drop, 80.0 - 46.0 * drop)
    points: list[Point] = [start, (x + 14, y - 4, z + 8), loop, turn, (66, -34, 84), (84, -34, 86), COLON[-1]]
    radius = SIGMOID_RADIUS_MM
    path, widths = smooth_path(points, [spec.rectum_radius_mm * 0.88, *([radius] * 5), 14], 8.0)
    return _loops(path, widths, spec, up, salt=12, share=0.25)


def small_bowel(spec: PhantomSpec, up: NDArray[np.float64]) -> Loops:
    """Coils in the front of the abdomen, from the pelvic brim to below the transverse colon."""
    rng = np.random.default_rng([spec.seed, 13])
    points: list[Point] = []
    for n, height in enumerate(np.linspace(184.0, 64.0, 44)):
        side = 1.0 if n % 2 else -1.0
        x = side * rng.uniform(15, 84) * (0.7 if height < 96 else 1.0)
        y = -58.0 + 20.0 * ((n // 2) % 2) + rng.uniform(-6, 6)  # two layers of coils, front and back
        points.append((float(x), float(y), float(height + rng.uniform(-6, 6))))
    path, widths = smooth_path(points, [float(r) for r in rng.uniform(10.5, 13.5, len(points))], 10.0)
    return _loops(path, widths, spec, up, salt=14, share=0.15)


def duodenum() -> Shape:
    """The C round the pancreas' head; its third part crosses in front of the aorta at L3."""
    points: list[Point] = [(-16, -50, 232), (-40, -36, 230), (-48, -24, 205), (-44, -30, 178)]
    return tube([*points, (-18, -48, 166), (14, -50, 166), (36, -44, 186)], [12, 13, 13, 12, 10, 9, 11])


def bowel_space() -> Barrel:
    """The peritoneal space in which bowel may lie: front of the abdomen down to the pelvis."""
    rows = (
        (44, 0, -24, 62, 44, 44),
        (80, 0, -34, 104, 42, 26),
        (130, 0, -34, 112, 44, 12),
        (196, 0, -34, 106, 44, 6),
    )
    return barrel(*rows, power=3)


def upper_organs() -> dict[str, Shape]:
    """Liver, spleen, stomach, pancreas, heart and lungs: for the picture of long scans only."""
    lungs = (
        Ellipsoid((68.0, 18.0, 410.0), (50.0, 62.0, 112.0)),
        Ellipsoid((-68.0, 18.0, 412.0), (50.0, 62.0, 100.0)),
    )
    return {
        "lungs": lungs,
        "liver": (
            Ellipsoid((-78.0, 2.0, 286.0), (64.0, 88.0, 88.0)),
            Ellipsoid((-14.0, -38.0, 306.0), (76.0, 44.0, 38.0)),
        ),
        "spleen": (Ellipsoid((92.0, 38.0, 288.0), (24.0, 36.0, 44.0)),),
        "stomach": (Ellipsoid((52.0, -34.0, 284.0), (38.0, 34.0, 40.0)),),
        "pancreas": tube([(-28, -36, 214), (0, -46, 226), (36, -34, 240), (66, -4, 262)], [11, 9, 8, 7]),
        "heart": (Ellipsoid((18.0, -28.0, 390.0), (52.0, 44.0, 46.0), 20.0),),
    }


def nasogastric_tube() -> Shape:
    """A thin tube down the oesophagus into the stomach and on to the duodenum."""
    points: list[Point] = [
        (2, 8, 440),
        (4, 2, 350),
        (22, -8, 312),
        (46, -34, 282),
        (20, -56, 252),
        (-16, -50, 232),
    ]
    return tube([*points, (-40, -36, 228), (-48, -24, 205), (-44, -30, 180)], [2.4] * 9)


def _loops(
    path: list[Point], radii: list[float], spec: PhantomSpec, up: NDArray[np.float64], salt: int, share: float
) -> Loops:
    rng = np.random.default_rng([spec.seed, salt])
    shape = tuple(
        Capsule(a, b, ra, rb) for a, b, ra, rb in zip(path, path[1:], radii, radii[1:], strict=False)
    )
    bubbles: list[Ellipsoid] = []
    for centre, radius in zip(path, radii, strict=True):
        if rng.uniform() < spec.bowel_gas * share * 3:
            x, y, z = np.asarray(centre) + 0.38 * radius * up
            bubbles.append(Ellipsoid((float(x), float(y), float(z)), (radius * 0.66,) * 3))
    return Loops(shape, tuple(bubbles))
