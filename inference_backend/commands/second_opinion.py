"""`amlart second-opinion`: one CT by two engines, and how far they disagree on what both drew.

Where they part is where to look first. That they agree does not show that either is right, and it says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting, NothingToContour
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.exchange.case_record import CaseRecord, Engine, Input
from AmlartContourLib.exchange.contours_merged import read_merged_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.report.data import MeasuredEditing, ReportData
from AmlartContourLib.exchange.report.write import write_report
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.set_comparison import compare_sets
from inference_backend.commands.backend_choice import CaFile, TokenFile, any_backend
from inference_backend.commands.choices import tolerances
from inference_backend.commands.compare import editing_table
from inference_backend.commands.console import progress_bar, result_json, result_table, to_user
from inference_backend.commands.through_backend import contourer

WORST = 3
NOT_PROOF = "That two engines agree does not show that either is right."


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("second-opinion")(second_opinion)


def second_opinion(
    ct: Annotated[Path, typer.Argument(help="Folder of DICOM files, one DICOM file, or a .nii or .nii.gz.")],
    engine: Annotated[list[str], typer.Option(help="Give it twice: the first is measured by the second.")],
    organs: Annotated[
        list[Path] | None, typer.Option(help="Contours for engines that need some. May be given again.")
    ] = None,
    tolerance: Annotated[list[str] | None, typer.Option(help="NAME=mm, instead of the default.")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write an HTML report here.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="URL of a backend elsewhere; this machine's own if none.")
    ] = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the figures per slice.")] = False,
) -> None:
    """Contour one CT by two engines and measure how far they disagree, worst slices first."""
    if len(engine) != 2 or engine[0] == engine[1]:
        raise BadSetting("A second opinion needs two engines.", advice="Give --engine twice, each another.")
    scan = read_ct(ct)
    came_in = read_merged_contours(tuple(organs or ()), scan, "CASE")
    connect = any_backend(backend, token_file, ca_file)
    with progress_bar() as bar:
        one = contourer(engine[0], connect)(scan, came_in.structures, lambda f, s: bar(f / 2, s))
        other = contourer(engine[1], connect)(scan, came_in.structures, lambda f, s: bar(0.5 + f / 2, s))
    editing = _disagreement(one, other, tolerances(tolerance))
    findings = (*dict.fromkeys((*one.findings, *other.findings)), NOT_PROOF)
    if report is not None:
        record = CaseRecord(
            inputs=(Input("CT", scan.source_sha256), *came_in.inputs),
            engines=tuple(Engine(made.engine, made.engine_version) for made in (one, other)),
            findings=findings,
        )
        data = ReportData(catalogue(), editing.test, record, datetime.now(UTC), scan=scan, editing=editing)
        write_report(report, data)
    if as_json:
        result_json({"structures": [c.to_json() for c in editing.comparisons], "findings": list(findings)})
    else:
        _tell(editing, findings)


def _disagreement(one: Contours, other: Contours, named_mm: dict[str, float]) -> MeasuredEditing:
    """The first engine's contours measured by the second's, of what both drew."""
    book = catalogue()
    both = [i for i in one.masks.ids if one.masks.has(i) and other.masks.has(i)]
    if not both:
        raise NothingToContour("The two engines drew no structure in common.", kept="Nothing was written.")
    first, second = one.masks.only(both), other.masks.only(both)
    own = {book.resolve(name).id: mm for name, mm in named_mm.items()}
    names = (f"by {other.engine}", f"by {one.engine}")
    return MeasuredEditing(second, first, compare_sets(second, first, book, own), *names)


def _tell(editing: MeasuredEditing, findings: tuple[str, ...]) -> None:
    book = catalogue()
    result_table(editing_table(editing, book, f"{editing.test_name} measured {editing.reference_name}"))
    for item in editing.comparisons:
        worst = item.comparison.worst_slices(WORST)
        if worst:
            places = ", ".join(f"{figures.k + 1} (z {figures.position_mm:.0f} mm)" for figures in worst)
            to_user("{}: look first at slice {} from below.", book[item.structure_id].display_name, places)
    for finding in findings:
        to_user("{}", finding)
