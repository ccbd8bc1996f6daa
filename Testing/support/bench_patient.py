"""A patient of the size that a clinic contours, for timing: 512 x 512 x 193 voxels and 14 structures.

The forms are those of `bench_structures`; parts and levels are cut from them. Synthetic: no anatomy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from AmlartContourLib.domain.margins import shrink
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.nifti_out import write_ct, write_masks
from support.bench_structures import GRID, edited_structures

STRUCTURES = 14
AIR = 20  # rows
BORDERS_K = (74, 104)  # slices where the nodal CTV is cut into its levels


def bench_contours() -> StructureSet:
    """The 14 structures."""
    whole = {edited.name: edited.before for edited in edited_structures()}
    nodal, plate, uterus = whole["ctvn"], whole["parametrium"], whole["uterus"]
    middle_i = GRID.size_ijk[0] // 2
    cervix = _between(uterus, 0, 0, uterus.box.start_kji[0] + 12)
    pelvic = _between(nodal, 0, 0, BORDERS_K[0])
    masks = {
        **{name: whole[name] for name in ("bladder", "anorectum", "uterus", "vagina", "bowel_bag")},
        "small_bowel": shrink(whole["bowel_bag"], 8.0),
        "cervix": cervix,
        "gtvp": shrink(cervix, 4.0),
        "parametrium_right": _between(plate, 2, 0, middle_i),
        "parametrium_left": _between(plate, 2, middle_i, GRID.size_ijk[0]),
        "ln_pelvic": pelvic,
        "gtvn": shrink(_between(pelvic, 2, 0, middle_i), 6.0),
        "ln_common_iliac": _between(nodal, 0, *BORDERS_K),
        "ln_paraaortic": _between(nodal, 0, BORDERS_K[1], GRID.size_ijk[2]),
    }
    assert len(masks) == STRUCTURES
    assert not any(mask.is_empty for mask in masks.values())
    return StructureSet.of(GRID, (Contour(i, mask, Source.IMPORTED) for i, mask in masks.items()))


def bench_scan() -> CtScan:
    """Soft tissue with noise, and air at the sides: a CT without any is refused."""
    hu_kji = np.random.default_rng(0).normal(40, 25, GRID.shape_kji).astype(np.int16)
    hu_kji[:, :AIR, :] = hu_kji[:, -AIR:, :] = -1000
    return CtScan(hu_kji, GRID, source_sha256=b"bench".hex().ljust(64, "0"))


def write_bench_patient(folder: Path) -> None:
    """A patient of a worklist."""
    (folder / "masks").mkdir(parents=True)
    write_ct(folder / "ct.nii.gz", bench_scan())
    write_masks(folder / "masks", bench_contours())


def _between(mask: Mask, axis: int, start: int, stop: int) -> Mask:
    """What of a mask lies in the slices from `start` to before `stop` along an axis of [k, j, i]."""
    block = mask.block_kji.copy()
    place = np.arange(block.shape[axis]) + mask.box.start_kji[axis]
    outside = [slice(None)] * 3
    outside[axis] = (place < start) | (place >= stop)  # type: ignore[call-overload]
    block[tuple(outside)] = False
    return Mask.from_block(block, mask.box, mask.geometry)
