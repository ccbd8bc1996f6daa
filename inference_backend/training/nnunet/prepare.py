"""A cohort made ready for nnU-Net's training: written, looked at, planned and preprocessed, each once."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.cohort import Cohort
from inference_backend.dataset.layout import DATASET_FILE
from inference_backend.nnunet.plans import parsed, plans_of
from inference_backend.training.nnunet.commands import PREPROCESSED, RAW, NnUNet
from inference_backend.training.nnunet.plan import PLANS_NAME, NnUNetPlan, Tell, start_file
from inference_backend.training.nnunet.raw import DataSet, data_sets, dataset_json, write_raw
from inference_backend.training.nnunet.start import Source, write_start

SETS, READY = "data_sets.json", "preprocessed.done"
GIVEN = "Dataset999_Start"  # where nnU-Net's own tool finds the plans that are moved


@dataclass(frozen=True)
class Sets(Message):
    """The data sets that were written."""

    sets: tuple[DataSet, ...]


def prepare(
    run: Path, plan: NnUNetPlan, cohort: Cohort, source: Source | None, processes: int, tell: Tell
) -> tuple[DataSet, ...]:
    """Raw data, fingerprint, plans and preprocessed cases of every data set, each once."""
    nnunet = NnUNet(run, processes)
    sets = _raw(run, plan, cohort, tell)
    for one in sets:
        if (run / PREPROCESSED / one.folder / READY).exists():
            continue
        tell(f"{one.folder}: nnU-Net looks at {len(one.cases)} cases")
        log = f"{one.folder}-preparing"
        few: tuple[object, ...] = ("-np", max(1, processes), "--no_pbar")
        checked = ("-d", one.number, "--verify_dataset_integrity")
        nnunet.call(log, _unsaid, "nnUNetv2_extract_fingerprint", *checked, *few)
        _make_plans(run, plan, one, source, nnunet, log)
        tell(f"{one.folder}: nnU-Net preprocesses")
        which = ("-d", one.number, "-plans_name", PLANS_NAME, "-c", plan.recipe.configuration)
        nnunet.call(log, _unsaid, "nnUNetv2_preprocess", *which, *few)
        if source is not None:
            shared = write_start(start_file(run, one), source, one.structures)
            rows = ", ".join(shared) or "none"
            tell(f"{one.folder}: starts from {source.told.name}; rows of the head: {rows}")
        write_file(run / PREPROCESSED / one.folder / READY, b"")
    return sets


def _raw(run: Path, plan: NnUNetPlan, cohort: Cohort, tell: Tell) -> tuple[DataSet, ...]:
    kept = run / SETS
    if kept.exists():
        return from_json(Sets, kept.read_bytes()).sets
    shutil.rmtree(run / RAW, ignore_errors=True)  # written, but not told of: the program ended in between
    ids = [case for part in plan.learnt.folds for case in part]
    sets = write_raw(run / RAW, cohort, ids, data_sets(plan.recipe.groups), plan.axes, tell)
    for one in sets:
        _require_folds(plan, one)
    write_file(kept, to_json(Sets(sets)).encode())
    return sets


def _require_folds(plan: NnUNetPlan, one: DataSet) -> None:
    for n in plan.recipe.folds:
        seen = set(plan.splits.folds[n]) & set(one.cases)
        if not seen or not set(one.cases) - seen:
            raise BadSetting(
                f"Fold {n} leaves {one.folder} without cases to learn from or to be watched on.",
                advice="Use fewer folds, or label more cases.",
            )


def _make_plans(
    run: Path, plan: NnUNetPlan, one: DataSet, source: Source | None, nnunet: NnUNet, log: str
) -> None:
    """nnU-Net's own plans, or those of the weights to start from, moved by nnU-Net's own tool."""
    place, recipe = run / PREPROCESSED / one.folder, plan.recipe
    if source is None:
        words: list[object] = ["-d", one.number, "-pl", recipe.planner, "-overwrite_plans_name", PLANS_NAME]
        words += ["-gpu_memory_target", recipe.gpu_memory_gb] if recipe.gpu_memory_gb else []
        nnunet.call(log, _unsaid, "nnUNetv2_plan_experiment", *words)
    else:
        given = run / PREPROCESSED / GIVEN
        given.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.plans_file, given / "GivenPlans.json")
        words = ["-s", GIVEN, "-t", one.folder, "-sp", "GivenPlans", "-tp", PLANS_NAME]
        nnunet.call(log, _unsaid, "nnUNetv2_move_plans_between_datasets", *words)
        shutil.copyfile(
            run / RAW / one.folder / DATASET_FILE, place / DATASET_FILE
        )  # that tool leaves it out
    text = (place / f"{PLANS_NAME}.json").read_bytes()
    plans_of(parsed(text, "plans"), dataset_json(one.structures, len(one.cases)), recipe.configuration)
    splits = [
        {part: [case for case in cases if case in one.cases] for part, cases in fold.items()}
        for fold in plan.learnt.nnunet_splits()
    ]
    write_file(place / "splits_final.json", json.dumps(splits, indent=1).encode(), replace=True)


def _unsaid(_line: str) -> None:
    """The log has it."""
