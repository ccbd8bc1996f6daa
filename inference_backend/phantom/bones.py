"""The skeleton of the reference woman: spine, sacrum, hip bones, femurs, lower ribs.

Origin midway between the centres of the femoral heads; x left, y posterior, z superior; millimetres.
Lengths and positions were chosen by eye to look like a supine adult's CT; they describe no person.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from inference_backend.phantom.lofts import plate
from inference_backend.phantom.pieces import Capsule, Ellipsoid, Point, Ribbon, Shape, Shell, mirrored, tube

HEAD_CENTRE: Point = (88.0, 0.0, 0.0)
HEAD_RADIUS_MM = 23.0
CORTEX_MM = 2.6

# Centres of the vertebral bodies in the sagittal plane (y, z), with half-width and half-depth.
VERTEBRAE: dict[str, tuple[float, float, float, float]] = {
    "vertebra_l5": (7.0, 106.0, 24.0, 17.0),
    "vertebra_l4": (-1.0, 139.0, 24.0, 17.0),
    "vertebra_l3": (0.0, 173.0, 23.0, 16.5),
    "vertebra_l2": (7.0, 207.0, 22.0, 16.0),
    "vertebra_l1": (16.0, 240.0, 21.0, 15.5),
    "vertebra_t12": (25.0, 272.0, 20.0, 15.0),
    "vertebra_t11": (33.0, 303.0, 19.0, 15.0),
    "vertebra_t10": (39.0, 332.0, 18.0, 15.0),
    "vertebra_t9": (43.0, 360.0, 17.0, 14.5),
    "vertebra_t8": (45.0, 387.0, 16.5, 14.0),
    "vertebra_t7": (45.0, 413.0, 16.0, 14.0),
}
BODY_HALF_HEIGHT_MM = 13.5

# The sacrum and coccyx as a curved band: (y, z) of its middle, half-thickness, half-width.
SACRUM = (
    (12.0, 92.0, 15.0, 58.0),
    (28.0, 74.0, 13.0, 62.0),
    (50.0, 56.0, 10.5, 52.0),
    (69.0, 37.0, 9.0, 41.0),
    (81.0, 18.0, 7.5, 31.0),
    (86.0, -1.0, 6.0, 20.0),
    (83.0, -18.0, 4.5, 9.0),
    (75.0, -31.0, 3.5, 5.0),
)
S1_BODY = ((9.0, 95.0), (31.0, 71.0), (15.5, 13.0), (27.0, 22.0))  # ends, half-depths, half-widths
SACRAL_BOW_MM = 9.0
SACRAL_LAP_MM = 3.0  # so that no slit opens where the band bends


def vertebra(name: str) -> Shape:
    """Body, arch with transverse processes, and spinous process; the canal stays open."""
    y, z, wide, deep = VERTEBRAE[name]
    dy, dz = _axis(y, z)
    half = BODY_HALF_HEIGHT_MM
    a, b = (y - half * dy, z - half * dz), (y + half * dy, z + half * dz)
    body = Ribbon(a, b, (deep, deep), (wide, wide), rounded=True)
    back = y + deep
    arch = (
        Capsule((15.0, back - 2, z), (14.0, back + 12, z - 1), 4.5, 5.0),
        Capsule((14.0, back + 12, z - 2), (0.0, back + 21, z - 8), 4.0, 4.0),
        Capsule((15.0, back + 6, z + 1), (37.0, back + 8, z + 2), 4.0, 3.0),
        Capsule((14.0, back + 13, z + 10), (16.0, back + 14, z - 12), 5.0, 5.5),
    )
    spine = Ribbon((back + 20, z - 9), (back + 44, z - 15), (9.0, 8.0), (3.2, 3.8), rounded=True)
    return (body, *arch, *mirrored(arch), spine)


def discs() -> Shape:
    """The soft discs between the bodies, L5-S1 included."""
    rows = [VERTEBRAE[name] for name in VERTEBRAE]
    joints = []
    for (y0, z0, wide, deep), (y1, z1, _, _) in pairwise(rows):
        a, b = _between(y0, z0, y1, z1)
        joints.append(Ribbon(a, b, (deep, deep), (wide, wide), rounded=True))
    lumbosacral = Ribbon((12.0, 92.0), (5.5, 97.5), (16.0, 16.5), (25.0, 24.0), rounded=True)
    return (lumbosacral, *joints)


def canal() -> Shape:
    """The dural sac from T7 to S2, behind the bodies."""
    points: list[Point] = [(0.0, 58.0, 52.0), (0.0, 42.0, 76.0), (0.0, 33.0, 96.0)]
    points += [(0.0, y + deep + 9.5, z) for y, z, _, deep in VERTEBRAE.values()]
    return tube(points, [4.0, 6.0] + [7.0] * (len(points) - 2), widen=1.2)


def s1_body() -> Shape:
    """The body of the first sacral vertebra."""
    a, b, thick, wide = S1_BODY
    return (Ribbon(a, b, thick, wide, rounded=True),)


def sacrum() -> Shape:
    """Sacrum and coccyx with the wings, as one band that narrows downwards, and the median crest."""
    band = tuple(
        Ribbon((y0, z0), (y1, z1), (t0, t1), (w0, w1), bow_mm=SACRAL_BOW_MM, lap_mm=SACRAL_LAP_MM)
        for (y0, z0, t0, w0), (y1, z1, t1, w1) in pairwise(SACRUM)
    )
    crest = Ribbon((44.0, 90.0), (92.0, 20.0), (7.0, 3.0), (5.0, 3.0), rounded=True)
    return (*band, crest)


def presacral_strip(depth_mm: float, half_width_mm: float, last_row: int) -> Shape:
    """A strip of a given depth on the front of the sacrum, from the promontory to a row of SACRUM."""
    half = depth_mm / 2
    pieces = []
    for (y0, z0, t0, _), (y1, z1, t1, _) in pairwise(SACRUM[: last_row + 1]):
        ahead = np.asarray([z1 - z0, y0 - y1]) / np.hypot(y1 - y0, z1 - z0)  # forward and down
        a, b = (y0, z0) + (t0 + half) * ahead, (y1, z1) + (t1 + half) * ahead
        ends = (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))
        pieces.append(
            Ribbon(*ends, (half, half), (half_width_mm,) * 2, bow_mm=SACRAL_BOW_MM, lap_mm=SACRAL_LAP_MM)
        )
    return tuple(pieces)


def sacral_foramina() -> Shape:
    """Four pairs of holes through the sacrum, front to back."""
    holes = []
    for (y0, z0, t0, _), (y1, z1, _, _), side in zip(SACRUM[1:5], SACRUM[2:6], (21, 18, 15, 12), strict=True):
        y, z = (y0 + y1) / 2, (z0 + z1) / 2
        dy, dz = (z0 - z1) / np.hypot(y1 - y0, z1 - z0), (y1 - y0) / np.hypot(y1 - y0, z1 - z0)
        reach = t0 + 4
        front = (float(side + 3), float(y - reach * dy), float(z - reach * dz))
        holes.append(Capsule(front, (float(side), float(y + reach * dy), float(z + reach * dz)), 4.5, 3.0))
    return (*holes, *mirrored(tuple(holes)))


def hip_left() -> Shape:
    """Iliac wing, socket, ischium, pubis with both rami; the obturator foramen stays open."""
    wing = plate(
        (131, 88, 46, 3.5, 99, 32, 3.5, 110, 16, 3.5),
        (118, 74, 58, 5.0, 99, 28, 3.5, 126, 0, 4.5),
        (100, 62, 68, 7.0, 93, 26, 3.0, 131, -16, 5.0),
        (80, 60, 70, 8.0, 86, 25, 4.0, 128, -31, 5.5),
        (60, 61, 70, 8.5, 82, 24, 5.5, 119, -40, 6.5),
        (46, 64, 60, 8.0, 81, 22, 7.5, 111, -42, 7.5),
        (32, 70, 38, 9.0, 82, 14, 10.0, 105, -40, 8.5),
        (16, 70, 28, 11.0, 84, 4, 12.0, 99, -36, 9.0),
    )
    socket = Shell(HEAD_CENTRE, HEAD_RADIUS_MM + 2.5, 36.0, (-0.72, 0.25, 0.62))
    inner_wall = plate(
        (24, 58, -24, 4.0, 57, 6, 4.0, 64, 30, 7.0),
        (0, 54, -26, 4.0, 53, 6, 4.5, 60, 34, 9.0),
        (-26, 50, -20, 2.5, 54, 8, 4.0, 59, 38, 9.0),
    )
    ischium = tube(
        [(70, 24, 22), (64, 33, 2), (60, 40, -24), (58, 44, -48), (54, 38, -66)], [12, 11.5, 11, 13, 11]
    )
    ramus = tube([(66, -22, 4), (48, -36, -12), (28, -41, -24), (13, -38, -33)], [9.5, 7.5, 7, 9])
    body = Capsule((11.5, -36.0, -34.0), (10.0, -26.0, -54.0), 9.0, 8.0)
    lower = tube([(12, -22, -55), (28, 4, -65), (48, 30, -68)], [6.5, 5.5, 8.0])
    return (*wing, socket, *inner_wall, *ischium, *ramus, body, *lower)


def femur_left() -> Shape:
    """Head, neck, trochanters and the shaft down to mid-thigh."""
    head = Ellipsoid(HEAD_CENTRE, (HEAD_RADIUS_MM,) * 3)
    neck = tube([(96, 3, -6), (110, 9, -20), (122, 13, -32)], [16, 13, 15])
    trochanter = Capsule((133.0, 18.0, -10.0), (130.0, 14.0, -46.0), 12.0, 16.0)
    lesser = Capsule((114.0, 16.0, -58.0), (112.0, 12.0, -72.0), 7.0, 8.0)
    shaft = tube([(128, 12, -46), (123, 6, -78), (117, 0, -130), (108, -6, -300)], [16, 14.5, 13.5, 13])
    return (head, *neck, trochanter, lesser, *shaft)


def joint_space() -> Shape:
    """The ball that belongs to the femoral head and its cartilage, not to the hip bone."""
    return (Ellipsoid(HEAD_CENTRE, (HEAD_RADIUS_MM + 2.5,) * 3),)


def ribs_left() -> Shape:
    """The lowest five ribs as slanting hoops in the body wall."""
    pieces: list[Capsule] = []
    for number, start_z in enumerate((272.0, 303.0, 332.0, 360.0, 387.0)):
        end = (0.35, 0.55, 0.75, 0.8, 0.85)[number] * np.pi
        angles = np.linspace(0.12, end, 10)
        path: list[Point] = [
            (float(122 * np.sin(a)), float(10 + 85 * np.cos(a)), float(start_z - 62 * a / np.pi))
            for a in angles
        ]
        pieces += [Capsule(a, b, 4.5, 4.5) for a, b in pairwise(path)]
    return tuple(pieces)


def _axis(y: float, z: float) -> tuple[float, float]:
    """Unit vector (y, z) along the spine at a vertebral body, from its neighbours."""
    rows = [(12.0, 92.0), *((row[0], row[1]) for row in VERTEBRAE.values())]
    n = rows.index((y, z))
    below, above = rows[n - 1], rows[min(n + 1, len(rows) - 1)]
    dy, dz = above[0] - below[0], above[1] - below[1]
    length = float(np.hypot(dy, dz))
    return dy / length, dz / length


def _between(y0: float, z0: float, y1: float, z1: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The stretch of spine between two bodies' endplates."""
    length = float(np.hypot(y1 - y0, z1 - z0))
    share = BODY_HALF_HEIGHT_MM / length
    return (
        (y0 + share * (y1 - y0), z0 + share * (z1 - z0)),
        (y1 - share * (y1 - y0), z1 - share * (z1 - z0)),
    )
