"""Slices as SAM and MedSAM are shown them, and places on them.

HU between -160 and 240 (window 40/400) become brightness 0 to 255, three times the same. MedSAM's pictures
are stretched to the network's square; SAM's keep their shape, with padding behind the shorter side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from inference_backend.prompted.description import Look

LOW_HU, HIGH_HU = -160.0, 240.0
BRIGHT = 255.0
Pixels = tuple[int, int]
BoxJi = tuple[int, int, int, int]
"""j0, i0, j1, i1 of a slice, half open."""


@dataclass(frozen=True)
class Frame:
    """How a slice of `shape_ji` pixels lies on a network's square of `side` pixels."""

    shape_ji: Pixels
    side: int
    look: Look

    @property
    def filled_ji(self) -> Pixels:
        """The part of the square that the slice fills."""
        if self.look is Look.MEDSAM:
            return self.side, self.side
        scale = self.side / max(self.shape_ji)
        j, i = (int(n * scale + 0.5) for n in self.shape_ji)
        return j, i

    def picture(self, hu_ji: NDArray[np.int16]) -> Tensor:
        """The slice as the encoder takes it, float32 [1, 3, side, side]."""
        bright = (np.asarray(hu_ji, dtype=np.float32) - LOW_HU) * np.float32(BRIGHT / (HIGH_HU - LOW_HU))
        one = torch.from_numpy(np.clip(bright, 0.0, BRIGHT))[None, None]
        mode = "bicubic" if self.look is Look.MEDSAM else "bilinear"
        large = interpolate(one, self.filled_ji, mode=mode, align_corners=False, antialias=True)
        return large.clamp_(0.0, BRIGHT).expand(1, 3, -1, -1)

    def padded(self, picture: Tensor) -> Tensor:
        """A picture with zeros behind its shorter side, as SAM pads once brightness is scaled."""
        j, i = picture.shape[-2:]
        return pad(picture, (0, self.side - i, 0, self.side - j))

    def box_xyxy(self, box_ji: BoxJi) -> NDArray[np.float32]:
        """The first and last pixel of a box, as x0, y0, x1, y1 on the square."""
        j0, i0, j1, i1 = box_ji
        return self._on_square(np.asarray([[i0, j0], [i1 - 1, j1 - 1]], dtype=np.float32)).reshape(4)

    def points_xy(self, points_ji: NDArray[np.int64]) -> NDArray[np.float32]:
        """Pixels [n, 2] as x, y on the square."""
        return self._on_square(np.asarray(points_ji, dtype=np.float32)[:, ::-1])

    def back(self, logits: Tensor) -> NDArray[np.float32]:
        """What is said of each pixel of the slice, above 0 where it belongs. logits: [1, 1, h, w]."""
        if self.look is Look.MEDSAM:
            said = interpolate(logits.sigmoid(), self.shape_ji, mode="bilinear", align_corners=False) - 0.5
        else:
            j, i = self.filled_ji
            large = interpolate(logits, (self.side, self.side), mode="bilinear", align_corners=False)
            said = interpolate(large[..., :j, :i], self.shape_ji, mode="bilinear", align_corners=False)
        found: NDArray[np.float32] = said[0, 0].cpu().numpy()
        return found

    def _on_square(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        filled, shape = np.asarray(self.filled_ji[::-1]), np.asarray(self.shape_ji[::-1])
        placed: NDArray[np.float32] = (xy * (filled / shape)).astype(np.float32)
        return placed
