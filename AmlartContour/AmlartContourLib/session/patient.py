"""A patient's files read, before anything of them is in a scene. Nothing here is bound to a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.domain.axial import AxialSlices
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.case_record import Input
from AmlartContourLib.exchange.contours_merged import read_merged_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan


@dataclass(frozen=True)
class PatientSource:
    """Where a patient's files lie. `key` names its saved session; `name` is the pseudonym that is shown."""

    key: str
    name: str
    ct: Path
    contours: tuple[Path, ...] = ()
    series_uid: str | None = None

    @classmethod
    def at(cls, ct: Path, contours: tuple[Path, ...] = (), name: str = "") -> PatientSource:
        """A patient known by where the CT lies, so that opening the same files finds the same session."""
        place = ct.resolve()
        key = hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        shown = name or place.name.removesuffix(".gz").removesuffix(".nii")
        return cls(key, shown.encode(errors="replace").decode(), ct, contours)  # a name may be no UTF-8


@dataclass(frozen=True, eq=False)
class PatientFiles:
    """What the files hold: the scan, contours that came with it, and what the readers had to say."""

    source: PatientSource
    scan: CtScan
    came_in: StructureSet
    inputs: tuple[Input, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Patient:
    """The patient that is open."""

    key: str
    name: str
    scan: CtScan
    axial: AxialSlices
    inputs: tuple[Input, ...] = ()


def read_patient(source: PatientSource, progress: Callable[[float], None] | None = None) -> PatientFiles:
    """Reads the CT and the contours beside it, on any thread. Of two contours for one structure the first
    path counts. Raises InputRefused and its kinds."""
    scan = read_ct(source.ct, series_uid=source.series_uid, progress=progress)
    came_in = read_merged_contours(source.contours, scan, source.name)
    inputs = (Input("CT", scan.source_sha256), *came_in.inputs)
    return PatientFiles(source, scan, came_in.structures, inputs, (*scan.findings, *came_in.findings))
