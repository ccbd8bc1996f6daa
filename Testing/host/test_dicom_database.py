"""Patients of Slicer's DICOM database, with the RTSTRUCTs of their studies; beside other DICOM plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest
import slicer

from AmlartContourLib.exchange.export import Format
from host.application import Host
from host.clinician import Clinician


class Database:
    """What this module asks of Slicer's database, over the headers of real files; nothing else is there."""

    def __init__(self, folder: Path, is_open: bool = True) -> None:
        self.isOpen = is_open
        self._files: dict[str, dict[str, dict[str, list[str]]]] = {}
        for path in sorted(folder.rglob("*.dcm")):
            head = pydicom.dcmread(path, stop_before_pixels=True)
            studies = self._files.setdefault(str(head.PatientID), {})
            series = studies.setdefault(str(head.StudyInstanceUID), {})
            series.setdefault(str(head.SeriesInstanceUID), []).append(str(path))

    def patients(self) -> tuple[str, ...]:
        return tuple(self._files)

    def studiesForPatient(self, patient: str) -> tuple[str, ...]:
        return tuple(self._files[patient])

    def seriesForStudy(self, study: str) -> tuple[str, ...]:
        return tuple(series for studies in self._files.values() for series in studies.get(study, {}))

    def filesForSeries(self, series: str) -> tuple[str, ...]:
        found = (all_of.get(series) for studies in self._files.values() for all_of in studies.values())
        return tuple(next(files for files in found if files))

    def fileValue(self, path: str, tag: str) -> str:
        group, element = (int(part, 16) for part in tag.split(","))
        return str(pydicom.dcmread(path, stop_before_pixels=True)[group, element].value)


@pytest.fixture
def exported(bench: Any, tmp_path: Path) -> Path:
    """The block patient as a CT series with an RTSTRUCT; nobody is open any more."""
    folder = tmp_path / "dicom"
    bench.session.exporting.export(folder, frozenset({Format.RTSTRUCT}), report=False)
    return folder


def test_a_patient_of_the_database_comes_with_the_rtstruct_of_her_study(
    bench: Any, host: Host, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bladder = bench.session.case.structures.mask("bladder")
    clinician = Clinician(host)
    clinician.press(bench.worklist.ui.closeButton)
    monkeypatch.setattr(slicer, "dicomDatabase", Database(exported))
    clinician.press(bench.worklist.ui.databaseButton)
    assert bench.worklist.ui.table.rowCount == 1, "one row for the CT, none for its RTSTRUCT"
    clinician.open_row()
    came = bench.session.case.structures
    assert came.mask("bladder").voxel_count == bladder.voxel_count
    assert came.contours["bladder"].source.name == "IMPORTED"
    assert bench.session.case.composition.composites.has("ctvp")


def test_a_database_that_is_not_open_is_said(
    bench: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slicer, "dicomDatabase", Database(tmp_path / "none", is_open=False))
    Clinician(host).press(bench.worklist.ui.databaseButton)
    assert "DICOM database is not open" in bench.ui.noticeLabel.text


def test_the_plugins_of_others_stay_and_ours_takes_nothing_of_theirs(host: Host) -> None:
    theirs = object()
    slicer.modules.dicomPlugins["DicomRtImportExportPlugin"] = theirs
    try:
        host.load()
        host.reload()
        plugins = slicer.modules.dicomPlugins
        assert plugins["DicomRtImportExportPlugin"] is theirs
        ours = plugins["AmlartContourDICOMPlugin"]
        assert "examineForImport" not in vars(ours), "RTSTRUCTs are left to whoever imports them"
        assert "load" not in vars(ours)
    finally:
        del slicer.modules.dicomPlugins["DicomRtImportExportPlugin"]
