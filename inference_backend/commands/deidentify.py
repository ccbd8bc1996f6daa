"""`amlart deidentify`: DICOM and NIfTI cohorts without the patients, with a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.exchange.deidentify import REPORT, deidentify_folder
from inference_backend.commands.console import progress_bar, to_user
from inference_backend.dataset.convert import write_key


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("deidentify")(deidentify)


def deidentify(
    source: Annotated[Path, typer.Argument(help="Folder with DICOM files or NIfTI cases.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist or be empty.")],
    key: Annotated[
        Path | None, typer.Option(help="File for the list of old and new names; keep it safe.")
    ] = None,
) -> None:
    """Write CTs and contours anew without the patients' data; say what was taken out and what to look at."""
    with progress_bar() as report:
        made = deidentify_folder(source, out, report)
    if key is not None:
        write_key(key, made.names)
    for case in made.cases:
        for why, count in case.left_out.items():
            to_user("{}: {} files left out: {}", case.name, count, why)
        for warning in case.warnings:
            to_user("[yellow]Look at this:[/] {}: {}", case.name, warning)
    to_user("{} cases are in [bold]{}[/]; what was removed is in {}.", len(made.cases), out, REPORT)
