"""The guideline files: readable, complete, honest about where each number comes from."""

from __future__ import annotations

import copy
from dataclasses import astuple
from typing import Any

import jsonschema
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.resources import read_json
from inference_backend.guideline.margins_preset import (
    FOLDER,
    PARA_AORTIC_FILE,
    Tag,
    load_margins,
    margins_from_json,
    para_aortic_names,
    preset_names,
)

SCHEMA = read_json(FOLDER / "guideline.schema.json")
FILES = [path.name for path in sorted(FOLDER.glob("*.json")) if path.name != "guideline.schema.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_guideline_file_follows_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(read_json(FOLDER / name))


def test_the_schema_refuses_a_millimetre_without_source_or_tag() -> None:
    for missing in ("source", "tag"):
        data = copy.deepcopy(read_json(FOLDER / "pgi.json"))
        del data["values"]["vessel_margin"][missing]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(data)


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("para_aortic", [None, *para_aortic_names()])
def test_every_number_carries_a_source_and_a_tag(preset: str, para_aortic: str | None) -> None:
    numbers = load_margins(preset, para_aortic).numbers()
    assert len(numbers) >= 22
    for name, number in numbers.items():
        assert len(number.source) > 8, name
        assert isinstance(number.tag, Tag)


@pytest.mark.parametrize("preset", preset_names())
def test_no_default_holds_an_unverified_number_or_the_symmetric_para_aortic_margin(preset: str) -> None:
    margins = load_margins(preset)
    assert margins.unverified() == {}
    assert margins.para_aortic.id == "node_distance"
    for vessel in (margins.para_aortic.aorta, margins.para_aortic.inferior_vena_cava):
        assert not vessel.margin.is_isotropic
    assert not margins.verified_against_primary


def test_the_presets_differ_where_the_guidelines_conflict() -> None:
    taylor, pgi = load_margins("taylor_2005"), load_margins("pgi")
    assert (taylor.vessel_margin.value, pgi.vessel_margin.value) == (7, 7)
    assert (taylor.obturator_strip_width.value, pgi.obturator_strip_width.value) == (18, 17)
    assert (taylor.external_iliac_anterolateral.value, pgi.external_iliac_anterolateral.value) == (10, 0)
    assert (taylor.presacral_depth.value, pgi.presacral_depth.value) == (10, 10)
    assert taylor.presacral_segments.value < pgi.presacral_segments.value == 2
    for preset in (taylor, pgi):
        assert preset.vessel_margin.tag is Tag.S


def test_the_default_para_aortic_margin_is_the_stated_derivation() -> None:
    margins = load_margins("taylor_2005").para_aortic
    # Left, right, anterior, posterior: the mean (8; 6); where most nodes lie, the range's end (17; 15).
    assert astuple(margins.aorta.margin)[:4] == (17, 8, 8, 8)
    assert astuple(margins.inferior_vena_cava.margin)[:4] == (15, 6, 6, 6)
    assert all(n.tag is Tag.E for name, n in load_margins("pgi").numbers().items() if "para_aortic" in name)
    assert "engineering derivation" in margins.statement


def test_recalled_margins_come_only_when_asked_for_and_say_so() -> None:
    margins = load_margins("taylor_2005", "keenan_recalled")
    assert astuple(margins.para_aortic.aorta.margin)[:4] == (15, 10, 10, 10)
    assert len(margins.unverified()) == 8
    assert "UNVERIFIED" in margins.para_aortic.statement


def test_the_symmetric_margin_warns_of_its_coverage() -> None:
    margins = load_margins("pgi", "symmetric_7mm")
    assert "62.0 %" in margins.para_aortic.statement
    assert margins.para_aortic.aorta.margin.is_isotropic


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadSetting, match="taylor_2005"):
        load_margins("taylor")
    with pytest.raises(BadSetting, match="node_distance"):
        load_margins("pgi", "nrg")


@pytest.mark.parametrize(
    ("field", "change"),
    [("value", -1), ("value", 500), ("value", "seven"), ("tag", "X"), ("source", "")],
)
def test_a_number_that_cannot_be_used_is_refused(field: str, change: Any) -> None:
    data = copy.deepcopy(read_json(FOLDER / "pgi.json"))
    data["values"]["vessel_margin"][field] = change
    with pytest.raises(BadSetting):
        margins_from_json(data, read_json(FOLDER / PARA_AORTIC_FILE))


def test_a_preset_without_one_of_its_numbers_is_refused() -> None:
    data = copy.deepcopy(read_json(FOLDER / "pgi.json"))
    del data["values"]["presacral_depth"]
    with pytest.raises(BadSetting, match="presacral_depth"):
        margins_from_json(data, read_json(FOLDER / PARA_AORTIC_FILE))


def test_provenance_holds_every_number_with_source_and_tag() -> None:
    record: Any = load_margins("pgi", "keenan_recalled").to_json()
    assert record["numbers"]["para_aortic.aorta.left"]["tag"] == "K"
    assert record["numbers"]["vessel_margin"]["value"] == 7
    assert record["exclude"]["bones"]["value"] is True
    assert record["verified_against_primary"] is False


def test_the_bladder_can_be_taken_out_by_choice() -> None:
    preset = load_margins("pgi")
    assert not preset.exclude.bladder.value
    assert preset.with_bladder_removed(True).exclude.bladder.value
