"""Does transfer help? With 4, 8 and 16 labelled cases of another hospital: pretrained against from scratch.

    python Testing/bench/transfer.py FOLDER      goes on where it was ended; without a folder it says so only

A network is pretrained on synthetic patients of the first hospital. Then, for each number of cases of the
second hospital (other voxels, no contrast, more noise, larger patients, fuller bladders), it is trained with
the same steps, order and windows from those weights and from random ones, and measured on the same held-out
cases of the second hospital. Synthetic anatomy: what it shows holds for the software, not for patients.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from inference_backend.dataset.cohort import Cohort, open_cohort
from inference_backend.dataset.layout import Form
from inference_backend.dataset.splits import Splits
from inference_backend.dataset.synthetic import Hospital, SyntheticCohort, make_cohort
from inference_backend.engines.bundle import BundleEngine
from inference_backend.evaluation.contoured import contour_cohort
from inference_backend.evaluation.measured import CaseMeasured, SourceOfContours, measure_source
from inference_backend.evaluation.summary import compare_sources, values
from inference_backend.models.allocation import keep_freed_memory
from inference_backend.training.cohort_cases import look_at
from inference_backend.training.cohort_pack import BundleNames, pack_cohort
from inference_backend.training.cohort_plan import CohortPlan, Member
from inference_backend.training.cohort_recipe import CohortRecipe, read_cohort_recipe
from inference_backend.training.cohort_run import cohort_phases, train_cohort_phase
from inference_backend.training.recipe import RECIPES

FIRST, SECOND, HELD = 16, 16, 6
SIZES = (4, 8, 16)
VOXEL_MM = {Hospital.FIRST: 7.0, Hospital.SECOND: 8.0}
PRETRAINED_STEPS, STEPS = 500, 120


def main(root: Path) -> None:
    """Everything, and the table on standard output."""
    keep_freed_memory()
    torch.set_num_threads(1)
    recipe = replace(read_cohort_recipe(RECIPES / "study.json"), members=1, calibration_folds=0, seed=3)
    first, second = _cohort(root, Hospital.FIRST, FIRST), _cohort(root, Hospital.SECOND, SECOND + HELD)
    ids = [case.id for case in second.cases]
    held = ids[SECOND:]
    every = [case.id for case in first.cases]
    pretrained = _trained(root, "pretrained", first, every, replace(recipe, steps=PRETRAINED_STEPS), None)
    measured = {}
    for size in SIZES:
        for start, bundle in (("scratch", None), ("transfer", pretrained)):
            name = f"{start}-{size}"
            made = _trained(root, name, second, ids[:size], replace(recipe, steps=STEPS), bundle)
            measured[name] = _measured(root, name, made, second, held)
    measured["none"] = _measured(root, "pretrained-untouched", pretrained, second, held)
    _tell(measured, recipe.structures)


def _cohort(root: Path, hospital: Hospital, cases: int) -> Cohort:
    folder = root / hospital.value
    wanted = SyntheticCohort(cases, 0, 5, hospital, VOXEL_MM[hospital])
    make_cohort(wanted, folder, Form.FOLDERS, lambda _f, _s: None)
    return open_cohort(folder)


def _trained(
    root: Path, name: str, cohort: Cohort, ids: Sequence[str], recipe: CohortRecipe, start: Path | None
) -> Path:
    """A bundle of one network that learnt from these cases; the loss is watched on the first of them."""
    bundle = root / "bundles" / name
    if bundle.exists():
        return bundle
    looks, _ = look_at(cohort, ids, recipe.structures)
    plan = CohortPlan(
        recipe=recipe,
        splits=Splits(1, (tuple(ids),), ()),
        spacing_mm=recipe.spacing_mm or (8.0, 8.0, 8.0),
        members=(Member(tuple(ids), (ids[0],)),),
        calibration=(),
        clinic=(),
        labels={case: look.labels for case, look in looks.items()},
        told=(),
        start=None,
        synthetic=True,
    )
    phases = cohort_phases(plan, root / "runs" / name, start)
    began = time.process_time()
    for phase in phases:
        train_cohort_phase(plan, phase, cohort, root / "cases" / cohort.root.name, lambda *_: None)
    print(f"{name}: {len(ids)} cases, {recipe.steps} steps, {time.process_time() - began:.0f} s", flush=True)  # noqa: T201
    pack_cohort(plan, phases, bundle, BundleNames(name, "1"))
    return bundle


def _measured(
    root: Path, name: str, bundle: Path, cohort: Cohort, held: Sequence[str]
) -> tuple[CaseMeasured, ...]:
    cases, folder = tuple(cohort.case(case) for case in held), root / "contours" / name
    contour_cohort(BundleEngine(bundle.name, bundle), cohort, cases, folder, lambda _f, _s: None, "cpu")
    return measure_source(SourceOfContours(name, folder), cohort, cases, lambda _f, _s: None)


def _tell(measured: dict[str, tuple[CaseMeasured, ...]], structures: Sequence[str]) -> None:
    print("| structure | " + " | ".join(measured) + " |")  # noqa: T201
    print("| --- |" + " --- |" * len(measured))  # noqa: T201
    for structure in structures:
        cells = [_mean(values(cases, structure, "Dice").values()) for cases in measured.values()]
        print(f"| {structure} | " + " | ".join(cells) + " |")  # noqa: T201
    for size in SIZES:
        pair = {name: measured[name] for name in (f"scratch-{size}", f"transfer-{size}")}
        for row in compare_sources(pair):
            if row.figure == "Dice":
                words = f"{row.low:+.3f} to {row.high:+.3f}, p {row.p if row.p is None else round(row.p, 3)}"
                print(f"{size} cases, {row.structure}: {row.median:+.3f} ({words})")  # noqa: T201


def _mean(found: Sequence[float]) -> str:
    every = list(found)
    return f"{np.mean(every):.3f} ± {np.std(every, ddof=1):.3f}" if len(every) > 1 else "not drawn"


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        print("Not run: it trains seven networks. Give a folder: python Testing/bench/transfer.py FOLDER")  # noqa: T201
