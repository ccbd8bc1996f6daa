"""Arteries and veins of the reference woman, as smooth tubes that descend without turning back upwards.

Heights fall monotonically along every iliac branch, so an axial slice meets each branch once: one component
above the common iliac bifurcation, two below it. The internal branches end near the ischial spine.
"""

from __future__ import annotations

from inference_backend.phantom.pieces import Point, Shape, cut, tube

AORTIC_BIFURCATION: Point = (14.0, -31.0, 135.0)
CAVAL_CONFLUENCE: Point = (-13.0, -26.0, 120.0)
ILIAC_BIFURCATION_LEFT: Point = (45.0, 4.0, 84.0)
ILIAC_BIFURCATION_RIGHT: Point = (-45.0, 4.0, 84.0)
RENAL_VEIN_LEFT: Point = (6.0, -38.0, 220.0)
FEMORAL_RING_Z = -12.0  # the iliac masks end here; the femoral vessels go on
SPLIT_Z = 84.0
STEP_MM = 6.0

_EXTERNAL_ARTERY = (
    (45, 4, 84),
    (47, 2, 72),
    (50, -6, 58),
    (53, -18, 44),
    (57, -31, 30),
    (64, -41, 16),
    (71, -48, 2),
)
_INTERNAL_ARTERY = (
    (45, 4, 84),
    (45, 15, 74),
    (46, 25, 62),
    (47, 33, 48),
    (48, 38, 32),
    (49, 39, 16),
    (50, 37, 2),
)
_EXTERNAL_VEIN = (
    (41, 13, 76),
    (43, 11, 68),
    (45, 3, 56),
    (48, -9, 44),
    (51, -22, 30),
    (55, -33, 16),
    (60, -41, 2),
)
_INTERNAL_VEIN = ((41, 13, 76), (38, 26, 63), (37, 37, 50), (38, 45, 34), (41, 48, 18), (44, 47, 4))
_COMMON_ARTERY_LEFT = ((18, -31, 137), (23, -30, 122), (30, -21, 108), (38, -8, 95), (45, 4, 84))
_COMMON_ARTERY_RIGHT = (
    (10, -31, 137),
    (5, -35, 124),
    (-8, -35, 112),
    (-23, -25, 101),
    (-36, -9, 92),
    (-45, 4, 84),
)
_COMMON_VEIN_LEFT = ((-8, -26, 122), (1, -22, 112), (12, -17, 103), (24, -5, 92), (34, 6, 83), (41, 13, 76))
_COMMON_VEIN_RIGHT = ((-18, -25, 122), (-20, -20, 110), (-28, -9, 98), (-36, 4, 86), (-41, 13, 76))

Branch = tuple[tuple[float, float, float], ...]


def aorta() -> Shape:
    """From the chest down to the bifurcation in front of L4, left of the midline."""
    points: list[Point] = [(14, -31, 128), (14, -31, 135), (15, -32, 175), (15, -26, 210), (14, -15, 245)]
    points += [(12, -6, 275), (11, 4, 305), (14, 12, 350), (18, 16, 440)]
    return cut(tube(points, [8, 8, 8.5, 9, 9.5, 10, 10.5, 11, 11.5]), low_z=AORTIC_BIFURCATION[2])


def inferior_vena_cava() -> Shape:
    """From the confluence up to the diaphragm, right of the midline."""
    points: list[Point] = [
        (-13, -26, 112),
        (-14, -26, 122),
        (-16, -27, 140),
        (-17, -27, 175),
        (-18, -23, 210),
    ]
    points += [(-19, -17, 245), (-20, -18, 290), (-20, -24, 335)]
    return cut(tube(points, [8, 8.5, 9, 9.5, 10, 10.5, 11, 11]), low_z=CAVAL_CONFLUENCE[2])


def common_artery(side: str) -> Shape:
    """Common iliac artery of one side; the right one crosses in front of the left vein."""
    path = _COMMON_ARTERY_LEFT if side == "left" else _COMMON_ARTERY_RIGHT
    return cut(_branch(path, 1, 5.6, 5.2), high_z=AORTIC_BIFURCATION[2])


def common_vein(side: str) -> Shape:
    """Common iliac vein of one side."""
    path = _COMMON_VEIN_LEFT if side == "left" else _COMMON_VEIN_RIGHT
    return cut(_branch(path, 1, 7.5, 7.0), high_z=CAVAL_CONFLUENCE[2])


def external_artery(side: str) -> Shape:
    """Along the psoas to the femoral ring."""
    return cut(_branch((*_EXTERNAL_ARTERY, (75, -51, -16)), _sign(side), 4.8, 4.4), low_z=FEMORAL_RING_Z)


def external_vein(side: str) -> Shape:
    """Behind and medial to the artery, to the femoral ring."""
    return cut(_branch((*_EXTERNAL_VEIN, (64, -45, -16)), _sign(side), 6.0, 5.6), low_z=FEMORAL_RING_Z)


def internal_artery(side: str) -> Shape:
    """Backwards and down in front of the piriformis to the ischial spine."""
    return _branch(_INTERNAL_ARTERY, _sign(side), 4.2, 3.2)


def internal_vein(side: str) -> Shape:
    """Behind and medial to the internal artery."""
    return _branch(_INTERNAL_VEIN, _sign(side), 5.0, 4.0)


def iliac_artery(side: str) -> Shape:
    """Common, external and internal iliac artery of one side."""
    return (*common_artery(side), *external_artery(side), *internal_artery(side))


def iliac_vein(side: str) -> Shape:
    """Common, external and internal iliac vein of one side."""
    return (*common_vein(side), *external_vein(side), *internal_vein(side))


def femoral(side: str) -> Shape:
    """Femoral artery and vein below the ring, for the picture only."""
    s = _sign(side)
    artery = tube(
        [(75 * s, -51, -14), (77 * s, -52, -60), (76 * s, -42, -130), (78 * s, -20, -280)], [4.4, 4, 4, 3.5]
    )
    vein = tube(
        [(64 * s, -45, -14), (66 * s, -46, -60), (68 * s, -36, -130), (72 * s, -14, -280)], [5.6, 5, 5, 4]
    )
    return (*artery, *vein)


def renal() -> Shape:
    """Renal veins and arteries, for the picture only."""
    left = tube([(-12, -24, 221), (4, -38, 221), (22, -34, 220), (48, 2, 216)], [4, 4, 4, 4])
    right = tube([(-24, -20, 214), (-48, 4, 206)], [4.5, 4])
    arteries = tube([(16, -26, 224), (30, -12, 222), (48, 8, 218)], [3, 3, 3])
    return (*left, *right, *arteries)


def _branch(points: Branch, sign: int, radius_start: float, radius_end: float) -> Shape:
    count = len(points)
    radii = [radius_start + (radius_end - radius_start) * n / (count - 1) for n in range(count)]
    return tube([(x * sign, y, z) for x, y, z in points], radii, step_mm=STEP_MM)


def _sign(side: str) -> int:
    return 1 if side == "left" else -1
