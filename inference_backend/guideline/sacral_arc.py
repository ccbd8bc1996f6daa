"""The front of the sacrum as a curve in the midline, measured along its arc.

No mask tells the sacral vertebrae apart (but sometimes the first), so a height along the sacrum is an
estimate: S2 is taken to be as long as S1, or, without S1, every sacral vertebra a fifth of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from inference_backend.guideline.patient_view import PatientView

BAND_MM = 7.0  # half width of the midline band
STEP_MM = 3.0
S1_LENGTH_MM = (18.0, 50.0)  # outside this the S1 mask is not a whole vertebra and is not used
SEGMENTS = 5


@dataclass(frozen=True, eq=False)
class SacralArc:
    """Points from the promontory down, LPS; `along` points down the sacrum, `front` to its pelvic side."""

    curve_lps: NDArray[np.float64]
    along: NDArray[np.float64]
    front: NDArray[np.float64]
    s1_length_mm: float | None
    cut: bool

    @property
    def lengths_mm(self) -> NDArray[np.float64]:
        """Arc length from the promontory to each point."""
        steps = np.linalg.norm(np.diff(self.curve_lps, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    def border_after(self, segments: float) -> LevelBorder:
        """The plane across the sacrum after a number of sacral vertebrae from the top; always estimated."""
        lengths = self.lengths_mm
        if self.s1_length_mm is not None:
            target = segments * self.s1_length_mm
            text = f"{segments:g} lengths of S1 ({self.s1_length_mm:.0f} mm) along the front of the sacrum"
        else:
            target = lengths[-1] * segments / SEGMENTS
            text = f"{segments:g} fifths of the length of the sacrum ({lengths[-1]:.0f} mm) along its front"
        target = min(target, float(lengths[-1]))
        x, y, z = (float(np.interp(target, lengths, self.curve_lps[:, axis])) for axis in range(3))
        a, b, c = (float(-v) for v in self.along)
        return LevelBorder(BorderKind.SACRUM_S2_S3, (x, y, z), (a, b, c), text, True)


def sacral_arc(view: PatientView, midline: LevelBorder) -> SacralArc | None:
    """The curve, from the sacrum with S1; None where there is no sacrum, or too little of it to tell its
    run."""
    whole = view.union("sacrum", "vertebra_s1")
    if not view.has("sacrum"):
        return None
    points = _near_midline(whole, midline)
    if len(points) < 10 or np.ptp(points[:, 2]) < 4 * STEP_MM:
        return None
    centre = points.mean(axis=0)
    along = _long_axis(points)
    front = np.asarray([0.0, along[2], -along[1]])
    u, v = (points - centre) @ along, (points - centre) @ front
    bins = np.round((u - u.min()) / STEP_MM).astype(int)
    used = np.unique(bins)
    edge = np.asarray([v[bins == b].max() for b in used])
    smooth = np.asarray([np.median(edge[max(n - 1, 0) : n + 2]) for n in range(len(edge))])
    height = np.asarray([u[bins == b].mean() for b in used])
    upper_third = smooth[: max(len(smooth) // 3, 1)]
    start = int(np.argmax(upper_third >= upper_third.max() - STEP_MM))  # the promontory stands out
    curve = (centre + height[:, None] * along + smooth[:, None] * front)[start:]
    arc = SacralArc(curve, along, front, None, whole.box.start_kji[0] == 0)
    return SacralArc(curve, along, front, _s1_length(view, midline, arc, centre), arc.cut)


def _near_midline(mask: Mask, midline: LevelBorder) -> NDArray[np.float64]:
    points = mask.points_lps()
    off = (points - np.asarray(midline.point_lps)) @ np.asarray(midline.normal_lps)
    near: NDArray[np.float64] = points[np.abs(off) <= BAND_MM]
    return near


def _long_axis(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector in the sagittal plane along the longest run of the points, downwards."""
    flat = points[:, 1:] - points[:, 1:].mean(axis=0)
    y, z = np.linalg.svd(flat, full_matrices=False)[2][0]
    sign = -1.0 if z > 0 else 1.0
    return np.asarray([0.0, sign * y, sign * z])


def _s1_length(
    view: PatientView, midline: LevelBorder, arc: SacralArc, centre: NDArray[np.float64]
) -> float | None:
    """Arc length of the front of S1, or None without a plausible S1 mask."""
    if not view.has("vertebra_s1"):
        return None
    points = _near_midline(view.mask("vertebra_s1"), midline)
    heights = (arc.curve_lps - centre) @ arc.along
    u, v = (points - centre) @ arc.along, (points - centre) @ arc.front
    edge = np.interp(u, heights, (arc.curve_lps - centre) @ arc.front)
    body = u[v >= edge - 2 * STEP_MM]
    if not len(body):
        return None
    length = float(np.interp(body.max(), heights, arc.lengths_mm))
    return length if S1_LENGTH_MM[0] <= length <= S1_LENGTH_MM[1] else None
