"""`amlart train cohort`: an ensemble from a labelled cohort, by a recipe, to a bundle."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.choices import Cluster
from inference_backend.commands.console import to_user

if TYPE_CHECKING:
    from inference_backend.dataset.cohort import Cohort
    from inference_backend.training.cohort_plan import CohortPlan
    from inference_backend.training.cohort_recipe import CohortRecipe

Processes = Annotated[
    int, typer.Option(min=1, help="Processes that share each network's batch, on a GPU each or the CPU.")
]


def cohort(
    folder: Annotated[Path, typer.Argument(metavar="COHORT", help="Folder of the labelled cohort.")],
    splits: Annotated[Path, typer.Option(help="Split made by `amlart cohort split`.")],
    run: Annotated[Path, typer.Option(help="Folder of the run; goes on if it is there.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle to write; its name is the engine's id.")],
    recipe: Annotated[Path | None, typer.Option(help="Recipe file; without it the software's own.")] = None,
    start: Annotated[Path | None, typer.Option(help="Bundle whose weights to start from.")] = None,
    from_clinic: Annotated[
        Path | None, typer.Option(help="Local data set of `amlart clinic`, learnt from by every member.")
    ] = None,
    member: Annotated[int | None, typer.Option(help="Only this one, from 1: to share the work.")] = None,
    tensorboard: Annotated[bool, typer.Option(help="Write the curves for TensorBoard too.")] = False,
    version: Annotated[str, typer.Option(help="Version to write into the manifest.")] = "1",
    licence: Annotated[str, typer.Option(help="Licence to write into the manifest.")] = "Internal use",
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    processes: Processes = 1,
    cluster: Cluster = None,
) -> None:
    """Train an ensemble on a labelled cohort and pack it as a bundle. Goes on where it was ended."""
    from inference_backend.cluster.farm import farm, gpus_of
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.dataset.splits import read_splits
    from inference_backend.models.allocation import keep_freed_memory
    from inference_backend.training.cohort_pack import BundleNames, pack_cohort
    from inference_backend.training.cohort_plan import plan_run
    from inference_backend.training.cohort_recipe import read_cohort_recipe
    from inference_backend.training.cohort_run import cohort_phases, train_cohort_phase
    from inference_backend.training.tensorboard import with_tensorboard
    from inference_backend.training.together import run_together

    keep_freed_memory()
    names, start = BundleNames(out.name, version, licence), start.resolve() if start else None
    opened, chosen, run = open_cohort(folder.resolve()), read_cohort_recipe(recipe), run.resolve()
    _check_sharing(chosen, member, processes, cluster)
    opened, clinic = _with_clinic(opened, from_clinic)
    plan = plan_run(run, opened, read_splits(splits), chosen, start, clinic)
    _tell_plan(plan)
    phases = cohort_phases(plan, run, start)
    report = with_tensorboard(tell_training, run / "tensorboard") if tensorboard else tell_training
    with farm(cluster, gpus_of(device)) as place:
        now = [one for one in phases if member in (None, one.member + 1)]
        work = [partial(train_cohort_phase, plan, one, opened, run / "cases", report) for one in now]
        place.run([partial(run_together, processes, one, device) for one in work])
    if member is not None:
        to_user("Member {} is trained. Without --member the bundle is packed.", member)
        return
    manifest = pack_cohort(plan, phases, out, names)
    to_user("The bundle {} was written to {}: {} members.", manifest.id, out, len(manifest.members))


def _tell_plan(plan: CohortPlan) -> None:
    from inference_backend.models.networks import told_network

    recipe = plan.recipe
    to_user("{}", told_network(recipe.network, len(recipe.groups[0]), recipe.arguments, recipe.patch_kji))
    for sentence in plan.told:
        to_user("[yellow]Look at this:[/] {}", sentence)


def _check_sharing(recipe: CohortRecipe, member: int | None, processes: int, cluster: str | None) -> None:
    """BadSetting where the work cannot be shared as asked."""
    if member is not None and not 1 <= member <= recipe.members:
        raise BadSetting(f"There is no member {member}.", advice=f"Choose 1 to {recipe.members}.")
    if processes > recipe.batch:
        raise BadSetting(
            f"{processes} processes cannot share a batch of {recipe.batch}.",
            advice="Raise the recipe's batch, or ask for fewer processes.",
        )
    if processes > 1 and cluster is not None:
        raise BadSetting(
            "--processes shares the GPUs of one machine, --cluster gives each network one GPU.",
            advice="Leave one of the two out.",
        )


def _with_clinic(cohort: Cohort, clinic: Path | None) -> tuple[Cohort, tuple[str, ...]]:
    """A cohort with the cases of a local data set, and their names."""
    from inference_backend.dataset.cohort import joined, open_cohort

    if clinic is None:
        return cohort, ()
    added = open_cohort(clinic.resolve())
    return joined(cohort, added), tuple(case.id for case in added.cases)


def calibrate_cohort(
    folder: Annotated[Path, typer.Argument(metavar="COHORT", help="Folder of the labelled cohort.")],
    run: Annotated[Path, typer.Option(help="Folder of the run that the bundle came from.")],
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
) -> None:
    """Calibrate a cohort's bundle on the folds that its run kept for it. Goes on where it was ended."""
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.training.cohort_calibrate import calibrate_cohort as calibrated
    from inference_backend.training.cohort_plan import read_plan

    found = calibrated(read_plan(run), open_cohort(folder), run, bundle, _tell_cases, device)
    to_user("The bundle is calibrated on {} cases.", found.cases)
    rough = [one.structure for one in found.structures if not one.fraction.residuals]
    if rough:
        to_user("[yellow]No estimate[/] of {}: too few calibration cases had it.", ", ".join(rough))


def replace(
    new: Annotated[Path, typer.Argument(help="Folder of the new bundle.")],
    cohort: Annotated[Path, typer.Option(help="Labelled cohort.")],
    splits: Annotated[Path, typer.Option(help="Split whose hold-out both are measured on.")],
    out: Annotated[Path, typer.Option(help="Folder of the comparison; goes on where it was ended.")],
    limit: Annotated[float, typer.Option(help="How far a mean Dice may lie below the old one's.")] = 0.0,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
) -> None:
    """Measure a new bundle and the one in use on the hold-out; if none of its structures is worse, put it in
    that one's place."""
    from AmlartContourLib.contract.home import default_home
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.dataset.splits import read_splits
    from inference_backend.models.bundle import open_bundle
    from inference_backend.training.replacing import compared, current, replace_bundle

    bundle_id = open_bundle(new).manifest.id
    old = current(default_home(), bundle_id)
    if not old.is_dir():
        raise BadSetting(f"No model {bundle_id} is in use.", advice=f"Copy the bundle to {old}.")
    opened, held = open_cohort(cohort), read_splits(splits).hold_out
    verdict, page = compared(old, new, opened, held, out, limit, device)
    to_user("Read [bold]{}[/].", page)
    kept = replace_bundle(default_home(), bundle_id, new, verdict)
    to_user("{} is now version {}. The one before is kept in {}.", bundle_id, verdict.new_version, kept)
    to_user("A backend that runs uses it after its next start.")


def roll_back(bundle_id: Annotated[str, typer.Argument(metavar="ID", help="The model's id.")]) -> None:
    """Put the model that was replaced last back in its place."""
    from AmlartContourLib.contract.home import default_home
    from inference_backend.training.replacing import roll_back as rolled_back

    to_user("{} is version {} again.", bundle_id, rolled_back(default_home(), bundle_id))


def tell_training(name: str, step: int, steps: int, learnt: float, seen: float) -> None:
    """One line of progress."""
    to_user(
        "{}: step {} of {}, training {}, validation {}", name, step, steps, f"{learnt:.4f}", f"{seen:.4f}"
    )


def _tell_cases(done: int, of: int) -> None:
    to_user("{} of {} cases", done, of)
