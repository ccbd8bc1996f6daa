"""The end of the demo: its patient, contoured, in the workstation; a click opens her, one toggles a part."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from AmlartContourLib.contract.home import LOCAL_NAME
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.session.patient import PatientSource
from AmlartContourLib.session.store import SessionStore
from inference_backend.commands.workstation import workstation
from inference_backend.loop import Case
from inference_backend.server.private_files import private_folder

NAME = "Demo"
DERIVED = (Role.COMPOSITE, Role.PTV, Role.LANDMARK)


def is_at_terminal() -> bool:
    """True where somebody can open the link and end the workstation."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def end_in_workstation(
    wanted: bool | None, out: Path, dicom: Path, case: Case, made: Contours | None
) -> None:
    """Shows the patient where that is wanted; None: at a terminal. `made`: what an engine gave."""
    if is_at_terminal() if wanted is None else wanted:
        show_in_workstation(out, dicom, case, made)


def show_in_workstation(out: Path, dicom: Path, case: Case, made: Contours | None) -> None:
    """Runs the workstation over the demo's patient until Ctrl-C."""
    patients = out / "patients"
    place = patients / NAME / "dicom"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(dicom.resolve(), target_is_directory=True)
    home = private_folder((out / "workstation").resolve())
    work = home / "workstation" / "users" / LOCAL_NAME
    for folder in (home / "workstation", work.parent, work):
        private_folder(folder)
    book = catalogue()
    parts = case.structures.only(i for i in case.structures.ids if book[i].role not in DERIVED)
    given = made or Contours(parts, engine="demo")
    arrived = replace(given, masks=parts, spread={}, borders=case.record.borders)
    SessionStore(work).put_arrived(PatientSource.at(place, name=NAME).key, arrived)
    workstation(patients, home=home)
