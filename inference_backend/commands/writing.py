"""Writing a case with its report in one export, and what commands print of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.atomic import IfExists
from AmlartContourLib.exchange.export import Exported, export_case
from AmlartContourLib.exchange.provenance import border_json, message_json
from AmlartContourLib.exchange.report.data import MeasuredEditing, ReportData
from AmlartContourLib.exchange.report.write import write_report
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.loop import Case

REPORT = "report.html"


def write_case(
    out: Path,
    case: Case,
    *,
    editing: MeasuredEditing | None = None,
    if_exists: IfExists = IfExists.REFUSE,
    progress: Callable[[float, str], None],
) -> Exported:
    """The export and its report, in a folder that appears whole or not at all; errors as `export_case`."""
    book = catalogue()

    def add_report(folder: Path) -> None:
        data = ReportData(
            catalogue=book,
            structures=case.exported.only(i for i in case.exported.ids if i in case.structures),
            record=case.record,
            written=datetime.now(UTC),
            scan=case.scan,
            composition=case.composition,
            editing=editing,
        )
        write_report(folder / REPORT, data)

    return export_case(
        out,
        case.scan,
        case.exported,
        case.record,
        book,
        add_files=add_report,
        if_exists=if_exists,
        progress=progress,
    )


def summary(case: Case, written: Exported) -> dict[str, object]:
    """The result for machines: volumes, messages, borders, and where what lies."""
    return {
        "folder": str(written.folder),
        "report": str(written.folder / REPORT),
        "volumes_cc": volumes_cc(case.exported),
        "included": list(case.record.selection.included) if case.record.selection else [],
        "level_borders": [border_json(border) for border in case.record.borders],
        "rule_messages": [message_json(message) for message in case.record.messages],
        "findings": list(case.record.findings),
        "read_back": {a.format: "equal" for a in written.provenance.agreements},
    }


def volumes_cc(structures: StructureSet) -> dict[str, float]:
    """Volume in cm3 by id, empty structures left out."""
    return {c.structure_id: round(c.mask.volume_cc, 3) for c in structures if not c.mask.is_empty}
