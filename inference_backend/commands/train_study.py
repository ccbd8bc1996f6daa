"""`amlart train study`: a cohort's whole study in one command, on a synthetic cohort where none is given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.console import progress_bar, to_user

FOLDS, HOLD_OUT = 5, 4
SIZE = "24"  # five folds of four, three of them for calibration, and four held out
VOXEL_MM = 8.0


def study(
    out: Annotated[Path, typer.Option(help="Folder to write; goes on where it was ended.")],
    cohort: Annotated[Path | None, typer.Option(help="Labelled cohort; without it a synthetic one.")] = None,
    make: Annotated[str, typer.Option(help="Size of the synthetic cohort.")] = SIZE,
    recipe: Annotated[list[Path] | None, typer.Option(help="Recipe; several are compared.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="Bundle: each recipe is trained from its weights too.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Parts for cross-validation and calibration.")] = FOLDS,
    hold_out: Annotated[
        int, typer.Option(help="Cases that are measured and used for nothing else.")
    ] = HOLD_OUT,
    seed: Annotated[int, typer.Option(help="Of the synthetic cohort and the split.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    pictures: Annotated[bool, typer.Option(help="Draw cases.")] = True,
) -> None:
    """Check, split, train, calibrate and evaluate: the whole study with its page, in one command."""
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.models.allocation import keep_freed_memory
    from inference_backend.training.cohort_recipe import read_cohort_recipe
    from inference_backend.training.cohort_study import Study, run_study
    from inference_backend.training.recipe import RECIPES

    keep_freed_memory()
    paths = recipe or [RECIPES / "study.json"]
    recipes = {path.stem: read_cohort_recipe(path) for path in paths}
    if len(recipes) < len(paths):
        raise BadSetting("Two recipes have the same name.", advice="Give their files different names.")
    starts = {}
    if start is not None:
        starts = {f"{name}-from-start": start for name in recipes}
        recipes |= {f"{name}-from-start": one for name, one in recipes.items()}
    folder = cohort or _synthetic(out / "cohort", make, seed)
    chosen = Study(recipes, starts, folds, hold_out, seed, device, pictures)
    page = run_study(chosen, open_cohort(folder), out, lambda text: to_user("{}", text))
    to_user("Read [bold]{}[/].", page)


def _synthetic(folder: Path, size: str, seed: int) -> Path:
    from inference_backend.dataset.layout import Form
    from inference_backend.dataset.synthetic import SyntheticCohort, cohort_size, make_cohort

    labelled, held_out = cohort_size(size)
    wanted = SyntheticCohort(labelled, held_out, seed, voxel_mm=VOXEL_MM)
    with progress_bar() as report:
        make_cohort(wanted, folder, Form.NNUNET, report)
    return folder
