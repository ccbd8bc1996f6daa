"""The report as one HTML file: pictures inside it, no script, nothing fetched from anywhere.

Every value goes through the template's escaping. The file holds no patient data: the case is known by its
pseudonym.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.provenance import software_versions
from AmlartContourLib.exchange.report.attention import attention, findings
from AmlartContourLib.exchange.report.data import ReportData
from AmlartContourLib.exchange.report.editing_pictures import editing_pictures
from AmlartContourLib.exchange.report.editing_rows import editing_tables
from AmlartContourLib.exchange.report.pictures import make_pictures
from AmlartContourLib.exchange.report.rows import (
    border_rows,
    contour_notes,
    legend,
    message_rows,
    part_rows,
    recipe_lines,
    structure_groups,
)
from AmlartContourLib.exchange.report.second_opinion_rows import opinion_table

TEMPLATE = "report.html.jinja2"


def write_report(path: Path, data: ReportData, *, replace: bool = False) -> None:
    """Writes the report. ExportFailed where the file is there already and `replace` is not set, or where it
    cannot be written; then nothing is left under its name. GeometryMismatch where contours and scan lie on
    different grids."""
    write_file(path, report_html(data).encode("utf-8"), replace=replace)


def report_html(data: ReportData) -> str:
    """The report as text."""
    return templates().get_template(TEMPLATE).render(_context(data))


def templates() -> Environment:
    """The templates beside this file: every value is escaped, a missing one is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(data: ReportData) -> Mapping[str, object]:
    record = data.record
    notes = contour_notes(data)
    return {
        "notice": RESEARCH_ONLY,
        "case": record.pseudonym or "without a pseudonym",
        "written": data.written.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "reviewer": record.reviewer,
        "preset": record.preset,
        "grid": data.structures.geometry.describe(),
        "attention": attention(data),
        "findings": findings(data),
        "pictures": make_pictures(data),
        "legend": legend(data),
        "groups": structure_groups(data, notes),
        "notes": notes,
        "parts": part_rows(data, notes),
        "recipe": tuple(recipe_lines(data)),
        "messages": message_rows(record.messages),
        "borders": border_rows(record.borders),
        "editing": data.editing,
        "charts": editing_pictures(data.editing, data.catalogue) if data.editing else None,
        "tables": editing_tables(data.editing, data.catalogue) if data.editing else None,
        "second": opinion_table(data.second, data.catalogue) if data.second else None,
        "software": software_versions(),
        "record": record,
    }
