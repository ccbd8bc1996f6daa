"""The second source thesis' whole study on one structure: folds, the least variable one goes on, one test.

The thesis chooses the fold whose Dice has the lowest SD: the least variable one, not the best, by cases that
it was stopped by. So all folds are reported, and the hold-out is used for nothing but the one test. The
chosen fold goes on from its own best weights with its own division (the thesis does not say which).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.cluster.farm import Farm
from inference_backend.dataset.splits import Splits
from inference_backend.training.thesis_cases import ThesisCases
from inference_backend.training.thesis_run import (
    Report,
    ThesisPhase,
    case_dice,
    network_of,
    train_thesis_phase,
)

RESULT = "result.json"


@dataclass(frozen=True)
class ThesisResult(Message):
    """Dice by case of each fold's validation, the chosen fold, and Dice of the one test."""

    structure: str
    folds: tuple[tuple[float, ...], ...]
    chosen: int
    test: tuple[float, ...]
    left_out: tuple[str, ...]


def fold_phases(
    cases: ThesisCases, splits: Splits, run: Path, start: Path | None
) -> tuple[tuple[ThesisPhase, ...], tuple[str, ...]]:
    """The cross-validation, with the cases that have the label, and what is to say of the others."""
    recipe = cases.recipe
    told: list[str] = []
    phases: list[ThesisPhase] = []
    usable: list[tuple[str, ...]] = []
    for part in splits.folds:
        kept, lacking = cases.usable(part)
        usable.append(kept)
        told += lacking
    if len(usable) != recipe.folds or not all(usable):
        raise BadSetting(
            f"The recipe asks for {recipe.folds} folds with a labelled case in each.",
            advice="Make the split with as many folds, or choose a structure that more cases have.",
        )
    for n, validation in enumerate(usable):
        training = tuple(c for m, part in enumerate(usable) if m != n for c in part)
        folder = run / f"fold-{n}"
        phases.append(ThesisPhase(folder, n, training, validation, recipe.epochs, recipe.patience, start))
    return tuple(phases), tuple(told)


def thesis_study(
    cases: ThesisCases,
    splits: Splits,
    run: Path,
    report: Report,
    *,
    start: Path | None = None,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda _text: None,
    place: Farm | None = None,
) -> ThesisResult:
    """Everything, from where it was ended. The result is written once; a study that has one is not repeated.

    `start`: weights to learn from (transfer); None trains from scratch. `place`: where
    folds run side by side.
    """
    kept = run / RESULT
    if kept.exists():
        return from_json(ThesisResult, kept.read_bytes())
    phases, told = fold_phases(cases, splits, run, start)
    for sentence in told:
        tell(sentence)
    jobs = [partial(train_thesis_phase, phase, cases, report, device) for phase in phases]
    (place or Farm()).run(jobs)
    dice = [
        tuple(case_dice(network_of(cases, phase.best).to(device), cases, phase.validation, device))
        for phase in phases
    ]
    chosen = least_variable(dice)
    recipe = cases.recipe
    final = replace(
        phases[chosen],
        folder=run / "final",
        number=len(phases),
        epochs=recipe.final_epochs,
        patience=recipe.final_patience,
        start=phases[chosen].best,
    )
    train_thesis_phase(final, cases, report, device)
    held, lacking = cases.usable(splits.hold_out)
    test = tuple(case_dice(network_of(cases, final.best).to(device), cases, held, device))
    result = ThesisResult(cases.structure, tuple(dice), chosen, test, (*told, *lacking))
    write_file(kept, to_json(result).encode())
    return result


def least_variable(dice: list[tuple[float, ...]]) -> int:
    """The fold with the lowest SD over its cases; of equal ones the first."""
    return int(np.argmin([np.std(part) for part in dice]))
