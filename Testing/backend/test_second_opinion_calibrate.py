"""`amlart second-opinion-calibrate` on a cohort of small patients, with two engines of a real backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.exchange.pair_files import NOT_CALIBRATED, OTHER_VERSION, PairFiles
from AmlartContourLib.measures.disagreement import disagreement_of_two
from inference_backend.dataset.cohort import open_cohort, read_case
from inference_backend.dataset.cohort_out import finish, write_case
from inference_backend.dataset.layout import Form
from support.amlart import Ran, amlart
from support.backend_process import BackendProcess
from support.box_cohort import box_patient

FIRST, SECOND = Engine("bright-40", "1"), Engine("bright-90", "1")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMLART_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def cohort(folder: Path, cases: int) -> Path:
    for number in range(cases):
        write_case(folder, Form.FOLDERS, f"CASE-{number:02}", *box_patient(number))
    finish(folder, Form.FOLDERS, {})
    return folder


def calibrated(tmp_path: Path, shared: BackendProcess, folder: Path, *words: object) -> Ran:
    token = tmp_path / "token"
    token.write_text(shared.token)
    there = ("--backend", shared.url, "--token-file", token, "--out", tmp_path / "figures")
    two = words or ("--engine", FIRST.name, "--engine", SECOND.name)
    return amlart("second-opinion-calibrate", folder, *two, *there)


def test_thresholds_come_from_local_cases_and_are_kept_for_the_panels(
    tmp_path: Path, shared: BackendProcess, home: Path
) -> None:
    folder = cohort(tmp_path / "cohort", 10)
    ran = calibrated(tmp_path, shared, folder)
    assert ran.code == 0, ran.err
    found, why = PairFiles(home).find(FIRST, SECOND)
    assert (why, found is not None) == ("", True)
    assert found is not None
    one = found.of("bladder")
    assert one is not None
    assert (found.cases, one.cases) == (10, 10)
    opened = open_cohort(folder)
    apart = []
    for case in opened.labelled:
        scan = read_case(case, opened.form).scan
        masks = [Mask.from_array(scan.hu_kji > hu, scan.geometry) for hu in (40, 90)]
        apart.append(disagreement_of_two(*masks, one.rules.tolerance_mm).fraction)
    assert one.fraction == pytest.approx(sorted(apart)[8])
    assert "10" in ran.out
    assert PairFiles(home).find(SECOND, FIRST) == (None, NOT_CALIBRATED)
    assert PairFiles(home).find(FIRST, Engine(SECOND.name, "2")) == (None, OTHER_VERSION)


def test_it_goes_on_where_it_was_and_measures_only_cases_without_figures(
    tmp_path: Path, shared: BackendProcess
) -> None:
    folder = cohort(tmp_path / "cohort", 2)
    calibrated(tmp_path, shared, folder)
    kept = tmp_path / "figures" / "CASE-00.json"
    before = kept.stat().st_mtime_ns
    (tmp_path / "figures" / "CASE-01.json").unlink()
    calibrated(tmp_path, shared, folder)
    assert kept.stat().st_mtime_ns == before
    assert (tmp_path / "figures" / "CASE-01.json").is_file()


def test_with_too_few_cases_it_says_so_and_no_threshold_is_made(
    tmp_path: Path, shared: BackendProcess, home: Path
) -> None:
    ran = calibrated(tmp_path, shared, cohort(tmp_path / "cohort", 3))
    assert ran.code == 0, ran.err
    assert "No threshold of Bladder: 9 local cases" in ran.err
    found, _ = PairFiles(home).find(FIRST, SECOND)
    assert found is not None
    one = found.of("bladder")
    assert one is not None
    assert (one.fraction, one.slice_mm2) == (None, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "bright-40", "--engine", "bright-40"), "needs two engines"),
        (("--engine", "bright-40", "--engine", "nobody"), "no engine 'nobody'"),
    ],
)
def test_engines_that_cannot_be_are_refused(
    tmp_path: Path, shared: BackendProcess, words: tuple[str, ...], said: str
) -> None:
    ran = calibrated(tmp_path, shared, cohort(tmp_path / "cohort", 1), *words)
    assert ran.code == 2
    assert said in ran.err
