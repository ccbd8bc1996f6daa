"""From the patient to a slice view's pixels and back: where planes, contours and slices lie on the
screen.

Everything on screen is given as a fraction of the view's width and height, from its upper left corner,
so the page can draw it at any size. VTK counts pixels from the lower left, MRML uses RAS; both are
turned here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
RAS_OF_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
PARALLEL = 1e-6


@dataclass(frozen=True, eq=False)
class Projection:
    """One view at one moment. `pixel_to_lps`: 4x4, from (x, y, 0, 1) in VTK pixels to LPS mm. Size in
    pixels."""

    pixel_to_lps: Numbers
    width: int
    height: int

    @classmethod
    def of(cls, xy_to_ras: Numbers, width: int, height: int) -> Projection:
        """From a slice node's matrix."""
        return cls(RAS_OF_LPS @ xy_to_ras, max(width, 1), max(height, 1))

    @property
    def normal_lps(self) -> Numbers:
        """(3,) unit normal of the slice."""
        normal = np.cross(self.pixel_to_lps[:3, 0], self.pixel_to_lps[:3, 1])
        unit: Numbers = normal / np.linalg.norm(normal)
        return unit

    @property
    def centre_lps(self) -> Numbers:
        """(3,) the middle of the view, on the slice."""
        centre: Numbers = self.to_lps(np.asarray([[0.5, 0.5]]))[0]
        return centre

    def to_lps(self, fractions: Numbers) -> Numbers:
        """(n, 3) LPS mm of (n, 2) fractions."""
        x = fractions[:, 0] * self.width
        y = (1.0 - fractions[:, 1]) * self.height
        points = np.stack([x, y, np.zeros_like(x), np.ones_like(x)])
        lps: Numbers = (self.pixel_to_lps @ points)[:3].T
        return lps

    def to_fractions(self, points_lps: Numbers) -> Numbers:
        """(n, 2) fractions of (n, 3) LPS mm, seen along the normal."""
        homogeneous = np.concatenate([points_lps, np.ones((len(points_lps), 1))], axis=1)
        pixels = (np.linalg.inv(self.pixel_to_lps) @ homogeneous.T).T
        return np.stack([pixels[:, 0] / self.width, 1.0 - pixels[:, 1] / self.height], axis=1)

    def line(self, point_lps: Numbers, normal_lps: Numbers) -> Numbers | None:
        """(2, 2) where a plane cuts the view's left and right (or upper and lower) sides, as
        fractions; None where the plane is parallel to the slice or does not cross the view."""
        corners = np.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        heights = (self.to_lps(corners) - point_lps) @ normal_lps
        across, down = heights[1] - heights[0], heights[2] - heights[0]
        if max(abs(across), abs(down)) < PARALLEL:
            return None
        if abs(down) >= abs(across):
            left, right = -heights[0] / down, -(heights[0] + across) / down
            ends = np.asarray([[0.0, left], [1.0, right]])
        else:
            top, bottom = -heights[0] / across, -(heights[0] + down) / across
            ends = np.asarray([[top, 0.0], [bottom, 1.0]])
        outside = np.all(ends < 0, axis=0) | np.all(ends > 1, axis=0)
        return None if bool(outside.any()) else ends

    def letters(self) -> tuple[str, str, str, str]:
        """The patient's directions at the left, right, upper and lower edge: R, L, A, P, S, I."""
        x, y = self.pixel_to_lps[:3, 0], self.pixel_to_lps[:3, 1]
        return _letter(-x), _letter(x), _letter(y), _letter(-y)


def _letter(direction_lps: Numbers) -> str:
    axis = int(np.argmax(np.abs(direction_lps)))
    return ("RL", "AP", "IS")[axis][int(direction_lps[axis] > 0)]
