"""`amlart clinic`: approved cases of this site's own use, kept to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from inference_backend.commands.console import result_table, to_user

app = typer.Typer(no_args_is_help=True, help="Approved cases of this site, kept to learn from.")
DataSet = Annotated[Path, typer.Option("--to", help="Folder of the local data set.")]
Kept = Annotated[Path, typer.Argument(help="Folder of the local data set.")]


def add_to(root: typer.Typer) -> None:
    """Adds the command."""
    root.add_typer(app, name="clinic")


@app.command("add")
def add(
    export: Annotated[Path, typer.Argument(help="Folder that the workstation exported.")],
    ct: Annotated[Path, typer.Option(help="The CT that was opened: DICOM folder or NIfTI file.")],
    to: DataSet,
    consent: Annotated[str, typer.Option(help="On what its use rests, in words; kept with the case.")],
) -> None:
    """Take an approved case into the local data set, without the patient's name."""
    from inference_backend.dataset.clinic import add_case

    origin = add_case(to, export, ct, consent)
    edited = sum(label.edited for label in origin.labels)
    to_user(
        "{} was added: {} reviewed structures, {} of them edited.", origin.case, len(origin.labels), edited
    )


@app.command("list")
def list_cases(data_set: Kept) -> None:
    """The cases of the local data set with what their use rests on."""
    from inference_backend.dataset.clinic import origins

    table = Table("case", "approved", "structures", "edited", "drawn by", "consent")
    for one in origins(data_set):
        edited = sum(label.edited for label in one.labels)
        by = ", ".join(one.engines)
        table.add_row(one.case, one.approved_at, str(len(one.labels)), str(edited), by, one.consent)
    result_table(table)


@app.command("remove")
def remove(data_set: Kept, case: Annotated[str, typer.Argument(help="Such as clinic-001.")]) -> None:
    """Remove a case, as when consent is withdrawn. Models that learnt from it are not changed."""
    from inference_backend.dataset.clinic import remove_case

    remove_case(data_set, case)
    to_user("{} was removed. Models that learnt from it are as they were; runs keep a copy of it.", case)
