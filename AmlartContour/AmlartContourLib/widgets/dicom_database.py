"""The CT series of Slicer's DICOM database as a worklist, with the RTSTRUCTs of the same study."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.session.patient import PatientSource
from AmlartContourLib.session.store import SessionStore
from AmlartContourLib.session.worklist import Worklist

MODALITY, PATIENT_ID = "0008,0060", "0010,0020"


class DatabaseWorklist(Worklist):
    """One entry for each CT series. `database` is `slicer.dicomDatabase`."""

    def __init__(self, database: Any, store: SessionStore) -> None:
        self._database = database
        super().__init__(Path(), store)

    def refresh(self) -> None:
        """Looks into the database again. InputRefused where it is not open."""
        if self._database is None or not self._database.isOpen:
            raise InputRefused(
                "Slicer's DICOM database is not open.", advice="Open the DICOM module once, then come back."
            )
        self._sources = {}
        for patient in self._database.patients():
            for study in self._database.studiesForPatient(patient):
                for source in self._of_study(study):
                    self._sources[source.key] = (source, "DICOM")

    def _of_study(self, study: str) -> list[PatientSource]:
        files = {s: self._database.filesForSeries(s) for s in self._database.seriesForStudy(study)}
        modality = {s: self._database.fileValue(f[0], MODALITY) for s, f in files.items() if f}
        contours = tuple(Path(f[0]) for s, f in files.items() if modality.get(s) == "RTSTRUCT")
        return [
            PatientSource(
                key=hashlib.sha256(series.encode()).hexdigest()[:32],
                name=self._database.fileValue(files[series][0], PATIENT_ID) or "CT",
                ct=Path(files[series][0]).parent,
                contours=contours,
                series_uid=series,
            )
            for series, kind in modality.items()
            if kind == "CT"
        ]
