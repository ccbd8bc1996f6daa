"""`amlart contour` on synthetic patients in DICOM, lying as patients lie, and read by other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from AmlartContourLib.domain.mask import union
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.nifti_out import write_masks
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.phantom.write import organ_names, write_phantom
from support.amlart import Ran, amlart
from support.phantoms import variant
from support.rt_peers import READERS, assert_same_voxels, dciodvfy_errors, expect_bug, need, peer_reads

AMLART = ("anorectum", "bladder", "ctvn", "ctvp", "parametrium", "uterus", "vagina")
LYING = ("oblique", "feet_first", "prone", "non_square")
EACH_LYING = (LYING[0], *(pytest.param(name, marks=pytest.mark.slow) for name in LYING[1:]))
NOTED = ("cropped_above", "no_gtvp", "one_kidney", "large_tumour", "small_parametrium_low_uterus")
EACH_NOTED = (NOTED[0], *(pytest.param(name, marks=pytest.mark.slow) for name in NOTED[1:]))
SWAPS = "rt-utils swaps rows and columns of its mask where the image is not square"
Lying = Callable[[str], Path]
KNOWN_BUGS = {
    **{("rt-utils", name): SWAPS for name in LYING},
    ("DicomRTTool", "oblique"): "DicomRTTool chooses the slice by z alone",
}


def _contoured(name: str, folder: Path, *words: object) -> Ran:
    patient = write_phantom(folder / "patient", variant(name))
    organs, truth = patient / "organs", patient / "truth"
    targets = folder / "targets"
    targets.mkdir()
    own = read_contours(truth, read_ct(patient / "ct.nii.gz"), catalogue()).structures
    write_masks(targets, own.only(("cervix", "gtvp", "uterus", "vagina", "parametrium", "anorectum", "gtvn")))
    given = ("--organs", targets, "--organs", organs)
    return amlart("contour", patient / "dicom", *given, "--out", folder / "out", "--json", *words)


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Lying:
    """The folder of a phantom that lies or is scanned in another way, contoured when first asked for."""

    @cache
    def contoured(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        ran = _contoured(name, folder)
        assert ran.code == 0, ran.err
        return folder

    return contoured


@pytest.mark.peer
@pytest.mark.parametrize("name", EACH_LYING)
@pytest.mark.parametrize("peer", READERS)
def test_a_peer_reads_the_contours_on_the_patient_s_own_series(
    lying: Lying, peer: str, name: str, request: pytest.FixtureRequest
) -> None:
    need(peer)
    expect_bug(request, KNOWN_BUGS.get((peer, name)))
    ct, out = lying(name) / "patient" / "dicom", lying(name) / "out"
    assert not (out / "ct").exists(), "the source's own slices are referred to"
    contours = read_contours(out / "masks", read_ct(ct), catalogue()).structures
    read, _ = peer_reads(peer, out / "rtstruct.dcm", ct)
    assert_same_voxels(read, contours)


@pytest.mark.peer
@pytest.mark.parametrize("name", EACH_LYING)
def test_dciodvfy_finds_no_error_in_the_rtstruct(lying: Lying, name: str) -> None:
    assert dciodvfy_errors(lying(name) / "out" / "rtstruct.dcm") == []


@pytest.mark.parametrize("name", EACH_NOTED)
def test_the_cases_the_notes_warn_of_are_contoured(tmp_path: Path, name: str) -> None:
    ran = _contoured(name, tmp_path, "--preset", "extended_field")
    assert ran.code == 0, ran.err
    volumes = ran.json["volumes_cc"]
    assert volumes["ctvp"] > 80
    assert volumes["ln_pelvic"] > 100
    assert ("gtvp" in volumes) == (name != "no_gtvp")
    borders = {border["kind"]: border for border in ran.json["level_borders"]}
    if name in ("one_kidney", "cropped_above"):
        assert borders.get("PARAAORTIC_TOP", {"estimated": True})["estimated"]


def test_labels_of_the_amlart_form_are_divided_and_keep_their_voxels(tmp_path: Path) -> None:
    phantom = variant("standard")
    patient = write_phantom(tmp_path / "patient", phantom, dicom=False)
    labels = tmp_path / "labels"
    for number, structure_id in enumerate(AMLART, start=1):
        roi = catalogue()[structure_id].roi_name
        folder = labels / f"Dataset{number:03d}_{roi}" / "labelsTr"
        folder.mkdir(parents=True)
        write_masks(folder, phantom.truth.only([structure_id]), {structure_id: "zzAMLART_001"})
    organs = tmp_path / "organs"
    organs.mkdir()
    write_masks(organs, phantom.truth.only(organ_names(phantom)))
    ran = amlart(
        "contour", patient / "ct.nii.gz", "--organs", labels, "--organs", organs, "--case", "zzAMLART_001",
        "--preset", "amlart_labels", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    made = _masks(tmp_path / "out", patient)
    levels = [made.mask(i) for i in ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")]
    assert union(levels, made.geometry).same_voxels(phantom.truth.mask("ctvn") & made.mask("ctvn"))
    high_risk = phantom.truth.mask("ctvp") - phantom.truth.mask("uterus") - phantom.truth.mask("vagina")
    assert made.mask("ctv_hr").same_voxels(high_risk)


def test_without_organ_masks_labels_alone_are_enough(tmp_path: Path) -> None:
    phantom = variant("standard")
    patient = write_phantom(tmp_path / "patient", phantom, dicom=False)
    labels = tmp_path / "labels"
    labels.mkdir()
    write_masks(labels, phantom.truth.only(AMLART))
    words = ("--preset", "amlart_labels", "--out", tmp_path / "out", "--json")
    ran = amlart("contour", patient / "ct.nii.gz", "--organs", labels, *words)
    assert ran.code == 0, ran.err
    assert ran.json["volumes_cc"]["ctvn"] == pytest.approx(phantom.truth.mask("ctvn").volume_cc, abs=1)
    assert any("neither a pelvis nor a great vessel" in finding for finding in ran.json["findings"])


def _masks(out: Path, patient: Path) -> StructureSet:
    return read_contours(out / "masks", read_ct(patient / "ct.nii.gz"), catalogue()).structures
