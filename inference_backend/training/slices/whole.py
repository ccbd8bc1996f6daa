"""From a cohort and a file of published weights to a file of fine-tuned ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.dataset.cohort import Cohort
from inference_backend.dataset.splits import Splits
from inference_backend.few_shot.examples import labelled_cube, read_example, write_example
from inference_backend.few_shot.network import blocks_of, empty_network, fill
from inference_backend.models.restricted import state_of
from inference_backend.prompted.network import filled
from inference_backend.training.slices.few_shot import FewShotLesson
from inference_backend.training.slices.plan import CASES, SlicePlan, plan_slices
from inference_backend.training.slices.prompted import PromptedLesson, SliceCase, read_slices, write_slices
from inference_backend.training.slices.recipe import FewShotRecipe, PromptedRecipe
from inference_backend.training.slices.run import Progress, train_on_slices

CUBE = "cube.safetensors"


def fine_tune_few_shot(
    run: Path,
    cohort: Cohort,
    splits: Splits,
    recipe: FewShotRecipe,
    start: Path,
    report: Progress,
    device: str = "cpu",
) -> tuple[Path, SlicePlan]:
    """UniverSeg from the weights `start`: the file of weights, and what it learnt from. Raises as
    `plan_slices`, `add_few_shot` and `train_on_slices` do."""
    state = state_of(start)
    network = fill(empty_network(blocks_of(state)), state, start.name)
    plan = plan_slices(run, cohort, splits, recipe, start, _keep_cube)
    cubes = {
        name: read_example(run / CASES / name / CUBE, structures) for name, structures in plan.labels.items()
    }
    lesson = FewShotLesson(recipe, network, cubes, plan.training, plan.validation, device)
    return train_on_slices(recipe, lesson, run, report, device), plan


def fine_tune_prompted(
    run: Path,
    cohort: Cohort,
    splits: Splits,
    recipe: PromptedRecipe,
    start: Path,
    report: Progress,
    device: str = "cpu",
) -> tuple[Path, SlicePlan]:
    """SAM or MedSAM, likewise."""
    network = filled(state_of(start), start.name)

    def keep(folder: Path, scan: CtScan, labels: Mapping[str, Mask]) -> None:
        write_slices(folder, scan, [labels.get(structure) for structure in recipe.structures])

    plan = plan_slices(run, cohort, splits, recipe, start, keep)

    def cases(names: tuple[str, ...]) -> list[SliceCase]:
        return [read_slices(run / CASES / name) for name in names]

    lesson = PromptedLesson(recipe, network, cases(plan.training), cases(plan.validation), device)
    return train_on_slices(recipe, lesson, run, report, device), plan


def _keep_cube(folder: Path, scan: CtScan, labels: Mapping[str, Mask]) -> None:
    write_example(folder / CUBE, labelled_cube(scan, labels))
