"""`amlart convert`: contours from one form of file to another, read back and compared like every export."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.exchange.case_record import CaseRecord, Input
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.export import ALL_FORMATS, Format, export_case
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.imported import with_unlisted
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands.console import progress_bar, result_json, to_user
from inference_backend.commands.writing import volumes_cc


class To(Enum):
    """The forms that can be asked for."""

    MASKS = "masks"
    LABELS = "labels"
    RTSTRUCT = "rtstruct"
    ALL = "all"


FORMATS = {
    To.MASKS: frozenset({Format.MASKS}),
    To.LABELS: frozenset({Format.LABEL_MAP}),
    To.RTSTRUCT: frozenset({Format.RTSTRUCT}),
    To.ALL: ALL_FORMATS,
}


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("convert")(convert)


def convert(
    contours: Annotated[Path, typer.Argument(help="Folder of masks, label map or RTSTRUCT.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist or be empty.")],
    ct: Annotated[Path, typer.Option(help="The CT of the contours.")],
    to: Annotated[To, typer.Option(help="What to write.")] = To.ALL,
    preset: Annotated[str | None, typer.Option(help="Site preset, for its names and colours.")] = None,
    names: Annotated[Path | None, typer.Option(help="Names of a label map's labels.")] = None,
    case: Annotated[str, typer.Option(help="Pseudonym of the case; no patient data.")] = "CASE",
    series: Annotated[str | None, typer.Option(help="Series UID, where the CT folder holds several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Convert contours between masks, label map and RTSTRUCT; those of unknown names keep their own."""
    with progress_bar() as report:
        report(0.0, "Reading")
        scan = read_ct(ct, series_uid=series)
        found = read_contours(contours, scan, catalogue(), names=names, case_id=case)
        (structures,), book = with_unlisted([found], catalogue())
        record = CaseRecord(
            pseudonym=case,
            inputs=(Input("CT", scan.source_sha256), Input("contours", sha256_of(contours))),
            preset=load_preset(preset) if preset else None,
            findings=(*scan.findings, *found.messages, *_own_names(found.unknown)),
        )
        written = export_case(
            out,
            scan,
            structures,
            record,
            book,
            formats=FORMATS[to],
            progress=lambda f, stage: report(0.4 + 0.6 * f, stage),
        )
    if as_json:
        result_json(
            {
                "folder": str(written.folder),
                "volumes_cc": volumes_cc(structures),
                "messages": list(record.findings),
                "not_in_the_catalogue": list(found.unknown),
            }
        )
        return
    for message in record.findings:
        to_user("{}", message)
    to_user(
        "{} structures were written to [bold]{}[/] and read back equal.",
        len(structures),
        written.folder,
    )


def _own_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return (f"Converted under their own names, without codes: {', '.join(names)}.",) if names else ()
