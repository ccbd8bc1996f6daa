"""`amlart contour` on real public CTs: what it makes, what other programs read of it, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from AmlartContourLib.domain.mask import union
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.resources import catalogue
from support.amlart import amlart
from support.rt_peers import READERS, assert_same_voxels, dciodvfy_errors, expect_bug, need, peer_reads
from support.shared_data import real_case, unpacked

LEVELS = ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of the real pelvis, with pelvic and common iliac nodes included."""
    case = real_case("totalseg_example")
    out = tmp_path_factory.mktemp("real") / "out"
    words = ("--include", "pelvic,common iliac", "--out", out, "--case", "REAL-1")
    ran = amlart("contour", case / "ct.nii.gz", "--organs", case / "masks", *words)
    assert ran.code == 0, ran.err
    return out


@pytest.fixture(scope="module")
def contours(made: Path) -> StructureSet:
    """The exported masks, on the grid of the CT series beside them."""
    return read_contours(made / "masks", read_ct(made / "ct"), catalogue()).structures


def test_all_three_levels_and_the_bladder_are_there(contours: StructureSet) -> None:
    for level in LEVELS:
        assert 50 < contours.mask(level).volume_cc < 600
    assert contours.mask("bladder").volume_cc == pytest.approx(479.4, abs=0.1)


def test_the_ctvn_follows_what_was_included(contours: StructureSet) -> None:
    wanted = union([contours.mask(level) for level in LEVELS[:2]], contours.geometry)
    assert contours.mask("ctvn").same_voxels(wanted)


def test_the_provenance_tells_inputs_borders_and_that_all_was_read_back(made: Path) -> None:
    told = json.loads((made / "provenance.json").read_text(encoding="utf-8"))
    assert {item["role"] for item in told["inputs"]} == {"CT", "contours"}
    assert told["case"] == "REAL-1"
    assert told["selection"]["include"] == ["ln_pelvic", "ln_common_iliac"]
    assert {b["kind"] for b in told["level_borders"]} >= {"AORTIC_BIFURCATION", "PARAAORTIC_TOP"}
    assert all(border["evidence"] for border in told["level_borders"])
    assert told["read_back"]
    assert all(item["voxels_different"] == 0 for item in told["read_back"])


@pytest.mark.peer
@pytest.mark.parametrize("peer", READERS)
def test_a_peer_reads_the_rtstruct_on_its_ct_voxel_for_voxel(
    made: Path, contours: StructureSet, peer: str, request: pytest.FixtureRequest
) -> None:
    need(peer)
    swaps = "rt-utils swaps rows and columns of its mask; this image has 122 x 101 pixels"
    expect_bug(request, swaps if peer == "rt-utils" else None)
    read, _ = peer_reads(peer, made / "rtstruct.dcm", made / "ct")
    assert len(read) > 20
    assert_same_voxels(read, contours)


@pytest.mark.peer
def test_dciodvfy_finds_no_error(made: Path) -> None:
    assert dciodvfy_errors(made / "rtstruct.dcm") == []
    assert dciodvfy_errors(min((made / "ct").iterdir())) == []


def test_a_scan_above_the_pelvis_is_said_to_hold_none(tmp_path: Path) -> None:
    ct = unpacked("crlm1006_ffs_contrast", tmp_path)
    ran = amlart("contour", ct, "--out", tmp_path / "out")
    assert ran.code == 4
    assert "holds no pelvis" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_tilted_scan_is_refused_and_the_way_on_is_named(tmp_path: Path) -> None:
    ct = unpacked("ge_head_gantry_tilt", tmp_path)
    ran = amlart("contour", ct, "--out", tmp_path / "out")
    assert ran.code == 3
    assert "18.5 degrees" in ran.err
    assert "--resample-tilt" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_real_rtstruct_of_an_unknown_name_goes_through_every_form_as_it_came(tmp_path: Path) -> None:
    folder = unpacked("sts044_dicomrt", tmp_path)
    ct = next(folder.rglob("image"))
    (rtstruct,) = (path for path in folder.rglob("*.dcm") if path.parent != ct)
    ran = amlart("convert", rtstruct, "--ct", ct, "--out", tmp_path / "out", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["not_in_the_catalogue"] == ["GTV_Mass_CT"]
    reference = real_case("sts044_dicomrt") / "masks"
    for form in ("masks", "rtstruct.dcm", "labels.nii.gz"):
        compared = amlart("compare", reference, tmp_path / "out" / form, "--ct", ct, "--json")
        assert compared.code == 0, compared.err
        (structure,) = compared.json["structures"]
        assert structure["overlap"]["dice"] == 1, form
