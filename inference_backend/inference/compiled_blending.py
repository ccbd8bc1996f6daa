"""The sum of `blending` as a compiled loop, for where numba is installed; one thread.

Same products in the same order as without it, so the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from AmlartContourLib.measures.compiling import THREE, compiled
from inference_backend.inference import blending

ONE, LIMIT = np.float32(blending.STEPS_IN_ONE), np.float32(blending.LIMIT)
SUMS = types.Array(types.int16, 4, "C")
LOGITS = types.Array(types.float32, 4, "C")
ROW = types.Array(types.float32, 1, "C")


@compiled(types.void(SUMS, LOGITS, ROW, ROW, ROW, THREE, THREE))
def add_weighed(
    sums: Any, logits: Any, row_k: Any, row_j: Any, row_i: Any, to_kji: Any, from_kji: Any
) -> None:
    """Adds logits times rows in steps: those from `from_kji` on to the sums from `to_kji` on."""
    length = len(row_i)
    for channel in range(sums.shape[0]):
        for k in range(len(row_k)):
            for j in range(len(row_j)):
                weight = row_k[k] * row_j[j] * ONE
                here = sums[channel, to_kji[0] + k, to_kji[1] + j, to_kji[2] : to_kji[2] + length]
                said = logits[channel, from_kji[0] + k, from_kji[1] + j, from_kji[2] : from_kji[2] + length]
                for i in range(length):
                    held = min(max(said[i], -LIMIT), LIMIT)
                    here[i] += np.int16(np.int32(np.rint(held * (weight * row_i[i]))))
