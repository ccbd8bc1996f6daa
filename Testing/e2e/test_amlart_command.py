"""The command as people use it: words in, exit codes and sentences out, files whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from AmlartContourLib.exchange.nifti_out import write_ct, write_masks
from inference_backend.phantom.write import write_phantom
from support.amlart import amlart
from support.phantoms import standard


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The standard phantom as files, with the primary target's parts as a clinician would give them."""
    folder = write_phantom(tmp_path_factory.mktemp("patients") / "one", standard())
    (folder / "given").mkdir()
    write_masks(folder / "given", standard().truth.only(("cervix", "gtvp", "uterus", "vagina", "anorectum")))
    return folder


def test_the_installed_command_says_what_it_can_do() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "amlart"), "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    for command in ("contour", "compare", "convert", "structures", "phantom", "demo", "doctor"):
        assert command in done.stdout


def test_the_doctor_finds_this_installation_in_order() -> None:
    ran = amlart("doctor", "--json")
    assert ran.code == 0
    assert ran.json["ok"] is True


@pytest.mark.parametrize("word", ["Gebärmutter", "utérus", "UTERUS", "corpus uteri"])
def test_a_structure_is_found_under_any_of_its_names(word: str) -> None:
    assert amlart("structures", word, "--json").json["structures"][0]["id"] == "uterus"


def test_the_vagina_the_margin_and_the_parts_follow_what_was_typed(patient: Path, tmp_path: Path) -> None:
    words = (
        "--organs",
        patient / "given",
        "--guideline",
        "none",
        "--include",
        "cervix,GTVp,vagina",
        "--json",
    )
    whole = amlart("contour", patient / "dicom", *words, "--vagina", "whole", "--out", tmp_path / "a")
    short = amlart(
        "contour", patient / "dicom", *words, "--vagina", "upper:20", "--ptv", "5", "--out", tmp_path / "b"
    )
    assert whole.code == short.code == 0, whole.err + short.err
    assert whole.json["included"] == ["cervix", "gtvp", "vagina"]
    assert short.json["volumes_cc"]["ctvp"] < whole.json["volumes_cc"]["ctvp"] - 5
    assert short.json["volumes_cc"]["vagina"] == whole.json["volumes_cc"]["vagina"], "the part stays whole"
    assert short.json["volumes_cc"]["ptv"] > short.json["volumes_cc"]["ctv"]
    assert "ptv" not in whole.json["volumes_cc"], "no margin is assumed"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--include", "liver lobe"), 2, "no structure of the catalogue"),
        (("--include", "bladder"), 2, "cannot be a part of a CTV"),
        (("--preset", "nowhere"), 2, "no preset 'nowhere'"),
        (("--guideline", "nowhere"), 2, "no guideline preset"),
        (("--vagina", "half"), 2, "no vaginal length"),
        (("--ptv", "1,2"), 2, "no margin"),
        (("--ptv", "-3"), 2, "negative"),
        (("--series", "1.2.3"), 3, "not in the folder"),
        (("--organs", "nowhere"), 3, "not there"),
    ],
)
def test_a_wrong_word_is_answered_in_words_and_nothing_is_written(
    patient: Path, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    given = () if words[0] == "--organs" else ("--organs", patient / "given")
    ran = amlart("contour", patient / "dicom", *given, "--out", tmp_path / "out", *words)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out").exists()


def test_an_export_that_is_there_is_never_overwritten(patient: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    words = ("--organs", patient / "given", "--guideline", "none", "--out", tmp_path / "out")
    ran = amlart("contour", patient / "dicom", *words)
    assert ran.code == 5
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mine.txt"]


def test_contours_go_through_every_form_of_file_without_a_voxel_lost(patient: Path, tmp_path: Path) -> None:
    ct = patient / "dicom"
    first = amlart("convert", patient / "given", "--ct", ct, "--out", tmp_path / "a", "--to", "rtstruct")
    second = amlart(
        "convert", tmp_path / "a" / "rtstruct.dcm", "--ct", ct, "--out", tmp_path / "b", "--to", "masks"
    )
    assert first.code == second.code == 0, first.err + second.err
    ran = amlart("compare", patient / "given", tmp_path / "b" / "masks", "--json")
    assert ran.code == 0, ran.err
    assert len(ran.json["structures"]) == 5
    for structure in ran.json["structures"]:
        assert structure["overlap"]["dice"] == 1
        assert structure["redraw"][0]["surface_dice"] == 1


def test_a_comparison_prints_its_definition_and_takes_tolerances(patient: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    write_masks(moved, standard().truth.only(("uterus", "anorectum")))
    ran = amlart("compare", patient / "given", moved, "--tolerance", "Gebärmutter=5")
    assert ran.code == 0, ran.err
    assert "arXiv 1809.04430" in ran.out
    assert "3 (default)" in ran.out
    assert "undefined" in ran.out, "the cervix is missing in one set"


def test_a_comparison_on_a_ct_writes_a_report_with_pictures(patient: Path, tmp_path: Path) -> None:
    write_ct(tmp_path / "ct.nii.gz", standard().scan)
    words = ("--ct", tmp_path / "ct.nii.gz", "--report", tmp_path / "report.html")
    ran = amlart("compare", patient / "given", patient / "truth", *words)
    assert ran.code == 0, ran.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Research use only" in page
    assert page.count("<img") >= 3


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_demo_makes_a_patient_contours_her_and_may_be_run_again(tmp_path: Path, times: int) -> None:
    for _ in range(times):
        ran = amlart("demo", "--out", tmp_path / "demo", "--variant", "no_gtvp")
        assert ran.code == 0, ran.err
    told = json.loads((tmp_path / "demo" / "contours" / "provenance.json").read_text(encoding="utf-8"))
    assert told["case"] == "PHANTOM-NO-GTVP"
    assert (tmp_path / "demo" / "contours" / "report.html").stat().st_size > 100_000
    assert "synthetic" in ran.err


def test_something_unexpected_reaches_the_user_as_a_sentence(
    patient: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_words: object, **_options: object) -> None:
        raise ZeroDivisionError("a secret of the patient")

    monkeypatch.setattr("inference_backend.commands.contour.run", broken)
    ran = amlart("contour", patient / "dicom", "--organs", patient / "given", "--out", tmp_path / "out")
    assert ran.code == 1
    assert "ZeroDivisionError" in ran.err
    assert "secret" not in ran.err
