"""`amlart cohort`: data sets of labelled CTs: made, checked, split, converted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference_backend.commands.console import progress_bar, to_user
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.convert import convert_cohort, write_key
from inference_backend.dataset.layout import Form
from inference_backend.dataset.splits import FOLDS, make_splits, write_splits
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


@app.command("check")
def check(
    cohort: Annotated[Path, typer.Argument(help="Folder of the cohort.")],
    out: Annotated[Path, typer.Option(help="Folder for check.html, findings.csv and cases.csv.")],
    pictures: Annotated[bool, typer.Option(help="Draw every case.")] = True,
) -> None:
    """Read every case and say what is missing, broken, unusual or there twice."""
    from inference_backend.dataset.check import check_cohort
    from inference_backend.dataset.check_report import write_check

    opened = open_cohort(cohort)
    with progress_bar() as report:
        found = check_cohort(opened, report, pictures=pictures)
    page = write_check(out, opened, found)
    to_user("{} of {} cases can be used. Read [bold]{}[/].", len(found.facts), len(opened.cases), page)


@app.command("split")
def split(
    cohort: Annotated[Path, typer.Argument(help="Folder of the cohort.")],
    out: Annotated[Path, typer.Option(help="File to write, such as splits.json; never replaced.")],
    folds: Annotated[int, typer.Option(help="Parts for cross-validation.")] = FOLDS,
    hold_out: Annotated[int, typer.Option(help="Labelled cases that training never sees.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same split.")] = 1,
) -> None:
    """Divide the labelled cases by patient into folds and a hold-out; the same scan twice stays together."""
    from inference_backend.dataset.check import check_cohort

    opened = open_cohort(cohort)
    with progress_bar() as report:
        found = check_cohort(opened, report, pictures=False)
    labelled = [case.id for case in opened.labelled if case.id in found.usable]
    made = make_splits(labelled, seed=seed, folds=folds, hold_out=hold_out, together=found.same)
    write_splits(out, made)
    to_user(
        "{} folds of {} cases, {} held out.", folds, len(labelled) - len(made.hold_out), len(made.hold_out)
    )


@app.command("convert")
def convert(
    cohort: Annotated[Path, typer.Argument(help="Folder of the cohort, such as one of DICOM and RTSTRUCT.")],
    out: Annotated[Path, typer.Option(help="Folder to write; goes on where it was ended.")],
    form: Annotated[Form, typer.Option(help="nnunet or folders.")] = Form.NNUNET,
    key: Annotated[
        Path | None, typer.Option(help="File for the list of old and new names; keep it safe.")
    ] = None,
) -> None:
    """Write a cohort in the AMLART layout under new names; cases that are refused are told and left out."""
    opened = open_cohort(cohort)
    with progress_bar() as report:
        converted = convert_cohort(opened, out, form, report)
    if key is not None:
        write_key(key, converted.names)
    for sentence in converted.refused:
        to_user("[yellow]Left out:[/] {}", sentence)
    to_user("{} of {} cases are in [bold]{}[/].", len(converted.names), len(opened.cases), out)
