"""`amlart contour`: one CT through the loop, to NIfTI, RTSTRUCT, provenance and report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.selection import Selection, parse_parts
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands.backend_choice import CaFile, TokenFile, any_backend
from inference_backend.commands.choices import MARGIN_HELP, VAGINA_HELP, margin, vagina_length, words
from inference_backend.commands.console import progress_bar, result_json, tell_case
from inference_backend.commands.through_backend import contourer
from inference_backend.commands.writing import summary, write_case
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.loop import Request, run

NO_GUIDELINE = "none"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("contour")(contour)


def contour(
    ct: Annotated[Path, typer.Argument(help="Folder of DICOM files, one DICOM file, or a .nii or .nii.gz.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist or be empty.")],
    organs: Annotated[
        list[Path] | None,
        typer.Option(help="Contours: folder of masks, label map or RTSTRUCT. May be given several times."),
    ] = None,
    preset: Annotated[str, typer.Option(help="Name of a site preset, or a .json file.")] = "small_pelvis",
    include: Annotated[str | None, typer.Option(help="Parts to include, instead of the preset's.")] = None,
    exclude: Annotated[str | None, typer.Option(help="Parts to leave out of those.")] = None,
    vagina: Annotated[str | None, typer.Option(help=f"Vaginal length: {VAGINA_HELP}")] = None,
    ptv: Annotated[str | None, typer.Option(help=f"Margin of CTV to PTV. {MARGIN_HELP}")] = None,
    guideline: Annotated[
        str, typer.Option(help="Margins of the nodal levels: a guideline, or none.")
    ] = "taylor_2005",
    para_aortic: Annotated[str | None, typer.Option(help="Para-aortic margins, instead of its own.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Contour with this engine of a backend; the guideline adds only levels it lacks."),
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="URL of a backend elsewhere; this machine's own if none.")
    ] = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    case: Annotated[str, typer.Option(help="Pseudonym of the case; no patient data.")] = "CASE",
    series: Annotated[str | None, typer.Option(help="Series UID, where the folder holds several.")] = None,
    resample_tilt: Annotated[bool, typer.Option(help="Resample a tilted or uneven scan.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Contour the nodal levels, compose the targets, and write NIfTI, RTSTRUCT, provenance and report."""
    site = load_preset(preset)
    request = Request(
        ct=ct,
        contours=tuple(organs or ()),
        preset=site,
        selection=selection_of(site, include, exclude, vagina, ptv),
        pseudonym=case,
        guideline=None if guideline == NO_GUIDELINE else load_margins(guideline, para_aortic),
        engine=contourer(engine, any_backend(backend, token_file, ca_file)) if engine else None,
        series_uid=series,
        resample_tilt=resample_tilt,
    )
    with progress_bar() as report:
        made = run(request, lambda f, stage: report(0.6 * f, stage))
        written = write_case(out, made, progress=lambda f, stage: report(0.6 + 0.4 * f, stage))
    if as_json:
        result_json(summary(made, written))
    else:
        tell_case(made, written.folder)


def selection_of(
    site: SitePreset, include: str | None, exclude: str | None, vagina: str | None, ptv: str | None
) -> Selection:
    """The preset's choices, changed by what was typed. BadSetting where nothing is left to include."""
    book = catalogue()
    selection = Selection.from_preset(site)
    if include is not None:
        selection = replace(selection, included=parse_parts(words(include), book))
    if exclude is not None:
        selection = selection.without(*parse_parts(words(exclude), book))
    if not selection.included:
        raise BadSetting("No part is included.", advice="Name at least one part after --include.")
    if vagina is not None:
        selection = replace(selection, vagina=vagina_length(vagina))
    if ptv is not None:
        selection = replace(selection, ptv={"ctv": margin(ptv)})
    return selection
