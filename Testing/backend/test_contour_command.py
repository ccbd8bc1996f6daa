"""`amlart contour --engine`: the main job through a backend gives what it gives without one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from AmlartContourLib.client.local_backend import LocalBackend
from AmlartContourLib.contract.home import HOME_VARIABLE
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.write import write_phantom
from support.amlart import Ran, amlart
from support.backend_process import BackendProcess


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, coarse patient as files."""
    spec = PhantomSpec(matrix_ij=(120, 100), pixel_mm=(3.4, 3.4), slice_step_mm=5.0)
    return write_phantom(tmp_path_factory.mktemp("phantom") / "patient", make_phantom(spec))


def contoured(patient: Path, out: Path, *words: object) -> Ran:
    """Contours the patient from her CT and organ masks."""
    given = ("--organs", patient / "organs", "--include", "CTVn", "--out", out, "--json")
    return amlart("contour", patient / "ct.nii.gz", *given, *words)


def elsewhere(backend: BackendProcess, folder: Path) -> tuple[object, ...]:
    """The options that name a backend."""
    token = folder / "token"
    token.write_text(backend.token)
    return ("--backend", backend.url, "--token-file", token)


def test_the_engine_gives_what_the_guideline_gives(
    patient: Path, tmp_path: Path, shared: BackendProcess
) -> None:
    direct = contoured(patient, tmp_path / "direct")
    there = elsewhere(shared, tmp_path)
    through = contoured(patient, tmp_path / "through", "--engine", "guideline-taylor-2005", *there)
    assert (direct.code, through.code) == (0, 0), through.err
    for mask in sorted((tmp_path / "direct" / "masks").glob("*.nii.gz")):
        other = tmp_path / "through" / "masks" / mask.name
        np.testing.assert_array_equal(_voxels(other), _voxels(mask), err_msg=mask.name)
    assert _borders(through) == _borders(direct)
    record = json.loads((tmp_path / "through" / "provenance.json").read_text())
    assert record["engines"][0]["name"] == "guideline-taylor-2005"


def test_this_machine_s_own_backend_is_started_for_it(
    patient: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "höme"))
    ran = contoured(patient, tmp_path / "out", "--engine", "guideline-pgi")
    assert ran.code == 0, ran.err
    local = LocalBackend((), tmp_path / "höme")
    assert local.find() is not None
    assert local.stop() is True


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--engine", "unheard-of"), 2, "It has amlart-demo, guideline-taylor-2005"),
        (("--engine", "tiles-gone"), 6, "weights are missing"),
        (("--engine", "tiles-wrong"), 6, "ZeroDivisionError"),
    ],
)
def test_what_the_backend_refuses_the_user_reads(
    patient: Path, tmp_path: Path, shared: BackendProcess, words: tuple[str, ...], code: int, told: str
) -> None:
    ran = contoured(patient, tmp_path / "out", *words, *elsewhere(shared, tmp_path))
    assert ran.code == code, ran.err
    assert told in ran.err
    assert not (tmp_path / "out").exists()


def test_nothing_to_contour_is_what_it_is_without_a_backend(
    patient: Path, tmp_path: Path, shared: BackendProcess
) -> None:
    words = ("--engine", "guideline-pgi", "--out", tmp_path / "out", *elsewhere(shared, tmp_path))
    ran = amlart("contour", patient / "ct.nii.gz", *words)
    assert ran.code == 4, ran.err
    assert "neither a pelvis nor a great vessel" in ran.err


def _borders(ran: Ran) -> list[tuple[object, ...]]:
    """Kind, evidence and place (to a micrometre) of the level borders."""
    return [
        (b["kind"], b["evidence"], b["estimated"], *np.round(b["point_lps_mm"], 3))
        for b in ran.json["level_borders"]
    ]


def _voxels(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
