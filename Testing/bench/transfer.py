"""Does transfer help? With 4, 8 and 16 labelled cases of another hospital: pretrained against from scratch.

    python Testing/bench/transfer.py FOLDER      goes on where it was ended; without a folder it says so only

A network is pretrained on synthetic patients of the first hospital. Then, for each number of cases of the
second hospital (other voxels, no contrast, more noise, larger patients, fuller bladders), it is trained with
the same steps, order and windows from those weights and from random ones, and measured on the same held-out
cases of the second hospital. A last network learns from 16 cases and random weights for as many steps as
pretraining and transfer took together. Synthetic anatomy: what it shows holds for the software, not for
patients.

FOLDER/results.md and figures.csv hold what is printed and the Dice of every case; they are written anew after
each network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.check_report import csv_of
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

FIRST, SECOND, HELD = 16, 16, 10
SIZES = (4, 8, 16)
PRETRAINED_STEPS, STEPS = 800, 250
UNTOUCHED = "no training there"


def main(root: Path) -> None:
    """Everything; the table on standard output and in the folder."""
    keep_freed_memory()
    torch.set_num_threads(1)
    recipe = _recipe()
    first, second = _cohort(root, Hospital.FIRST, FIRST), _cohort(root, Hospital.SECOND, SECOND + HELD)
    ids = [case.id for case in second.cases]
    there = [case.id for case in first.cases]
    pretrained = _trained(root, "pretrained", first, there, replace(recipe, steps=PRETRAINED_STEPS), None)
    measured = {UNTOUCHED: _measured(root, "pretrained", pretrained, second, ids[SECOND:])}
    wanted = [(f"{s}-{size}", size, STEPS, b) for size in SIZES for s, b in _starts(pretrained)]
    wanted.append((f"scratch-{SIZES[-1]}-longer", SIZES[-1], PRETRAINED_STEPS + STEPS, None))
    for name, size, steps, start in wanted:
        made = _trained(root, name, second, ids[:size], replace(recipe, steps=steps), start)
        measured[name] = _measured(root, name, made, second, ids[SECOND:])
        _tell(root, measured, recipe.structures)
    print((root / "results.md").read_text(encoding="utf-8"))  # noqa: T201


def _starts(pretrained: Path) -> tuple[tuple[str, Path | None], ...]:
    return ("scratch", None), ("transfer", pretrained)


def _recipe() -> CohortRecipe:
    """The cohort's recipe, small enough for one core: 6 mm voxels, half the embedded model's channels."""
    return replace(
        read_cohort_recipe(RECIPES / "cohort.json"),
        spacing_mm=(6.0, 6.0, 6.0),
        patch_kji=(48, 48, 64),
        arguments={"channels": [8, 16, 32, 64], "stem": 2},
        learning_rate=0.01,
        members=1,
        calibration_folds=0,
        keep_every=25,
        validation_windows=4,
        seed=3,
    )


def _cohort(root: Path, hospital: Hospital, cases: int) -> Cohort:
    folder = root / hospital.value
    make_cohort(SyntheticCohort(cases, 0, 5, hospital), folder, Form.FOLDERS, lambda _f, _s: None)
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
        spacing_mm=recipe.spacing_mm or (6.0, 6.0, 6.0),
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


def _tell(root: Path, measured: dict[str, tuple[CaseMeasured, ...]], structures: Sequence[str]) -> None:
    """results.md: mean Dice ± SD of every structure, and transfer less scratch in pairs; figures.csv."""
    lines = ["| Dice | " + " | ".join(measured) + " |", "| --- |" + " --- |" * len(measured)]
    for structure in structures:
        cells = [_mean(values(cases, structure, "Dice").values()) for cases in measured.values()]
        lines.append(f"| {structure} | " + " | ".join(cells) + " |")
    lines.append(
        "| mean of all | " + " | ".join(_mean(_by_case(m).values()) for m in measured.values()) + " |"
    )
    lines.append("")
    for size in SIZES:
        pair = {name: measured[name] for name in (f"scratch-{size}", f"transfer-{size}") if name in measured}
        if len(pair) == 2:
            lines += _paired(size, pair)
    write_file(root / "results.md", ("\n".join(lines) + "\n").encode(), replace=True)
    rows = [
        (name, case, structure, f"{dice:.4f}")
        for name, cases in measured.items()
        for structure in structures
        for case, dice in values(cases, structure, "Dice").items()
    ]
    head = ("network", "case", "structure", "Dice")
    write_file(root / "figures.csv", csv_of(head, rows), replace=True)


def _paired(size: int, pair: dict[str, tuple[CaseMeasured, ...]]) -> list[str]:
    """Median of transfer less scratch, with its interval and p (adjusted over the structures)."""
    lines = []
    for row in compare_sources(pair):
        if row.figure == "Dice":
            words = f"{row.median:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
            p = "none" if row.p is None else f"{row.p:.4f}"
            lines.append(f"- {size} cases, {row.structure}: {words}, p {p}")
    scratch, transfer = (_by_case(cases) for cases in pair.values())
    apart = np.array([transfer[case] - scratch[case] for case in scratch])
    better = f"{int((apart > 0).sum())} of {apart.size} better, p {stats.wilcoxon(apart).pvalue:.4f}"
    lines.append(f"- {size} cases, mean of all structures: {np.mean(apart):+.3f}, {better}")
    return lines


def _by_case(cases: Sequence[CaseMeasured]) -> dict[str, float]:
    """Mean Dice of each case over its structures."""
    return {case.case: float(np.mean([f.dice for f in case.figures if f.dice is not None])) for case in cases}


def _mean(found: Iterable[float]) -> str:
    every = list(found)
    return f"{np.mean(every):.3f} ± {np.std(every, ddof=1):.3f}" if len(every) > 1 else "not drawn"


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        print("Not run: it trains eight networks. Give a folder: python Testing/bench/transfer.py FOLDER")  # noqa: T201
