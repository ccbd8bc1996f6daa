"""No message, finding, log line or repr carries a patient's name or number, whatever goes wrong."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import AmlartError, SeveralSeries
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.dicom_folder import list_series
from support.dicom_series import PATIENT, PATIENT_ID, ct_slices, hounsfield, write_slices
from support.shapes import grid

GRID = grid((8, 7, 6))
SECRETS = ("DOE", "SECRET", PATIENT_ID, "19700101")


def shows_nothing(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


def raw(keyword: str, value: bytes) -> Callable[[Path], None]:
    """Replaces the value of a tag in a written file by bytes of the same length that quote the patient."""

    def change(path: Path) -> None:
        content = path.read_bytes()
        assert content.count(value) >= 1, keyword
        path.write_bytes(content.replace(value, b"DOE^SECRET"[: len(value)].ljust(len(value), b"S")))

    return change


HARMS: dict[str, Callable[[Path], None]] = {
    "nothing": lambda path: None,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "no header": lambda path: path.write_bytes(path.read_bytes()[:300]),
    "name as spacing": raw("PixelSpacing", b"1.0\\1.3"),
    "name as uid": raw("SOPClassUID", b"1.2.840.10008.5.1.4.1.1.2"),
    "name as image type": raw("ImageType", b"ORIGINAL\\PRIMARY"),
    "name as intercept": raw("RescaleIntercept", b"-1024"),
    "name as date": raw("PatientBirthDate", b"19700101"),
    "bad character set": raw("SpecificCharacterSet", b"ISO_IR 100"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_happens_to_a_file_nothing_of_the_patient_shows(
    harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    slices = ct_slices(GRID, hounsfield(GRID))
    for one in slices:
        one.SpecificCharacterSet = "ISO_IR 100"
    paths = write_slices(tmp_path, slices)
    HARMS[harm](paths[0])
    with caplog.at_level(logging.DEBUG):
        try:
            summaries = list_series(tmp_path)
            scan = read_ct(tmp_path)
            text = repr(summaries) + repr(scan) + str(scan) + " ".join(scan.findings)
        except AmlartError as error:
            text = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    assert shows_nothing(text)
    assert shows_nothing(caplog.text)
    out, err = capfd.readouterr()
    assert shows_nothing(out + err)


def test_a_description_that_names_the_patient_is_shown_without_the_name(tmp_path: Path) -> None:
    for series in ("one", "two"):
        slices = ct_slices(GRID, hounsfield(GRID), series=series)
        for one in slices:
            one.SeriesDescription = f"Pelvis {PATIENT} {PATIENT_ID} for Mrs Doe {series}"
        write_slices(tmp_path / series, slices)
    with pytest.raises(SeveralSeries) as caught:
        read_ct(tmp_path)
    assert shows_nothing(str(caught.value.choices).upper())
    assert "Pelvis" in caught.value.choices[0][1]
    summaries = list_series(tmp_path)
    assert all(shows_nothing(s.line.upper()) for s in summaries)
    assert "Pelvis" not in repr(summaries)
