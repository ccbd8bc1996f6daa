"""Synthetic nodal levels: the phantom's own vessels grown by fixed margins and cut at its own landmarks.

This is truth by construction for testing software. It resembles nodal CTVs; it is no guideline and no expert
drew it. All numbers here are the phantom's (engineering choices).
"""

from __future__ import annotations

from inference_backend.phantom import bones, vessels
from inference_backend.phantom.lofts import plate
from inference_backend.phantom.pieces import Ellipsoid, Point, Shape, cut, mirrored, tube

MARGIN_MM = 7.0
AORTIC_MARGIN_MM = 9.0
PARA_AORTIC_TOP_Z = vessels.RENAL_VEIN_LEFT[2]
EXTERNAL_BOTTOM_Z = bones.HEAD_RADIUS_MM
INTERNAL_BOTTOM_Z = 4.0
OBTURATOR_TOP_Z = 52.0
OBTURATOR_BOTTOM_Z = -14.0
PRESACRAL_LAST_ROW = 3  # of bones.SACRUM: down to S3
NODE_CENTRES: tuple[Point, ...] = ((41.0, -12.0, 38.0), (-37.0, -10.0, 44.0), (29.0, -27.0, 166.0))


def gtvn(count: int, radius_mm: float) -> Shape:
    """Enlarged nodes: left obturator, right external iliac, left para-aortic, in this order."""
    return tuple(Ellipsoid(c, (radius_mm, radius_mm, radius_mm * 1.25)) for c in NODE_CENTRES[:count])


def para_aortic_fill() -> Shape:
    """Fat between the great vessels and in front of the spine."""
    z0, z1 = vessels.AORTIC_BIFURCATION[2], PARA_AORTIC_TOP_Z
    fill = tube([(0, -24, z0 - 10), (-1, -25, 175), (-2, -16, z1 + 10)], [12, 12, 11])
    left = tube([(26, -22, z0 - 10), (27, -20, 175), (26, -8, z1 + 10)], [10, 10, 9])
    return cut((*fill, *left), z0, z1)


def para_aortic(shape: Shape, side: int) -> Shape:
    """The part of a shape between the bifurcation and the left renal vein, on one side of the midline."""
    return cut(shape, vessels.AORTIC_BIFURCATION[2], PARA_AORTIC_TOP_Z, side)


def common_iliac_fill(side: str) -> Shape:
    """The fat between psoas and vertebral body behind the common iliac vessels."""
    fossa = tube([(31, 4, 132), (36, 14, 108), (42, 18, 92), (46, 18, 84)], [9, 10, 10, 9])
    return _side(fossa, side)


def obturator(side: str) -> Shape:
    """A strip 18 mm wide along the pelvic side wall, between external and internal iliac vessels."""
    strip = plate(
        (OBTURATOR_TOP_Z, 50, -6, 8.0, 46, 14, 8.0, 44, 34, 6.0),
        (30, 50, -20, 9.0, 48, 6, 9.0, 46, 32, 8.0),
        (10, 46, -30, 9.0, 43, 0, 9.0, 44, 28, 8.0),
        (OBTURATOR_BOTTOM_Z, 38, -26, 8.0, 38, -4, 8.0, 38, 16, 7.0),
    )
    return _side(strip, side)


def presacral() -> Shape:
    """A strip 10 mm thick in front of the sacrum, from the promontory to S3."""
    return bones.presacral_strip(10.0, 28.0, PRESACRAL_LAST_ROW)


def _side(shape: Shape, side: str) -> Shape:
    return shape if side == "left" else mirrored(shape)
