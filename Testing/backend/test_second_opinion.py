"""`amlart second-opinion`: two engines on one CT, measured against each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.set_comparison import compare_sets
from inference_backend.guideline.margins_preset import load_margins
from inference_backend.guideline.nodal import contour_nodal
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.write import write_phantom
from support.amlart import Ran, amlart
from support.backend_process import BackendProcess

TWO = ("--engine", "guideline-taylor-2005", "--engine", "guideline-pgi")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, coarse patient as files."""
    spec = PhantomSpec(matrix_ij=(120, 100), pixel_mm=(3.4, 3.4), slice_step_mm=5.0)
    return write_phantom(tmp_path_factory.mktemp("phantom") / "patient", make_phantom(spec), dicom=False)


def asked(patient: Path, shared: BackendProcess, folder: Path, *words: object) -> Ran:
    token = folder / "token"
    token.write_text(shared.token)
    there = ("--backend", shared.url, "--token-file", token, "--organs", patient / "organs")
    return amlart("second-opinion", patient / "ct.nii.gz", *words, *there)


def test_two_engines_are_measured_against_each_other(
    patient: Path, tmp_path: Path, shared: BackendProcess
) -> None:
    report = tmp_path / "report.html"
    ran = asked(patient, shared, tmp_path, *TWO, "--json", "--report", report)
    assert ran.code == 0, ran.err
    found = {one["structure_id"]: one["overlap"]["dice"] for one in ran.json["structures"]}
    scan = read_ct(patient / "ct.nii.gz")
    organs = read_contours(patient / "organs", scan, catalogue()).structures
    taylor, pgi = (
        contour_nodal(scan, organs, load_margins(name, None)).structures for name in ("taylor_2005", "pgi")
    )
    direct = {one.structure_id: one.comparison.overlap.dice for one in compare_sets(pgi, taylor, catalogue())}
    assert found == pytest.approx(direct)
    assert 0.2 < found["ln_external_iliac_left"] < 0.999  # where the presets' margins differ
    assert "does not show that either is right" in ran.json["findings"][-1]
    text = report.read_text(encoding="utf-8")
    assert "by guideline-pgi" in text
    assert "by guideline-taylor-2005" in text


def test_the_worst_slices_are_told(patient: Path, tmp_path: Path, shared: BackendProcess) -> None:
    ran = asked(patient, shared, tmp_path, *TWO)
    assert ran.code == 0, ran.err
    assert "look first at slice" in ran.err
    assert "surface Dice" in ran.out


@pytest.mark.parametrize("words", [TWO[:2], (*TWO[:2], *TWO[:2]), (*TWO, "--engine", "amlart-demo")])
def test_one_engine_twice_or_three_are_refused(
    patient: Path, tmp_path: Path, shared: BackendProcess, words: tuple[str, ...]
) -> None:
    ran = asked(patient, shared, tmp_path, *words)
    assert ran.code == 2
    assert "needs two engines" in ran.err
