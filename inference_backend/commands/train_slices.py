"""`amlart train few-shot` and `train prompted`: UniverSeg, and SAM or MedSAM, fine-tuned on a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.console import progress_bar, to_user

if TYPE_CHECKING:
    from inference_backend.models.wish import Wish
    from inference_backend.training.slices.plan import SlicePlan

Cohort = Annotated[Path, typer.Argument(metavar="COHORT", help="Folder of the labelled cohort.")]
Split = Annotated[Path, typer.Option(help="Split made by `amlart cohort split`.")]
Start = Annotated[Path, typer.Option(help="File of weights to start from, such as .pt or .pth.")]
Run = Annotated[Path, typer.Option(help="Folder of the run; goes on if it is there.")]
Id = Annotated[str, typer.Option("--id", help="Id of the engine that it becomes.")]
Recipe = Annotated[Path | None, typer.Option(help="Recipe file; without it the software's own.")]
Licence = Annotated[str | None, typer.Option(help="Licence of what is trained; known for published weights.")]
ResearchOnly = Annotated[bool, typer.Option("--research-only", help="That licence forbids commercial use.")]
Version = Annotated[str, typer.Option(help="Version, for provenance.")]
Device = Annotated[str, typer.Option(help="cpu or cuda:0.")]


def few_shot(
    folder: Cohort,
    splits: Split,
    start: Start,
    run: Run,
    name: Id,
    recipe: Recipe = None,
    licence: Licence = None,
    research_only: ResearchOnly = False,
    version: Version = "1",
    device: Device = "cpu",
) -> None:
    """Fine-tune UniverSeg on a cohort and add it with the cases it learnt from as its examples."""
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.dataset.splits import read_splits
    from inference_backend.few_shot.adding import add_few_shot
    from inference_backend.training.slices.card import with_card
    from inference_backend.training.slices.recipe import FewShotRecipe, read_slice_recipe
    from inference_backend.training.slices.whole import fine_tune_few_shot

    chosen = read_slice_recipe(FewShotRecipe, recipe)
    wish = _wish(start, name, licence, chosen.title, version, research_only)
    opened, parts = open_cohort(folder), read_splits(splits)
    weights, plan = fine_tune_few_shot(run.resolve(), opened, parts, chosen, start, _tell, device)
    _tell_plan(plan)
    wish = with_card(wish, chosen, plan, run, opened, start)
    with progress_bar() as report:
        model, told = add_few_shot(
            weights, folder, chosen.structures, chosen.support_size, wish, report, plan.not_shown
        )
    for sentence in told:
        to_user("[yellow]{}[/]", sentence)
    to_user("[bold]{}[/] gives {}, by {} examples.", name, ", ".join(model.structures), len(model.examples))
    to_user("Read its licence and accept it: amlart models accept {}", name)


def prompted(
    folder: Cohort,
    splits: Split,
    start: Start,
    run: Run,
    name: Id,
    recipe: Recipe = None,
    licence: Licence = None,
    research_only: ResearchOnly = False,
    version: Version = "1",
    device: Device = "cpu",
) -> None:
    """Fine-tune SAM or MedSAM on a cohort by boxes round its labels, and add it."""
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.dataset.splits import read_splits
    from inference_backend.models.known_weights import known_weights
    from inference_backend.prompted.adding import add_prompted
    from inference_backend.training.slices.card import with_card
    from inference_backend.training.slices.recipe import PromptedRecipe, read_slice_recipe
    from inference_backend.training.slices.whole import fine_tune_prompted

    chosen = read_slice_recipe(PromptedRecipe, recipe)
    known = known_weights(start)
    if known is not None and known.look not in (None, chosen.look):
        raise BadSetting(
            f"{start.name} was shown slices another way in training than the recipe shows them.",
            advice=f'Write "look": "{known.look.value}" in the recipe.' if known.look else "",
        )
    wish = _wish(start, name, licence, chosen.title, version, research_only)
    opened, parts = open_cohort(folder), read_splits(splits)
    weights, plan = fine_tune_prompted(run.resolve(), opened, parts, chosen, start, _tell, device)
    _tell_plan(plan)
    wish = with_card(wish, chosen, plan, run, opened, start)
    model = add_prompted(weights, chosen.structures, chosen.look, wish)
    to_user("[bold]{}[/] takes boxes and points for {} structures.", name, len(model.gives))
    to_user("Read its licence and accept it: amlart models accept {}", name)


def _wish(start: Path, name: str, licence: str | None, title: str, version: str, research_only: bool) -> Wish:
    """What the model says of itself: the terms of published weights go on to what is trained from them.

    BadSetting where nobody tells them, or where a model of that id is there: before anything is trained.
    """
    from inference_backend.models.known_weights import known_weights
    from inference_backend.models.store import bundle_folder
    from inference_backend.models.wish import Wish, require_name

    require_name(name)
    if bundle_folder(name).exists():
        raise BadSetting(
            f"A model {name} is there.", advice=f"Choose another id, or: amlart models remove {name}"
        )
    known = known_weights(start)
    if not licence and known is None:
        raise BadSetting(
            f"The licence of {start.name} is not told, and it may bind what is trained from it.",
            advice="Give its name after --licence.",
        )
    terms = licence or (known.licence if known else "")
    return Wish(name, terms, title, version, research_only or (known is not None and known.research_only))


def _tell_plan(plan: SlicePlan) -> None:
    for sentence in plan.told:
        to_user("[yellow]Look at this:[/] {}", sentence)


def _tell(step: int, steps: int, learnt: float, seen: float) -> None:
    to_user("step {} of {}, training {}, validation {}", step, steps, f"{learnt:.4f}", f"{seen:.4f}")
