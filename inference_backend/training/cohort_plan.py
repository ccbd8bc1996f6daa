"""What one training run on a cohort is going to do, decided once, before it starts, and kept as plan.json.

The plan says which cases each member learns from, which are kept for calibration, which labels each case has
and on which grid. A run that goes on keeps its plan; other settings need another folder. Case names are in
this file only, never in the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.cohort import Cohort
from inference_backend.dataset.splits import Splits
from inference_backend.dataset.synthetic import TOLD_FILE
from inference_backend.models.bundle import open_bundle
from inference_backend.training.cohort_cases import Look, look_at, median_spacing
from inference_backend.training.cohort_recipe import CohortRecipe

PLAN = "plan.json"
LEAST_FOLDS = 2


@dataclass(frozen=True)
class Start(Message):
    """The bundle whose weights a run starts from."""

    title: str
    version: str
    weights: tuple[str, ...]
    demonstration: bool


@dataclass(frozen=True)
class Member(Message):
    """The cases that one member learns from, and those of the fold that it leaves out."""

    training: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True)
class CohortPlan(Message):
    """See the module. `labels`: of each case that is used. `clinic`: cases that clinicians approved in use;
    every member learns from those of them that are used. `told`: what is to say of cases and labels.
    `synthetic`: the cohort holds patients who do not exist."""

    recipe: CohortRecipe
    splits: Splits
    spacing_mm: tuple[float, float, float]
    members: tuple[Member, ...]
    calibration: tuple[str, ...]
    clinic: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    told: tuple[str, ...]
    start: Start | None
    synthetic: bool

    @property
    def learnt_from(self) -> tuple[str, ...]:
        """Every case that some member learns from or is watched on."""
        return tuple(sorted({case for one in self.members for case in (*one.training, *one.validation)}))

    @property
    def of_clinic(self) -> int:
        """How many cases that clinicians approved in use are learnt from."""
        return sum(case in self.labels for case in self.clinic)

    def count(self, structure: str) -> int:
        """How many of those cases have a label of a structure."""
        return sum(structure in self.labels[case] for case in self.learnt_from)


def plan_run(
    run: Path,
    cohort: Cohort,
    splits: Splits,
    recipe: CohortRecipe,
    start_bundle: Path | None,
    clinic: tuple[str, ...] = (),
) -> CohortPlan:
    """The plan of a run's folder: the one it has, or a new one. `clinic`: cases of the cohort that are in no
    fold and that every member learns from. BadSetting where the folder is another run's, or where the cohort
    is not enough for the recipe."""
    start = _start(start_bundle)
    kept = run / PLAN
    if kept.exists():
        plan = read_plan(run)
        if (plan.recipe, plan.splits, plan.start, plan.clinic) != (recipe, splits, start, clinic):
            raise BadSetting(
                "The run's folder holds a run with another recipe, split, start or clinic.",
                kept="That run is as it was.",
                advice="Choose another folder for this one.",
            )
        return plan
    plan = _planned(cohort, splits, recipe, start, clinic)
    write_file(kept, to_json(plan).encode())
    return plan


def read_plan(run: Path) -> CohortPlan:
    """The plan of a run that was begun. BadSetting where there is none."""
    try:
        return from_json(CohortPlan, (run / PLAN).read_bytes())
    except OSError as error:
        raise BadSetting(
            f"{run.name} holds no run on a cohort.", advice="Give the folder of `amlart train cohort --run`."
        ) from error


def _planned(
    cohort: Cohort, splits: Splits, recipe: CohortRecipe, start: Start | None, clinic: tuple[str, ...]
) -> CohortPlan:
    looks, told = look_at(cohort, [case for fold in splits.folds for case in fold], recipe.structures)
    folds = [tuple(case for case in fold if case in looks) for fold in splits.folds]
    spacing = recipe.spacing_mm or median_spacing(looks.values())
    if clinic:
        of_clinic, said = _of_clinic(cohort, splits, looks, recipe, clinic)
        looks, told = {**looks, **of_clinic}, (*told, *said)
    members, calibration = _members(recipe, folds, tuple(case for case in clinic if case in looks))
    labels = {case: look.labels for case, look in looks.items()}
    _require_labels(recipe, members, labels)
    return CohortPlan(
        recipe=recipe,
        splits=splits,
        spacing_mm=spacing,
        members=members,
        calibration=calibration,
        clinic=clinic,
        labels=labels,
        told=told,
        start=start,
        synthetic=(cohort.root / TOLD_FILE).exists(),
    )


def _members(
    recipe: CohortRecipe, folds: Sequence[tuple[str, ...]], clinic: tuple[str, ...]
) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Who learns from what, and the cases for calibration."""
    calibration, learning = folds[: recipe.calibration_folds], folds[recipe.calibration_folds :]
    if len(learning) < max(LEAST_FOLDS, recipe.members) or not all(learning):
        raise BadSetting(
            f"{recipe.members} members need as many folds to leave out, {LEAST_FOLDS} at least, with a "
            f"usable case in each, beside {recipe.calibration_folds} for calibration.",
            advice="Make a split with more folds, or change members or calibration_folds in the recipe.",
        )
    members = []
    for n in range(recipe.members):
        others = [case for m, fold in enumerate(learning) if m != n for case in fold]
        members.append(Member((*others, *clinic), learning[n]))
    return tuple(members), tuple(case for fold in calibration for case in fold)


def _of_clinic(
    cohort: Cohort,
    splits: Splits,
    looks: Mapping[str, Look],
    recipe: CohortRecipe,
    clinic: tuple[str, ...],
) -> tuple[dict[str, Look], tuple[str, ...]]:
    """Cases of the clinic but those that the cohort holds too: one of the hold-out must not be learnt from by
    another way."""
    found, told = look_at(cohort, clinic, recipe.structures)
    held, _ = look_at(cohort, splits.hold_out, recipe.structures)
    known = [look.print for look in (*looks.values(), *held.values())]
    twice = [case for case, look in found.items() if any(look.print.is_same(one) for one in known)]
    said = tuple(f"{case} is left out: the cohort holds the same scan." for case in twice)
    return {case: look for case, look in found.items() if case not in twice}, (*told, *said)


def _require_labels(
    recipe: CohortRecipe, members: tuple[Member, ...], labels: Mapping[str, tuple[str, ...]]
) -> None:
    """Each member must have seen each structure, or its channel would say nothing of it."""
    lacking = [
        name
        for name in recipe.structures
        if any(not any(name in labels[case] for case in one.training) for one in members)
    ]
    if lacking:
        raise BadSetting(
            f"Too few cases have a label of {', '.join(lacking)}: a member would learn nothing of it.",
            advice="Take it out of the recipe's structures, or label more cases.",
        )


def _start(bundle: Path | None) -> Start | None:
    if bundle is None:
        return None
    manifest = open_bundle(bundle).manifest
    weights = tuple(member.sha256 for member in manifest.members)
    return Start(manifest.title, manifest.version, weights, manifest.demonstration)
