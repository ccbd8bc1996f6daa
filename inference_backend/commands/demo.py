"""`amlart demo`: the whole loop on a synthetic patient, measured against what is true of her by
construction.

With an engine the loop is given her CT alone; the ready-made patients are used for no training. The demo
then shows the expected editing of every structure beside the measured one. Without an engine, or where the
embedded one has no weights, the loop is given organs, vessels, bones and the parts of the primary target,
and makes the nodal levels by the guideline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.atomic import IfExists
from AmlartContourLib.exchange.nifti_out import write_masks
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.report.data import MeasuredEditing
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.set_comparison import StructureComparison, compare_sets
from inference_backend.commands.console import progress_bar, result_table, tell_case, to_user
from inference_backend.commands.demo_engine import (
    RememberedContours,
    chosen_engine,
    editing_of_engine,
    tell_expected_and_measured,
)
from inference_backend.commands.demo_workstation import end_in_workstation
from inference_backend.commands.phantom import spec_of
from inference_backend.commands.writing import write_case
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.loop import Case, Request, run
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.write import DICOM_FOLDER, pseudonym, write_phantom

GIVEN_ROLES = (Role.ORGAN, Role.LANDMARK, Role.GTV, Role.CTV_PART)
MEASURED = ("ln_pelvic", "ln_common_iliac", "ln_paraaortic", "ctvp", "ctvn")


EndThere = Annotated[
    bool | None,
    typer.Option(
        "--workstation/--no-workstation",
        help="End in the workstation or after the exports; left out: in it at a terminal.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write; an earlier demo in it is replaced.")] = Path(
        "demo-output"
    ),
    variant: Annotated[str, typer.Option(help="Which synthetic patient; `amlart phantom` lists them.")] = (
        "standard"
    ),
    preset: Annotated[str, typer.Option(help="Name of a site preset.")] = "extended_field",
    engine: Annotated[
        str | None,
        typer.Option(
            help="Engine that contours from the CT alone, or none; the embedded one if it is there."
        ),
    ] = None,
    guideline: Annotated[
        str, typer.Option(help="Margins of the nodal levels where no engine contours.")
    ] = "taylor_2005",
    open_workstation: EndThere = None,
) -> None:
    """Contour a synthetic patient, measure the contours, and say where report and exports are."""
    chosen = chosen_engine(engine)
    with progress_bar() as report:
        report(0.0, "Making a synthetic patient")
        patient = make_phantom(spec_of(variant))
        folder = write_phantom(out / "patient", patient, if_exists=IfExists.REPLACE)
        request = _request(patient, folder, preset, chosen, guideline)
        case = run(request, lambda f, stage: report(0.1 + 0.5 * f, stage))
        editing = editing_of_engine(patient.truth, chosen.made) if chosen else _against_truth(patient, case)
        written = write_case(
            out / "contours",
            case,
            editing=editing,
            if_exists=IfExists.REPLACE,
            progress=lambda f, stage: report(0.6 + 0.4 * f, stage),
        )
    _tell(editing.comparisons) if not chosen else tell_expected_and_measured(chosen.made, editing.comparisons)
    tell_case(case, written.folder)
    to_user("The patient is synthetic: no anatomy of a real person, and no evidence for any.")
    made = chosen.made if chosen else None
    end_in_workstation(open_workstation, out, folder / DICOM_FOLDER, case, made)


def _request(
    patient: Phantom, folder: Path, preset: str, engine: RememberedContours | None, guideline: str
) -> Request:
    """What the loop is to do: with an engine from the CT alone, else with what a clinician would give."""
    site = load_preset(preset)
    return Request(
        ct=folder / DICOM_FOLDER,
        contours=() if engine else (_write_given(folder, patient),),
        preset=site,
        selection=site.selection,
        pseudonym=pseudonym(patient),
        guideline=None if engine else load_margins(guideline),
        engine=engine,
    )


def _write_given(folder: Path, patient: Phantom) -> Path:
    """What the loop is given, as masks."""
    given = patient.truth.only(s.id for s in catalogue().with_role(*GIVEN_ROLES) if s.id in patient.truth)
    masks = folder / "given"
    masks.mkdir()
    write_masks(masks, given)
    return masks


def _against_truth(patient: Phantom, case: Case) -> MeasuredEditing:
    truth = patient.truth.only(MEASURED)
    made = StructureSet.of(truth.geometry, (c for c in case.exported if c.structure_id in MEASURED))
    found = compare_sets(truth, made, catalogue())
    return MeasuredEditing(truth, made, found, "truth of the synthetic patient", "contours of the loop")


def _tell(comparisons: tuple[StructureComparison, ...]) -> None:
    table = Table(
        "structure", "surface Dice", "tolerance mm", "Dice", title="Loop against the phantom's own contours"
    )
    for found in comparisons:
        figures = found.comparison
        row = (figures.surface_dice, figures.tolerance_mm, figures.overlap.dice)
        cells = ("undefined" if value is None else f"{value:.3g}" for value in row)
        table.add_row(catalogue()[found.structure_id].display_name, *cells)
    result_table(table)
