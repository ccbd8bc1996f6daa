"""`amlart cohort`: data sets of labelled CTs: made, checked, split, converted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference_backend.commands.console import progress_bar, to_user
from inference_backend.dataset.layout import Form
from inference_backend.dataset.synthetic import Hospital, SyntheticCohort, cohort_size, make_cohort

app = typer.Typer(no_args_is_help=True, help="Data sets of labelled CTs: make, check, split, convert.")


def add_to(root: typer.Typer) -> None:
    """Adds the command."""
    root.add_typer(app, name="cohort")


@app.command("make")
def make(
    size: Annotated[str, typer.Argument(help="Labelled and held-out cases, such as 100+10.")],
    out: Annotated[Path, typer.Option(help="Folder to write; goes on where it was ended.")],
    form: Annotated[Form, typer.Option(help="nnunet (a data set per structure) or folders.")] = Form.NNUNET,
    hospital: Annotated[Hospital, typer.Option(help="Whose scanner and patients.")] = Hospital.FIRST,
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 1,
    voxel_mm: Annotated[float | None, typer.Option(help="Coarse voxels, for quick trials.")] = None,
) -> None:
    """Write synthetic patients in the AMLART layout, notes included."""
    labelled, held_out = cohort_size(size)
    wanted = SyntheticCohort(labelled, held_out, seed, hospital, voxel_mm)
    with progress_bar() as report:
        make_cohort(wanted, out, form, report)
    to_user("{} labelled and {} held-out synthetic cases are in [bold]{}[/].", labelled, held_out, out)
