"""Barriers: what a nodal level may not enter, and how much each took away."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

from AmlartContourLib.domain.margins import Margin, expand, shrink
from AmlartContourLib.domain.mask import Mask, union
from inference_backend.guideline.margins_preset import GuidelineMargins
from inference_backend.guideline.patient_view import SIDES, PatientView
from inference_backend.guideline.shaping import filled_in_plane

DISC_MM = 16.0  # the thickest gap between two vertebrae that counts as a disc
FORAMEN_RADIUS_MM = 9.0  # closes the sacral foramina and the grooves in front of them
VERTEBRAE = tuple(f"vertebra_{name}" for name in ("s1", "l5", "l4", "l3", "l2", "l1", "t12", "t11"))
MUSCLES = ("iliopsoas", "gluteus_maximus", "gluteus_medius", "gluteus_minimus")
MEMBERS = {
    "bones": ("sacrum", *VERTEBRAE, *(f"{bone}_{side}" for bone in ("hip", "femur") for side in SIDES)),
    "muscles": tuple(f"{muscle}_{side}" for muscle in MUSCLES for side in SIDES),
    "bowel": ("colon", "small_bowel", "duodenum", "sigmoid", "rectum", "anorectum"),
    "bladder": ("bladder",),
    "bladder_from_strips": ("bladder",),
    "kidneys": tuple(f"kidney_{side}" for side in SIDES),
}
EXPECTED = {  # at least one of each is needed for the barrier to mean something
    "bones": "pelvic bones and vertebrae",
    "muscles": "muscles",
    "bowel": "bowel",
}


@dataclass(frozen=True, eq=False)
class Barriers:
    """Masks by group, in the order in which they are taken out, and those that were asked for but missing.

    `sacrum` is the sacrum with its foramina closed.
    """

    groups: dict[str, Mask]
    missing: tuple[str, ...]
    whole: Mask
    strips_only: Mask
    sacrum: Mask

    def removed_from(self, mask: Mask) -> list[str]:
        """How much of a mask each group takes, each voxel counted once, as sentences."""
        sentences, rest = [], mask
        for name, group in self.groups.items():
            taken = (rest & group).volume_cc
            rest = rest - group
            sentences.append(f"Taken out of the nodal levels: {taken:.1f} cm3 of {name}.")
        return sentences


def barriers(view: PatientView, preset: GuidelineMargins) -> Barriers:
    """The preset's barriers. Bones are filled: marrow, spinal canal, discs and sacral foramina count as
    bone."""
    groups: dict[str, Mask] = {}
    sacrum = closed_sacrum(view)
    missing = []
    for item in fields(preset.exclude):
        if not getattr(preset.exclude, item.name).value:
            continue
        mask = view.union(*MEMBERS[item.name])
        if mask.is_empty:
            missing += [EXPECTED[item.name]] if item.name in EXPECTED else []
        else:
            groups[item.name] = _solid_bones(view, mask | sacrum) if item.name == "bones" else mask
    strip_only = groups.pop("bladder_from_strips", view.empty)
    return Barriers(groups, tuple(missing), union(list(groups.values()), view.geometry), strip_only, sacrum)


def closed_spine(view: PatientView) -> Mask:
    """Vertebrae with the discs between them, which have no mask."""
    spine = view.union(*VERTEBRAE, "sacrum")
    if spine.is_empty:
        return spine
    reach = int(np.ceil(DISC_MM / 2 / view.slice_step_mm))
    padded = np.pad(spine.block_kji, [(reach, reach), (0, 0), (0, 0)])
    line = np.ones((2 * reach + 1, 1, 1), dtype=bool)
    closed = ndimage.binary_closing(padded, line)[reach : padded.shape[0] - reach]
    return Mask.from_block(closed | spine.block_kji, spine.box, view.geometry)


def closed_sacrum(view: PatientView) -> Mask:
    """Sacrum and S1 with their foramina closed, in three dimensions: they open forwards or downwards."""
    sacrum = view.union("sacrum", "vertebra_s1")
    return shrink(expand(sacrum, Margin.isotropic(FORAMEN_RADIUS_MM)), FORAMEN_RADIUS_MM) | sacrum


def _solid_bones(view: PatientView, bones: Mask) -> Mask:
    return filled_in_plane(bones | closed_spine(view))
