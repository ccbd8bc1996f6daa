"""Site presets: valid by schema and by loader alike, honest about what was checked."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.exchange.presets import PRESETS, SCHEMA_NAME, list_presets, load_preset
from AmlartContourLib.exchange.resources import catalogue, read_json

SCHEMA = Draft202012Validator(read_json(PRESETS / SCHEMA_NAME))
EXAMPLE = read_json(PRESETS / "pelvis_common_iliac.json")
WITH_PTV = {
    "ptv_margins_mm": {"ctvn": 5},
    "ptv_sources": {"ctvn": "one published trial, read as an abstract"},
}


def changed(**changes: Any) -> dict[str, Any]:
    """The example preset with entries replaced; those of the selection by their own name."""
    data = copy.deepcopy(EXAMPLE)
    for key, value in changes.items():
        (data["selection"] if key in data["selection"] else data)[key] = value
    return data


def loaded(data: object, folder: Path) -> Any:
    path = folder / "site.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return load_preset(path)


def test_the_presets_that_ship() -> None:
    assert list_presets() == ("amlart_labels", "extended_field", "pelvis_common_iliac", "small_pelvis")


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_that_ships_is_valid_and_says_that_it_was_not_checked(name: str) -> None:
    SCHEMA.validate(read_json(PRESETS / f"{name}.json"))
    preset = load_preset(name)
    assert preset.id == name
    assert not preset.verified
    assert preset.status == "not checked against a primary document"
    assert preset.sources
    assert set(preset.selection.included) <= set(catalogue())


@pytest.mark.parametrize("name", list_presets())
def test_no_preset_that_ships_brings_a_margin_or_switches_a_rule_off(name: str) -> None:
    selection = load_preset(name).selection
    assert selection.ptv == {}
    assert selection.rules_off == frozenset()
    assert selection.priority == DEFAULT_PRIORITY


def test_each_field_covers_one_level_more() -> None:
    levels = [
        {i for i in load_preset(name).selection.included if i.startswith("ln_")}
        for name in ("small_pelvis", "pelvis_common_iliac", "extended_field")
    ]
    assert levels[0] < levels[1] < levels[2]
    assert levels[2] == {"ln_pelvic", "ln_common_iliac", "ln_paraaortic"}


def test_the_amlart_preset_names_the_seven_labels_as_the_data_set_does() -> None:
    names = set(load_preset("amlart_labels").names.values())
    assert names == {"Anorectum", "Bladder", "CTVn", "CTVp", "Parametrium", "Uterus", "Vagina"}


def test_a_site_may_keep_a_preset_of_its_own_with_names_colours_and_sourced_margins(tmp_path: Path) -> None:
    data = changed(names={"ctvn": "CTV-E"}, colours={"ctvn": [1, 2, 3]}, **WITH_PTV)
    SCHEMA.validate(data)
    preset = loaded(data, tmp_path)
    assert preset.selection.ptv == {"ctvn": Margin.isotropic(5)}
    assert preset.ptv_sources["ctvn"].startswith("one published trial")
    assert preset.roi_name("ctvn", catalogue()) == "CTV-E"
    assert preset.roi_name("ctvp", catalogue()) == "CTVp"
    assert preset.colour_rgb("ctvn", catalogue()) == (1, 2, 3)
    assert preset.colour_rgb("bladder", catalogue()) == catalogue()["bladder"].colour_rgb


BOTH_REFUSE = {
    "unknown entry": (changed() | {"ptv": {}}, "unknown entries: ptv"),
    "unknown choice": (changed() | {"selection": EXAMPLE["selection"] | {"vagina_mm": 20}}, "vagina_mm"),
    "no title": ({k: v for k, v in EXAMPLE.items() if k != "title"}, "lacks the entry 'title'"),
    "empty title": (changed(title=""), "'title' must be a text"),
    "status without words": (changed(status={"verified": True}), "lacks the entry 'words'"),
    "status in words only": (changed(status={"verified": "yes", "words": "x"}), "must be true or false"),
    "long name": (changed(names={"ctvn": "seventeen letters"}), "16 characters"),
    "colour of four numbers": (changed(colours={"ctvn": [1, 2, 3, 4]}), "three numbers"),
    "colour too bright": (changed(colours={"ctvn": [1, 2, 256]}), "three numbers"),
    "recipe that is none": (changed(vagina={"recipe": "LOWER"}), "LOWER"),
    "negative margin": (changed(ptv_margins_mm={"ctvn": -5}, ptv_sources={"ctvn": "x"}), "negative"),
    "margin of a part": (changed(ptv_margins_mm={"uterus": 5}, ptv_sources={"uterus": "x"}), "uterus"),
    "margin with five sides": (
        changed(
            ptv_margins_mm={"ctvn": dict.fromkeys(["left", "right", "anterior", "posterior", "superior"], 5)}
        ),
        "inferior",
    ),
    "short priority": (changed(priority=["ctvp", "ctvn"]), "priority order"),
}
LOADER_REFUSES = {
    "part that is none": (changed(include=["bladder"]), "bladder cannot be a part"),
    "part that does not exist": (changed(include=["ln_axillary"]), "ln_axillary cannot be a part"),
    "name of nothing": (changed(names={"spleen": "Spleen"}), "'spleen', which is no structure"),
    "colour of nothing": (changed(colours={"spleen": [1, 2, 3]}), "'spleen', which is no structure"),
    "two structures of one name": (changed(names={"ctvn": "CTVp"}), "would both be called 'CTVp'"),
    "margin without source": (changed(ptv_margins_mm={"ctvn": 5}), "needs its source"),
    "source without margin": (changed(ptv_sources={"ctvn": "x"}), "needs its source"),
}


@pytest.mark.parametrize("case", BOTH_REFUSE)
def test_schema_and_loader_refuse_the_same(case: str, tmp_path: Path) -> None:
    data, words = BOTH_REFUSE[case]
    assert not SCHEMA.is_valid(data)
    with pytest.raises(BadSetting, match=words):
        loaded(data, tmp_path)


@pytest.mark.parametrize("case", LOADER_REFUSES)
def test_the_loader_also_refuses_what_needs_the_catalogue_to_see(case: str, tmp_path: Path) -> None:
    data, words = LOADER_REFUSES[case]
    with pytest.raises(BadSetting, match=words):
        loaded(data, tmp_path)


def test_unknown_names_and_unreadable_files_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no preset 'embrace'") as refused:
        load_preset("embrace")
    assert "small_pelvis" in str(refused.value)
    with pytest.raises(BadSetting, match=r"nowhere\.json cannot be read"):
        load_preset(tmp_path / "nowhere.json")
    (tmp_path / "torn.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadSetting, match=r"torn\.json cannot be read"):
        load_preset(str(tmp_path / "torn.json"))
    with pytest.raises(BadSetting, match=r"site\.json does not hold a JSON object"):
        loaded([], tmp_path)
    with pytest.raises(BadSetting, match="no preset"):
        load_preset("preset.schema")
