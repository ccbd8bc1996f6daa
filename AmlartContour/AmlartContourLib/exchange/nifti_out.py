"""NIfTI out: one mask per structure, or one label map, or the CT.

Invariants: voxels and grid are written as they are. Masks keep every overlap. A label map cannot: its JSON
says which structure won, and how many voxels each other lost to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.volume_file import write_volume

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class OverlapLoss:
    """Voxels of `structure_id` that carry the label of `kept_by` instead, because it comes first."""

    structure_id: str
    kept_by: str
    voxels: int
    volume_cc: float


@dataclass(frozen=True)
class LabelMapWritten:
    """What a label map holds: the label of each id, the priority (first wins), and what was lost."""

    labels: Mapping[str, int]
    priority: tuple[str, ...]
    losses: tuple[OverlapLoss, ...]


def write_masks(
    folder: Path, structures: StructureSet, names: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Path]:
    """One .nii.gz of 0 and 1 per structure in an existing folder; returns the file of each id.

    `names` gives file names without ending by id; the id itself is the default. BadSetting where a name is
    not safe on every system or two are alike; ExportFailed where a file cannot be written completely.
    """
    files = {i: folder / f"{name}.nii.gz" for i, name in file_names(structures.ids, names).items()}
    for contour in structures:
        write_volume(
            files[contour.structure_id], contour.mask.to_array().astype(np.uint8), structures.geometry
        )
    return files


def write_label_map(
    path: Path, structures: StructureSet, priority: Sequence[str], catalogue: Catalogue
) -> LabelMapWritten:
    """One flat label file, and a JSON of the same name beside it; returns what the JSON says.

    Labels are 1, 2, ... in the order of `structures`. Where structures share a voxel, the one named first in
    `priority` keeps it. BadSetting unless `priority` names exactly the structures of the set; ExportFailed
    where a file cannot be written completely.
    """
    if len(priority) != len(structures) or set(priority) != set(structures.ids):
        raise BadSetting("The priority of a label map must name each of its structures once.")
    labels = {structure_id: value for value, structure_id in enumerate(structures.ids, start=1)}
    array, losses = _flattened(structures, priority, labels)
    write_volume(path, array, structures.geometry)
    written = LabelMapWritten(labels, tuple(priority), losses)
    notes = _label_notes(written, catalogue)
    names_file(path).write_text(json.dumps(notes, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return written


def default_priority(structures: StructureSet, catalogue: Catalogue) -> tuple[str, ...]:
    """The set's ids in the catalogue's order of priority; equal ones stay in the order of the set."""
    return tuple(sorted(structures.ids, key=lambda i: catalogue[i].priority))


def label_map_content(structures: StructureSet, priority: Sequence[str]) -> StructureSet:
    """The structures as a label map can hold them: each without what the ones before it took."""
    left = structures
    taken = Mask.empty(structures.geometry)
    for structure_id in priority:
        contour = structures.contours[structure_id]
        left = left.with_contours(replace(contour, mask=contour.mask - taken))
        taken = taken | contour.mask
    return left


def names_file(path: Path) -> Path:
    """The JSON with the names of a label map: labels.json beside labels.nii.gz."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def write_ct(path: Path, scan: CtScan) -> None:
    """The CT in Hounsfield units, int16. ExportFailed where it cannot be written completely."""
    write_volume(path, scan.hu_kji, scan.geometry)


def file_names(ids: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """A file name without ending for each id. BadSetting where one is unsafe or two differ only in case."""
    chosen = {structure_id: names.get(structure_id, structure_id) for structure_id in ids}
    for name in chosen.values():
        if not SAFE_NAME.fullmatch(name) or name.endswith(".") or name.lower() in WINDOWS_DEVICES:
            raise BadSetting(
                f"{name!r} cannot be a file name on every system.",
                advice="Use up to 64 letters, digits, dots, hyphens and underscores.",
            )
    if len({name.lower() for name in chosen.values()}) < len(chosen):
        raise BadSetting("Two structures would be written to one file name.", advice="Name them differently.")
    return chosen


def _flattened(
    structures: StructureSet, priority: Sequence[str], labels: Mapping[str, int]
) -> tuple[np.ndarray, tuple[OverlapLoss, ...]]:
    array = np.zeros(structures.geometry.shape_kji, dtype=np.uint8 if len(labels) < 256 else np.uint16)
    id_of = {value: structure_id for structure_id, value in labels.items()}
    losses: list[OverlapLoss] = []
    for structure_id in priority:
        mask = structures.mask(structure_id)
        window = array[mask.box.slices]
        counts = np.bincount(window[mask.block_kji], minlength=1)
        for value in np.flatnonzero(counts[1:]) + 1:
            voxels = int(counts[value])
            cc = voxels * structures.geometry.voxel_volume_cc
            losses.append(OverlapLoss(structure_id, id_of[int(value)], voxels, cc))
        window[mask.block_kji & (window == 0)] = labels[structure_id]
    return array, tuple(losses)


def _label_notes(written: LabelMapWritten, catalogue: Catalogue) -> dict[str, object]:
    return {
        "notice": RESEARCH_ONLY,
        "labels": {"background": 0, **written.labels},
        "names": {structure_id: catalogue[structure_id].display_name for structure_id in written.labels},
        "priority": list(written.priority),
        "priority_means": "where structures share a voxel, the one named first keeps it",
        "lost_to_overlap": [asdict(loss) for loss in written.losses],
    }
