"""An engine for tests only: thresholds the CT's voxels tile by tile, slowly or badly behaved on request.

Made from words separated by commas: `pause=0.02` sleeps that long in every tile; `deaf` never asks whether it
is cancelled; `load=2` takes 2 s to load; `dies` ends its process in the middle; `eats` asks for more memory
than there is; `noisy` prints; `silent` stops the process in the middle; `wrong` has a fault; `wrong-grid`
gives another grid than the scan's; `memory=N` takes N bytes; `gone` is not available; `cuda` wants such a
device; `needs` needs a contour that comes with the scan.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import product

import numpy as np

from AmlartContourLib.contract.errors import Cancelled
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.contours import Contours, Spread
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet

ABOVE_HU = {"body": -500, "bladder": 0, "hip_left": 300}
BAND_HU = (-20, 0, 20)
TILE = 16


class TileEngine:
    """Real contours of real voxels: `body`, `bladder` and `hip_left` are the voxels above a HU."""

    def __init__(self, words: str = "plain") -> None:
        self._words = words
        self._set = dict(word.partition("=")[::2] for word in words.split(","))
        self._ballast: np.ndarray | None = None

    def describe(self) -> EngineInfo:
        return EngineInfo(
            id="tiles-" + self._words.replace(",", "-").replace("=", "."),
            title="Tiles (for tests)",
            version="1",
            gives=tuple(ABOVE_HU),
            needs_context=("sacrum",) if "needs" in self._set else (),
            uses_context=(),
            licence="Apache-2.0",
            intended_use="tests",
            devices=("cuda",) if "cuda" in self._set else ("cpu",),
            memory_bytes=int(self._set["memory"]) if "memory" in self._set else None,
            available="gone" not in self._set,
            reason="Its weights are missing." if "gone" in self._set else "",
            mend="amlart weights import tiles.zip" if "gone" in self._set else "",
        )

    def load(self, device: str) -> None:
        time.sleep(float(self._set.get("load", 0)))
        self._ballast = np.zeros(int(self._set.get("memory", 0)), dtype=np.uint8)

    def unload(self) -> None:
        self._ballast = None

    def contour(self, ct, wanted, progress, cancel, context) -> Contours:
        if "noisy" in self._set:
            print("a library that prints", flush=True)  # noqa: T201 - what is tested
            os.write(1, b"and one that writes\n")
        votes = {name: np.zeros(ct.hu_kji.shape, dtype=np.uint8) for name in wanted}
        tiles = list(product(*(range(0, n, TILE) for n in ct.hu_kji.shape)))
        for number, (k, j, i) in enumerate(tiles):
            if cancel() and "deaf" not in self._set:
                raise Cancelled("The job was cancelled.")
            if number == len(tiles) // 2:
                self._misbehave()
            where = (slice(k, k + TILE), slice(j, j + TILE), slice(i, i + TILE))
            for name, vote in votes.items():
                for shift in BAND_HU:
                    vote[where] += ct.hu_kji[where] > ABOVE_HU[name] + shift
            time.sleep(float(self._set.get("pause", 0)))
            progress((number + 1) / len(tiles), f"Tile {number + 1} of {len(tiles)}")
        return self._result(ct, votes)

    def _result(self, ct, votes) -> Contours:
        geometry = ct.geometry
        if "wrong-grid" in self._set:
            geometry = geometry.cropped((0, 0, 0), tuple(n // 2 for n in geometry.shape_kji))
            votes = {name: v[tuple(slice(n // 2) for n in v.shape)] for name, v in votes.items()}
        masks, spread = [], {}
        for name, vote in votes.items():
            masks.append(Contour(name, Mask.from_array(vote >= 2, geometry), Source.MODEL, "thresholded"))
            box = Box.around(vote > 0)
            spread[name] = Spread(box, np.round(vote[box.slices] * 85.0).astype(np.uint8), len(BAND_HU))
        return Contours(StructureSet.of(geometry, masks), spread, {"tiles": 0.1}, findings=("Thresholded.",))

    def _misbehave(self) -> None:
        if "dies" in self._set:
            os._exit(3)
        if "silent" in self._set:
            os.kill(os.getpid(), signal.SIGSTOP)
        if "eats" in self._set:
            np.ones(1 << 50, dtype=np.uint8)
        if "wrong" in self._set:
            sys.stderr.flush()
            raise ZeroDivisionError("a fault in an engine")
