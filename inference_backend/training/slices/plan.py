"""What a fine-tuning on slices learns from, decided once and kept as plan.json, and its cases on the disk.

A case that cannot be read, or that holds none of the structures, is left out and told. A run that goes on
keeps its plan; another recipe, split or start needs another folder. Case names are in this file only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError, BadSetting, InputRefused
from AmlartContourLib.contract.strict_json import Message, from_json, to_json, to_plain
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.atomic import write_file, write_folder
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.dataset.cohort import Cohort, read_case
from inference_backend.dataset.splits import Splits
from inference_backend.models.bundle import file_in_bundle
from inference_backend.training.cohort_cases import label_of
from inference_backend.training.slices.recipe import SliceRecipe

PLAN, CASES = "plan.json", "cases"
LEAST_TRAINING = 2

KeepCase = Callable[[Path, CtScan, Mapping[str, Mask]], None]
"""Writes a case into a folder that is there."""


@dataclass(frozen=True)
class SlicePlan(Message):
    """See the module. `recipe`: as plain values; `start`: SHA-256 of the weights. `labels`: of each case that
    is used. `told`: what is to say of cases and labels."""

    recipe: Mapping[str, object]
    splits: Splits
    start: str
    training: tuple[str, ...]
    validation: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    told: tuple[str, ...]

    @property
    def not_shown(self) -> frozenset[str]:
        """Cases that must not become examples: the hold-out and the fold of the validation."""
        return frozenset({*self.splits.hold_out, *self.validation})


def plan_slices(
    run: Path, cohort: Cohort, splits: Splits, recipe: SliceRecipe, start: Path, keep: KeepCase
) -> SlicePlan:
    """The plan of a run's folder: the one it has, or a new one with its cases written. BadSetting where the
    folder is another run's; InputRefused where the cohort is not enough; ExportFailed on a full disk."""
    if not start.is_file():
        raise BadSetting(f"There are no weights {start}.", advice="Give the file of weights to start from.")
    asked = (to_plain(recipe), splits, file_in_bundle(start).sha256)
    path = run / PLAN
    if path.exists():
        plan = read_plan(run)
        if (to_plain(plan)["recipe"], plan.splits, plan.start) != asked:
            raise BadSetting(
                "The folder holds a run with another recipe, split or start.",
                kept="It is left as it is.",
                advice="Choose another folder for this one.",
            )
        return plan
    plan = _made(run, cohort, splits, recipe, asked[2], keep)
    write_file(path, to_json(plan).encode())
    return plan


def read_plan(run: Path) -> SlicePlan:
    """The plan of a run. BadSetting where the folder holds none."""
    try:
        return from_json(SlicePlan, (run / PLAN).read_bytes())
    except OSError as error:
        raise BadSetting(f"{run} holds no run.") from error


def _made(
    run: Path, cohort: Cohort, splits: Splits, recipe: SliceRecipe, start: str, keep: KeepCase
) -> SlicePlan:
    if recipe.validation_fold >= len(splits.folds):
        raise BadSetting(
            f"The recipe validates on fold {recipe.validation_fold}, and there are {len(splits.folds)}.",
            advice="Make a split with more folds, or change the recipe.",
        )
    labels: dict[str, tuple[str, ...]] = {}
    told: list[str] = []
    for name in (name for fold in splits.folds for name in fold):
        try:
            labels[name] = _kept(run / CASES / name, cohort, name, recipe, keep, told)
        except AmlartError as error:
            told.append(f"{name} is left out: {error.what}")
    used = {name for name, found in labels.items() if found}
    told += [f"{name} is left out: it holds none of the structures." for name in labels if name not in used]
    validation = tuple(name for name in splits.folds[recipe.validation_fold] if name in used)
    training = tuple(n for fold in splits.folds for n in fold if n in used and n not in validation)
    if len(training) < LEAST_TRAINING or not validation:
        raise InputRefused(
            f"{len(training)} cases to learn from and {len(validation)} to validate on are too few.",
            advice=f"There must be {LEAST_TRAINING} and 1. " + " ".join(told[:3]),
        )
    return SlicePlan(
        recipe=to_plain(recipe),
        splits=splits,
        start=start,
        training=training,
        validation=validation,
        labels={name: labels[name] for name in (*training, *validation)},
        told=tuple(told),
    )


def _kept(
    folder: Path, cohort: Cohort, name: str, recipe: SliceRecipe, keep: KeepCase, told: list[str]
) -> tuple[str, ...]:
    """Writes one case; the structures of it that were labelled, none where all of them are empty."""
    read = read_case(cohort.case(name), cohort.form)
    told += [f"{name}, label {words}" for words in read.broken]
    labels: dict[str, Mask] = {}
    for structure in recipe.structures:
        label = label_of(read.structures, structure)
        if label is not None:
            labels[structure] = label
    if all(label.is_empty for label in labels.values()):
        return ()
    if not folder.exists():
        write_folder(folder, lambda place: keep(place, read.scan, labels))
    return tuple(labels)
