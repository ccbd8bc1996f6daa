"""`amlart phantom`: a synthetic patient as files, to try everything without a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.console import result_table, to_user
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.variants import VARIANTS
from inference_backend.phantom.write import write_phantom


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("phantom")(phantom)


def phantom(
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; without it the variants are listed.")
    ] = None,
    variant: Annotated[str, typer.Option(help="Which synthetic patient.")] = "standard",
) -> None:
    """Write a synthetic patient: CT as NIfTI and DICOM, organ masks, and the truth of every structure."""
    if out is None:
        table = Table(
            "variant", "size", "spacing mm", title="Synthetic patients: no anatomy of a real person"
        )
        for name, spec in VARIANTS.items():
            grid = spec.geometry()
            table.add_row(
                name, *("x".join(f"{n:g}" for n in row) for row in (grid.size_ijk, grid.spacing_mm))
            )
        result_table(table)
        return
    written = write_phantom(out, make_phantom(spec_of(variant)))
    to_user("A synthetic patient was written to [bold]{}[/].", written)


def spec_of(variant: str) -> PhantomSpec:
    """The specification of a variant. BadSetting, with the names there are, for another word."""
    if variant not in VARIANTS:
        raise BadSetting(
            f"There is no synthetic patient called {variant!r}.",
            advice=f"Choose one of {', '.join(VARIANTS)}.",
        )
    return VARIANTS[variant]
