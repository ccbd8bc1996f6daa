"""A selection is small, checked, and survives being written and read."""

from __future__ import annotations

import json

import pytest

from AmlartContourLib.contract.errors import BadSetting, UnknownStructure
from AmlartContourLib.domain.disjoint import DEFAULT_PRIORITY
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.rules import Rule
from AmlartContourLib.domain.selection import SELECTABLE, Selection, parse_parts
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.resources import catalogue

FULL = Selection(
    ("cervix", "ln_pelvic"),
    VaginaLength(VaginaRecipe.UPPER, 25),
    edit_back_parametrium=False,
    ptv={"ctvp": Margin(5, 5, 10, 10, 5, 5), "ctvn": Margin.isotropic(5)},
    rules_off=frozenset({Rule.DISJOINT}),
    priority=("anorectum", "gtvp", "gtvn", "ctvn", "ctvp"),
)


def test_every_part_of_the_catalogue_can_be_chosen_and_nothing_else() -> None:
    parts = {s.id for s in catalogue().with_role(Role.CTV_PART, Role.NODAL_LEVEL, Role.GTV)}
    assert parts == SELECTABLE


def test_what_is_written_is_what_is_read() -> None:
    written = json.loads(json.dumps(FULL.to_json()))
    read = Selection.from_json(written)
    assert read == FULL
    assert read.to_json() == FULL.to_json()


def test_parts_are_added_once_and_taken_away() -> None:
    more = Selection(("cervix",)).including("uterus", "cervix", "ln_pelvic")
    assert more.included == ("cervix", "uterus", "ln_pelvic")
    assert more.without("uterus", "ln_pelvic_left").included == ("cervix", "ln_pelvic_right")
    assert Selection(("cervix",)).included == ("cervix",)


def test_a_preset_starts_a_selection() -> None:
    preset = load_preset("small_pelvis")
    assert Selection.from_preset(preset) == preset.selection
    assert "ln_pelvic" in Selection.from_preset(preset).included


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["pelvic", "common_iliac", "para-aortic"], ("ln_pelvic", "ln_common_iliac", "ln_paraaortic")),
        (["Gebärmutter", "GEBARMUTTER", "utérus"], ("uterus",)),
        (["Parametrien", "Lpa", "HR-CTV"], ("parametrium", "ln_paraaortic", "ctv_hr")),
        (["CTVp"], ("cervix", "gtvp", "uterus", "vagina")),
        (["ctv nodal"], ("gtvn", "ln_pelvic", "ln_common_iliac", "ln_paraaortic")),
        (["obturator left"], ("ln_obturator_left",)),
    ],
)
def test_words_are_understood_in_any_spelling(words: list[str], ids: tuple[str, ...]) -> None:
    assert parse_parts(words, catalogue()) == ids


def test_words_that_mean_no_part_are_refused() -> None:
    with pytest.raises(BadSetting, match="Bladder cannot be a part"):
        parse_parts(["Blase"], catalogue())
    with pytest.raises(BadSetting, match="cannot be a part"):
        parse_parts(["CTV"], catalogue())
    with pytest.raises(UnknownStructure, match="pelvis bone"):
        parse_parts(["pelvis bone"], catalogue())


def test_choices_that_mean_nothing_are_refused() -> None:
    with pytest.raises(BadSetting, match="bladder"):
        Selection(("bladder",))
    with pytest.raises(BadSetting, match="uterus"):
        Selection((), ptv={"uterus": Margin.isotropic(5)})
    with pytest.raises(BadSetting, match="rule 1"):
        Selection((), rules_off=frozenset({Rule.PARAMETRIUM_FREE}))
    with pytest.raises(BadSetting, match="priority order"):
        Selection((), priority=("ctvp",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inclusion": []}, "unknown entries: inclusion"),
        ({"include": "cervix"}, "'include' must be a list of texts"),
        ({"vagina": "whole"}, "must be an object"),
        ({"vagina": {"recipe": "HALF"}}, "'HALF' is none of WHOLE, UPPER, BELOW_TUMOUR"),
        ({"vagina": {"recipe": "UPPER", "length_mm": "20"}}, "'length_mm' must be a number"),
        ({"vagina": {"recipe": "UPPER", "length": 20}}, "unknown entries: length"),
        ({"vagina": {"recipe": "UPPER", "length_mm": -1}}, "not a positive number"),
        ({"vagina": {"recipe": "UPPER", "length_mm": 1e9}}, "not a positive number up to 500"),
        ({"edit_back_parametrium": 1}, "must be true or false"),
        ({"ptv_margins_mm": {"ctv": "7"}}, "must be a number"),
        ({"ptv_margins_mm": {"ctv": -7}}, "negative"),
        ({"ptv_margins_mm": {"ctv": 700}}, "longer than 200 mm"),
        ({"ptv_margins_mm": {"ctv": {"left": 1}}}, "lacks the entry 'right'"),
        ({"ptv_margins_mm": [7]}, "must be an object"),
        ({"rules_off": ["RULE_1"]}, "is none of DISJOINT"),
        ({"priority": ["ctvp", "ctvn"]}, "priority order"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(change: dict[str, object], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        Selection.from_json(FULL.to_json() | change)


def test_entries_that_have_an_engineering_default_may_be_left_out_and_others_not() -> None:
    short = {"include": [], "vagina": {"recipe": "UPPER"}, "edit_back_parametrium": True}
    read = Selection.from_json(short)
    assert read.vagina.length_mm == 20
    assert read.ptv == {}
    assert read.priority == DEFAULT_PRIORITY
    for key in short:
        with pytest.raises(BadSetting, match=f"lacks the entry '{key}'"):
            Selection.from_json({k: v for k, v in short.items() if k != key})
    with pytest.raises(BadSetting, match="must be an object"):
        Selection.from_json([])
