"""What one run of nnU-Net trains, decided once and kept: recipe, split, start; and its trainings.

RUN/nnunet.json                         this plan
RUN/raw, preprocessed, results, logs    nnU-Net's own folders
RUN/control                             results of the control from scratch, where one is asked for
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.splits import Splits
from inference_backend.nnunet.axes import Axes
from inference_backend.training.nnunet.commands import RESULTS
from inference_backend.training.nnunet.raw import DataSet
from inference_backend.training.nnunet.recipe import STOCK_RATE, NnUNetRecipe
from inference_backend.training.nnunet.start import Source, StartFrom

PLAN = "nnunet.json"
PLANS_NAME = "AmlartPlans"
OWN_AXES = "LPS"
CONTROL = "control"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class NnUNetPlan(Message):
    """What one run trains; a run that goes on keeps it."""

    recipe: NnUNetRecipe
    splits: Splits
    start: StartFrom | None

    @property
    def learnt(self) -> Splits:
        """The split without the cases that are for calibration; folds keep their numbers."""
        kept = self.recipe.calibration_folds
        return replace(self.splits, folds=((),) * kept + self.splits.folds[kept:])

    @property
    def axes(self) -> Axes:
        """The order of axes in which images are written: that of the weights to start from."""
        return Axes(self.start.axes if self.start else OWN_AXES)


@dataclass(frozen=True)
class Fold:
    """One training. `gpus`: how many share it; 0 on the CPU. `control`: from scratch, as comparison."""

    data_set: DataSet
    number: int
    gpus: int
    control: bool = False

    @property
    def results(self) -> str:
        """nnU-Net's folder of results."""
        return CONTROL if self.control else RESULTS

    def folder(self, run: Path, plan: NnUNetPlan) -> Path:
        """Where nnU-Net keeps this fold."""
        way = f"{trainer_of(plan, self)}__{PLANS_NAME}__{plan.recipe.configuration}"
        return run / self.results / self.data_set.folder / way / f"fold_{self.number}"


def plan_nnunet(
    run: Path, splits: Splits, recipe: NnUNetRecipe, start: Source | None, fold: int | None = None
) -> NnUNetPlan:
    """The plan of a run's folder, new where there is none. BadSetting where the folder is another run's, or
    the split has no such fold, or the recipe does not have the one `fold` that is asked for."""
    if fold is not None and fold not in recipe.folds:
        raise BadSetting(
            f"The recipe has no fold {fold}.", advice=f"It has {', '.join(map(str, recipe.folds))}."
        )
    plan = NnUNetPlan(recipe, splits, start.told if start else None)
    lacking = [n for n in recipe.folds if n >= len(splits.folds)]
    if lacking:
        raise BadSetting(
            f"The split has no fold {lacking[0]}.", advice=f"Its folds are 0 to {len(splits.folds) - 1}."
        )
    kept = run / PLAN
    if not kept.exists():
        write_file(kept, to_json(plan).encode())
    elif from_json(NnUNetPlan, kept.read_bytes()) != plan:
        raise BadSetting(
            "The run's folder holds a run with another recipe, split or start.",
            kept="That run is as it was.",
            advice="Choose another folder for this one.",
        )
    return plan


def trainings(sets: Sequence[DataSet], plan: NnUNetPlan, gpus: int, *, control: bool) -> tuple[Fold, ...]:
    """Every training of a run, and of its control where one is asked for."""
    ways = (False, True) if control else (False,)
    return tuple(
        Fold(one, n, gpus, from_scratch) for from_scratch in ways for one in sets for n in plan.recipe.folds
    )


def trainer_of(plan: NnUNetPlan, fold: Fold) -> str:
    """nnU-Net's own trainer, or ours where the recipe asks for other settings."""
    recipe = replace(plan.recipe, learning_rate=STOCK_RATE) if fold.control else plan.recipe
    return recipe.trainer(started=plan.start is not None and not fold.control)


def start_file(run: Path, data_set: DataSet) -> Path:
    """The weights that a data set's trainings start from, as plain tensors."""
    return run / f"{data_set.folder}-start.pt"
