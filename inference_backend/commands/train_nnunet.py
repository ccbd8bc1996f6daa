"""`amlart train nnunet`: a cohort trained by nnU-Net itself, and what it trained as an engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.choices import Cluster
from inference_backend.commands.console import progress_bar, to_user

if TYPE_CHECKING:
    from inference_backend.models.pack_adding import Wish
    from inference_backend.training.nnunet.plan import Fold, NnUNetPlan

Cohort = Annotated[Path, typer.Argument(metavar="COHORT", help="Folder of the labelled cohort.")]
Split = Annotated[Path, typer.Option(help="Split made by `amlart cohort split`.")]
Run = Annotated[Path, typer.Option(help="Folder of the run; goes on if it is there.")]
Id = Annotated[str, typer.Option("--id", help="Id of the engine that it becomes.")]
Recipe = Annotated[Path | None, typer.Option(help="Recipe file; without it the software's own.")]
Start = Annotated[Path | None, typer.Option(help="Trained nnU-Net folder: start from its weights and plans.")]
StartFold = Annotated[str | None, typer.Option(help="Fold of it to start from; without it the first.")]
Letters = Annotated[str | None, typer.Option(help="Axes of its training images, such as RAS.")]
Control = Annotated[bool, typer.Option("--control", help="From scratch too, same split, as ID-control.")]
OnlyFold = Annotated[int | None, typer.Option(help="Only this one, to share the work.")]
Gpus = Annotated[int | None, typer.Option(help="GPUs for each training, 0: CPU; without it one or none.")]
Processes = Annotated[int | None, typer.Option(help="Processes that nnU-Net may start; 0: as few as it can.")]
Licence = Annotated[str | None, typer.Option(help="Licence of what is trained, by name.")]
ResearchOnly = Annotated[bool, typer.Option("--research-only", help="That licence forbids commercial use.")]
Version = Annotated[str, typer.Option(help="Version, for provenance.")]


def nnunet(
    folder: Cohort,
    splits: Split,
    run: Run,
    name: Id,
    recipe: Recipe = None,
    start: Start = None,
    start_fold: StartFold = None,
    axes: Letters = None,
    control: Control = False,
    fold: OnlyFold = None,
    gpus: Gpus = None,
    processes: Processes = None,
    licence: Licence = None,
    research_only: ResearchOnly = False,
    version: Version = "1",
    cluster: Cluster = None,
) -> None:
    """Write the cohort for nnU-Net, let nnU-Net plan and train, and add what it trained as an engine."""
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.dataset.splits import read_splits
    from inference_backend.inference.devices import gpus_here
    from inference_backend.models.pack_adding import Wish
    from inference_backend.training.nnunet.commands import nnunet_python
    from inference_backend.training.nnunet.fold import processes_here
    from inference_backend.training.nnunet.pack import control_wish, licence_of
    from inference_backend.training.nnunet.plan import plan_nnunet
    from inference_backend.training.nnunet.recipe import read_nnunet_recipe
    from inference_backend.training.nnunet.start import read_source
    from inference_backend.training.nnunet.whole import Effort, train_all

    nnunet_python()
    if control and start is None:
        raise BadSetting("A control is for weights to start from.", advice="Give --start, or leave it out.")
    chosen = read_nnunet_recipe(recipe, started=start is not None)
    used = gpus_here(gpus) if cluster is None else gpus or 0
    allowed, run = processes_here() if processes is None else processes, run.resolve()
    source = None if start is None else read_source(start, chosen.configuration, axes, start_fold)
    plan = plan_nnunet(run, read_splits(splits), chosen, source, fold)
    terms = licence_of(plan, licence)
    wish = Wish(name, chosen.title, version, terms, research_only, plan.axes.letters)
    effort = Effort(used, allowed, cluster, control, fold)
    folds = train_all(run, plan, open_cohort(folder), source, effort, _tell)
    if fold is not None:
        to_user("Fold {} is trained. Without --fold the engine is added.", fold)
        return
    _add(run, plan, [one for one in folds if not one.control], wish)
    if control:
        _add(run, plan, [one for one in folds if one.control], control_wish(wish))


def _add(run: Path, plan: NnUNetPlan, folds: Sequence[Fold], wish: Wish) -> None:
    from inference_backend.training.nnunet.card import write_card
    from inference_backend.training.nnunet.pack import pack_nnunet

    with progress_bar() as report:
        pack = pack_nnunet(run, wish, report, control=folds[0].control)
    to_user("[bold]{}[/] gives {}.", pack.id, ", ".join(pack.structures))
    to_user("Its card: {}", write_card(run, plan, folds, wish))
    to_user("Its licence is {}. Accept it: amlart models accept {}", pack.terms, pack.id)


def _tell(text: str) -> None:
    to_user("{}", text)
