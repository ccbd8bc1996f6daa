"""`amlart compare`: measured editing between two sets of contours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.case_record import CaseRecord
from AmlartContourLib.exchange.contours_in import grid_of_contours, read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.imported import with_unlisted
from AmlartContourLib.exchange.report.data import MeasuredEditing, ReportData
from AmlartContourLib.exchange.report.write import write_report
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import SURFACE_DEFINITION
from AmlartContourLib.measures.set_comparison import compare_sets
from AmlartContourLib.measures.wording import grid_words
from inference_backend.commands.choices import tolerances
from inference_backend.commands.console import result_json, result_table, to_user

SIDES = ("Reference", "Test")
COLUMNS = (
    *("structure", "tolerance mm", "surface Dice", "redraw", "inward", "outward"),
    *("added path mm", "Dice", "HD95 mm"),
)


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("compare")(compare)


def compare(
    reference: Annotated[Path, typer.Argument(help="The contours that count, such as the edited ones.")],
    test: Annotated[Path, typer.Argument(help="The contours that are measured, such as a model's.")],
    ct: Annotated[Path | None, typer.Option(help="Their CT; needed for RTSTRUCT and for pictures.")] = None,
    tolerance: Annotated[list[str] | None, typer.Option(help="NAME=mm, instead of the default.")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write an HTML report here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the figures per slice.")] = False,
) -> None:
    """Measure how far two sets of contours differ: surface Dice, redraw, added path length, Dice, HD95."""
    place: CtScan | Geometry = read_ct(ct) if ct else grid_of_contours(reference)
    read = [read_contours(path, place, catalogue()) for path in (reference, test)]
    (one, other), book = with_unlisted(read, catalogue())
    own = {book.resolve(name).id: mm for name, mm in tolerances(tolerance).items()}
    editing = MeasuredEditing(one, other, compare_sets(one, other, book, own))
    messages = [f"{s}: {m}" for s, part in zip(SIDES, read, strict=True) for m in part.messages]
    if report is not None:
        data = ReportData(
            catalogue=book,
            structures=editing.reference,
            record=CaseRecord(findings=tuple(messages)),
            written=datetime.now(UTC),
            scan=place if isinstance(place, CtScan) else None,
            editing=editing,
        )
        write_report(report, data)
    if as_json:
        result_json({"structures": [c.to_json() for c in editing.comparisons], "messages": messages})
        return
    for message in messages:
        to_user("{}", message)
    result_table(editing_table(editing, book, "Measured editing"))


def editing_table(editing: MeasuredEditing, book: Catalogue, what: str) -> Table:
    """The figures of two sets of contours, a row for each structure; `what` they are, in words."""
    grid = grid_words(editing.reference.geometry)
    table = Table(*COLUMNS, title=f"{what}; surface Dice by {SURFACE_DEFINITION}, {grid}")
    for item in editing.comparisons:
        figures, main = item.comparison, item.comparison.redraws[0]
        default = " (default)" if item.tolerance_is_default else ""
        table.add_row(
            book[item.structure_id].display_name,
            f"{main.tolerance_mm:g}{default}",
            _cell(main.surface_dice, ".3f"),
            _cell(main.fraction_to_redraw, ".1%"),
            _cell(main.inward_fraction, ".1%"),
            _cell(main.outward_fraction, ".1%"),
            _cell(figures.path.added_mm, ".0f"),
            _cell(figures.overlap.dice, ".3f"),
            _cell(figures.surface.hd95_mm, ".1f"),
        )
    return table


def _cell(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)
