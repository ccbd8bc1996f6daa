"""`amlart structures`: the catalogue, or what one name means."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.domain.structures import Structure
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands.console import result_json, result_table


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("structures")(structures)


def structures(
    names: Annotated[list[str] | None, typer.Argument(help="Any spelling; all structures if none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the structures: ids, names, codes, tolerances. With names, say which structure each name means."""
    book = catalogue()
    chosen = [book.resolve(name) for name in names] if names else list(book.values())
    if as_json:
        result_json({"catalogue_version": book.version, "structures": [_row(s) for s in chosen]})
        return
    table = Table("id", "name", "TG-263", "ROI name", "role", "code", "tolerance mm", "priority")
    for structure in chosen:
        row = _row(structure)
        table.add_row(
            *("–" if value is None else str(value) for key, value in row.items() if key != "aliases")
        )
    result_table(table)


def _row(structure: Structure) -> dict[str, object]:
    code = structure.code
    return {
        "id": structure.id,
        "display_name": structure.display_name,
        "tg263_name": structure.tg263_name,
        "roi_name": structure.roi_name,
        "role": structure.role.value,
        "code": f"{code.scheme} {code.value}" if code else None,
        "tolerance_mm": structure.tolerance_mm,
        "priority": structure.priority,
        "aliases": list(structure.aliases),
    }
