"""How much input is read at most. Every limit is checked before the pixels behind it are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import TooLarge

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Upper bounds for one scan. The defaults are far above any planning CT and below what a workstation with
    16 GB can hold: `voxels` is 1024 x 1024 x 1024, 2 GB as int16."""

    files: int = 20_000
    slices: int = 3_000
    voxels: int = 2**30
    dicom_file_bytes: int = 256 * MIB
    nifti_file_bytes: int = 8192 * MIB

    def require_voxels(self, size_ijk: tuple[int, ...], what: str) -> None:
        """Raises TooLarge, naming `what`, where an image has more voxels than are read."""
        count = 1
        for n in size_ijk:
            count *= int(n)
        if count > self.voxels:
            size = "x".join(str(n) for n in size_ijk)
            raise TooLarge(
                f"{what} has {size} voxels; the limit is {self.voxels} in all.",
                kept="Nothing was read.",
                advice="Export fewer or smaller slices, cropped to the pelvis and abdomen.",
            )


def require_file_size(path: Path, limit_bytes: int) -> None:
    """Raises TooLarge, naming the file, where it has more bytes than are read."""
    size = path.stat().st_size
    if size > limit_bytes:
        raise TooLarge(
            f"{path.name} has {size / MIB:.1f} MiB; the limit for such files is {limit_bytes / MIB:.1f}.",
            kept="Nothing was read.",
            advice="Check that this file is part of the CT; if not, take it out of the folder.",
        )
