"""Is one scan another? Equal voxels, or block means that hardly differ.

The latter finds a scan again whose header was rewritten or from which a voxel was cropped.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.exchange.ct_scan import CtScan

BLOCKS = 12  # along each axis
SAME_HU = 4.0  # mean difference of the block means


@dataclass(frozen=True, eq=False)
class ScanPrint:
    """What is kept of a scan to know it again."""

    voxels_sha256: str
    thumbnail: NDArray[np.float32]

    def is_same(self, other: ScanPrint) -> bool:
        """Whether both are of one scan."""
        near = float(np.abs(self.thumbnail - other.thumbnail).mean()) < SAME_HU
        return near or self.voxels_sha256 == other.voxels_sha256


def scan_print(scan: CtScan) -> ScanPrint:
    """The print of a scan."""
    digest = hashlib.sha256(np.ascontiguousarray(scan.hu_kji).tobytes()).hexdigest()
    return ScanPrint(digest, _thumbnail(scan))


def _thumbnail(scan: CtScan) -> NDArray[np.float32]:
    """Means over a grid of equal blocks."""
    small = scan.hu_kji
    for axis in range(3):
        edges = np.linspace(0, small.shape[axis], BLOCKS + 1).astype(int)[:-1]
        starts = np.minimum(edges, small.shape[axis] - 1)
        sizes = np.diff([*starts, small.shape[axis]]).clip(1)
        shape = [-1 if a == axis else 1 for a in range(3)]
        small = np.add.reduceat(small.astype(np.float32), starts, axis=axis) / sizes.reshape(shape)
    return small.astype(np.float32)
