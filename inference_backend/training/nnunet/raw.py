"""A cohort's cases in nnU-Net's raw form, one data set for each network that is going to be trained.

    raw/Dataset001_bladder/imagesTr/<case>_0000.nii.gz, labelsTr/<case>.nii.gz, dataset.json

nnU-Net feeds arrays as it finds them, so every image is turned to the same order of axes, without resampling.
Structures that overlap are bits of one label: structure n is every label whose bit n is set, which is how
nnU-Net's regions keep overlap. A label that a case lacks is unknown, not empty: the case is left out of that
data set.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.domain.lattice import Reorder, towards
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.atomic import write_folder
from AmlartContourLib.exchange.volume_file import write_volume
from inference_backend.dataset.cohort import Cohort, LabelledCase, read_case
from inference_backend.dataset.cohort_out import same_file
from inference_backend.dataset.layout import CHANNEL, DATASET_FILE, ENDING, TRAIN_IMAGES, TRAIN_LABELS
from inference_backend.nnunet.axes import Axes
from inference_backend.training.cohort_cases import label_of

Tell = Callable[[str], None]


@dataclass(frozen=True)
class DataSet(Message):
    """One data set of nnU-Net: its number, name, structures, and the cases that have all of their labels."""

    number: int
    name: str
    structures: tuple[str, ...]
    cases: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """As nnU-Net wants it: Dataset001_bladder."""
        return f"Dataset{self.number:03d}_{self.name}"


def data_sets(groups: Sequence[tuple[str, ...]]) -> tuple[DataSet, ...]:
    """The data sets of a recipe's groups, without cases."""
    return tuple(
        DataSet(n, group[0] if len(group) == 1 else "regions", group) for n, group in enumerate(groups, 1)
    )


def write_raw(
    raw: Path, cohort: Cohort, ids: Sequence[str], sets: Sequence[DataSet], axes: Axes, tell: Tell
) -> tuple[DataSet, ...]:
    """Writes every case into the data sets that have use for it; the folder appears whole or not at all.

    Returns the sets with their cases. BadSetting where the axes are left-handed, or where no case has a
    set's labels; ExportFailed on a full disk.
    """
    if axes.is_left_handed:
        raise BadSetting(
            f"Images cannot be written in the order {axes.letters}.",
            advice="Use weights trained on LPS or RAS.",
        )
    used: dict[int, list[str]] = {one.number: [] for one in sets}

    def fill(folder: Path) -> None:
        for number, case_id in enumerate(ids, 1):
            try:
                read = read_case(cohort.case(case_id), cohort.form)
            except AmlartError as error:
                tell(f"{case_id} is left out: {error.what}")
                continue
            for sentence in read.broken:
                tell(f"{case_id}, label {sentence}")
            for place in _write_case(folder, read, sets, axes, tell):
                used[place].append(case_id)
            tell(f"Written for nnU-Net: {number} of {len(ids)} cases")
        for one in sets:
            text = json.dumps(dataset_json(one.structures, len(used[one.number])), indent=2) + "\n"
            if used[one.number]:
                (folder / one.folder / DATASET_FILE).write_text(text, encoding="utf-8")

    write_folder(raw, fill)
    found = tuple(replace(one, cases=tuple(sorted(used[one.number]))) for one in sets)
    empty = [name for one in found if not one.cases for name in one.structures]
    if empty:
        shutil.rmtree(raw)
        raise BadSetting(
            f"No case has the labels of {', '.join(empty)}"
            f"{' all together' if any(len(one.structures) > 1 for one in found) else ''}.",
            advice="Take what is lacking out of the recipe, or use one_network_each.",
        )
    return found


def dataset_json(structures: Sequence[str], cases: int) -> dict[str, object]:
    """What nnU-Net reads of a data set. Regions where there are several structures."""
    told: dict[str, object] = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **dict.fromkeys(structures[:1], 1)},
        "numTraining": cases,
        "file_ending": ENDING,
    }
    if len(structures) > 1:
        every = range(1, 1 << len(structures))
        told["labels"] = {
            "background": 0,
            **{name: [v for v in every if v >> n & 1] for n, name in enumerate(structures)},
        }
        told["regions_class_order"] = [1 << n for n in range(len(structures))]
    return told


def _write_case(
    folder: Path, read: LabelledCase, sets: Sequence[DataSet], axes: Axes, tell: Tell
) -> list[int]:
    """The numbers of the data sets that the case went into; the image is one file in all of them."""
    order = towards(read.scan.geometry, np.diag(axes.signs))
    geometry = order.geometry(read.scan.geometry)
    first: Path | None = None
    places = []
    for one in sets:
        masks = [label_of(read.structures, name) for name in one.structures]
        lacking = [name for name, mask in zip(one.structures, masks, strict=True) if mask is None]
        if lacking:
            tell(f"{read.id} is left out of {one.folder}: it has no label of {', '.join(lacking)}.")
            continue
        images, labels = folder / one.folder / TRAIN_IMAGES, folder / one.folder / TRAIN_LABELS
        for place in (images, labels):
            place.mkdir(parents=True, exist_ok=True)
        known = [mask for mask in masks if mask is not None]
        write_volume(labels / f"{read.id}{ENDING}", _bits(known, order), geometry)
        image = images / f"{read.id}{CHANNEL}{ENDING}"
        if first is None:
            write_volume(image, np.ascontiguousarray(order.array(read.scan.hu_kji)), geometry)
            first = image
        else:
            same_file(first, image)
        places.append(one.number)
    return places


def _bits(masks: Sequence[Mask], order: Reorder) -> np.ndarray:
    """One byte a voxel, bit n for mask n, in the new order [k, j, i]."""
    joined = np.zeros(masks[0].geometry.shape_kji, dtype=np.uint8)
    for n, mask in enumerate(masks):
        joined |= mask.to_array().astype(np.uint8) << n
    return np.ascontiguousarray(order.array(joined))
