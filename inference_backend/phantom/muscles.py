"""Skin, fat, body wall and muscles of the reference woman.

Named muscles are the ones the catalogue holds; the rest (`other_muscles`) is drawn so that the picture and
the borders of the nodal levels look right.
"""

from __future__ import annotations

from inference_backend.phantom.lofts import Barrel, barrel, plate
from inference_backend.phantom.pieces import Capsule, Ellipsoid, Shape, mirrored, tube

WALL_MM = 10.0


def trunk(fat_mm: float) -> Barrel:
    """The skin of the trunk: (z, x, y, half-width, depth in front, depth behind), wider with more fat."""
    wide, front = (fat_mm - 20.0), (fat_mm - 20.0)
    rows = (
        (-92, 178, 82, 96),
        (-60, 186, 92, 104),
        (-30, 189, 100, 108),
        (0, 188, 106, 110),
        (45, 180, 112, 108),
        (90, 165, 112, 102),
        (130, 152, 108, 94),
        (170, 146, 106, 94),
        (220, 146, 107, 100),
        (280, 150, 110, 108),
        (340, 154, 112, 112),
        (445, 158, 108, 112),
    )
    scaled = [(z, 0.0, 5.0, a + wide * 0.7, f + front, b + wide * 0.3) for z, a, f, b in rows]
    return barrel(*scaled, power=3)


def leg_left(fat_mm: float) -> Barrel:
    """The skin of a thigh."""
    wide = (fat_mm - 20.0) * 0.6
    rows = (
        (-300, 88, 0, 74, 78, 78),
        (-150, 94, 2, 86, 88, 88),
        (-88, 95, 4, 92, 88, 96),
        (-40, 95, 4, 90, 80, 100),
    )
    return barrel(*((z, x, y, a + wide, f + wide, b + wide) for z, x, y, a, f, b in rows))


def cavity() -> Barrel:
    """Inside the abdominal wall: (z, x, y, half-width, depth in front, depth behind)."""
    rows = (
        (-30, 0, 5, 60, 62, 80),
        (0, 0, 5, 74, 72, 84),
        (45, 0, 5, 112, 80, 74),
        (90, 0, 5, 126, 80, 60),
        (130, 0, 5, 120, 76, 50),
        (170, 0, 5, 114, 74, 46),
        (220, 0, 5, 114, 75, 52),
        (280, 0, 5, 118, 78, 66),
        (340, 0, 5, 122, 80, 76),
        (445, 0, 5, 122, 78, 78),
    )
    return barrel(*rows, power=3)


def wall() -> Shape:
    """Rectus, obliques and transversus: the cavity grown by WALL_MM, above the iliac crests; rectus below."""
    rectus = plate(
        (70, -46, -84, 5.0, 0, -88, 5.0, 46, -84, 5.0),
        (30, -40, -80, 5.0, 0, -84, 5.0, 40, -80, 5.0),
        (0, -30, -72, 5.5, 0, -75, 5.5, 30, -72, 5.5),
        (-26, -14, -48, 6.0, 0, -50, 6.0, 14, -48, 6.0),
    )
    oblique = plate(
        (72, 50, -82, 5.0, 92, -66, 6.0, 126, -36, 5.0),
        (40, 44, -78, 5.0, 80, -66, 6.0, 112, -48, 4.0),
        (12, 34, -70, 4.0, 62, -64, 4.0, 92, -54, 3.0),
    )
    return (*rectus, *oblique, *mirrored(oblique))


def iliopsoas_left() -> Shape:
    """Psoas from T12 down over the pelvic brim, with the iliacus on the wing."""
    psoas = tube(
        [(25, 24, 258), (32, 12, 225), (40, 6, 190), (47, 4, 150), (55, 2, 115), (67, -8, 78), (78, -26, 46)],
        [5, 10, 14, 17, 18.5, 17.5, 15.5],
    )
    lower = tube(
        [(78, -26, 46), (86, -44, 18), (92, -46, -5), (102, -32, -36), (112, 4, -64)], [15.5, 14, 13, 12, 7]
    )
    iliacus = plate(
        (122, 82, 30, 2.5, 99, 12, 3.0, 116, -4, 2.0),
        (100, 76, 38, 4.0, 92, 10, 7.0, 122, -24, 4.0),
        (70, 72, 28, 6.0, 88, 4, 9.0, 114, -34, 6.0),
        (36, 76, 2, 7.0, 86, -16, 9.0, 100, -42, 8.0),
    )
    return (*psoas, *lower, *iliacus)


def gluteus_maximus_left() -> Shape:
    """From sacrum and iliac crest across the buttock to the thigh."""
    return plate(
        (98, 56, 84, 3.0, 72, 80, 5.0, 86, 70, 3.0),
        (56, 34, 90, 6.0, 76, 88, 11.0, 116, 64, 8.0),
        (10, 26, 98, 8.0, 84, 92, 14.0, 142, 54, 9.0),
        (-30, 30, 96, 10.0, 90, 90, 15.0, 152, 42, 8.0),
        (-66, 52, 90, 10.0, 100, 80, 14.0, 150, 36, 7.0),
        (-92, 80, 84, 4.0, 112, 70, 9.0, 148, 34, 5.0),
    )


def gluteus_medius_left() -> Shape:
    """Outside the iliac wing, to the greater trochanter."""
    return plate(
        (122, 96, 46, 4.0, 114, 28, 5.0, 130, 8, 3.0),
        (90, 86, 62, 8.0, 118, 26, 10.0, 140, -16, 5.0),
        (52, 94, 56, 11.0, 124, 22, 12.0, 140, -24, 8.0),
        (18, 110, 46, 10.0, 134, 16, 10.0, 140, -22, 8.0),
        (-14, 140, 28, 7.0, 149, 14, 6.0, 150, 2, 4.0),
    )


def gluteus_minimus_left() -> Shape:
    """Between medius and the bone."""
    return plate(
        (76, 96, 34, 3.5, 106, 14, 4.0, 120, -10, 3.0),
        (40, 96, 34, 5.0, 108, 12, 6.0, 122, -20, 5.0),
        (8, 112, 28, 5.0, 122, 8, 6.0, 126, -18, 5.0),
        (-12, 130, 14, 3.0, 135, 2, 4.0, 136, -8, 3.0),
    )


def pelvic_wall() -> Shape:
    """Obturator internus, piriformis, levator: no catalogue ids, but they bound parametrium and levels."""
    obturator = plate(
        (22, 57, -20, 3.0, 55, 6, 4.0, 60, 28, 3.0),
        (0, 47, -24, 4.5, 44, 4, 6.0, 48, 32, 5.0),
        (-28, 36, -28, 4.5, 42, 4, 7.0, 44, 34, 6.0),
        (-52, 30, -20, 4.0, 40, 6, 6.0, 42, 28, 5.0),
    )
    piriformis = tube([(20, 70, 38), (50, 62, 30), (92, 42, 14), (126, 22, 0)], [7, 9, 8, 5])
    levator = plate(
        (-14, 40, -4, 2.0, 38, 30, 2.5, 22, 66, 2.5),
        (-34, 25, -12, 2.5, 27, 30, 3.0, 12, 62, 2.5),
        (-54, 14, -14, 3.0, 19, 24, 3.5, 8, 58, 3.0),
    )
    left = (*obturator, *piriformis, *levator)
    return (*left, *mirrored(left))


def other_muscles() -> Shape:
    """Back and thigh muscles, for the picture only."""
    back = tube(
        [
            (20, 74, 60),
            (28, 62, 100),
            (34, 52, 140),
            (35, 52, 180),
            (35, 62, 230),
            (34, 76, 300),
            (32, 88, 430),
        ],
        [9, 18, 23, 23, 22, 20, 17],
    )
    quadratus = tube([(62, 44, 122), (60, 34, 170), (52, 36, 240)], [10, 11, 7])
    thigh = (
        *tube(
            [(120, -36, 44), (122, -46, 10), (118, -46, -40), (112, -42, -120), (104, -36, -290)],
            [6, 15, 27, 38, 38],
        ),
        *tube([(34, -40, -36), (52, -26, -70), (64, -8, -130), (72, 0, -290)], [8, 22, 34, 36]),
        *tube([(62, 48, -62), (80, 46, -110), (88, 40, -180), (90, 36, -290)], [9, 24, 32, 32]),
        *tube([(52, 20, -62), (70, 20, -90), (84, 18, -150), (92, 14, -290)], [12, 26, 34, 34]),
        *tube([(142, 2, -30), (138, -8, -70), (130, -4, -140), (122, 0, -290)], [9, 22, 30, 32]),
        *tube([(40, -12, -50), (72, 14, -46), (112, 20, -44)], [10, 11, 6]),
        Capsule((146.0, -20.0, 40.0), (146.0, 0.0, -120.0), 6.0, 6.0),
    )
    sphincter = (Ellipsoid((0.0, 46.0, -76.0), (17.0, 19.0, 16.0)),)
    left = (*back, *quadratus, *thigh)
    return (*left, *mirrored(left), *sphincter)
