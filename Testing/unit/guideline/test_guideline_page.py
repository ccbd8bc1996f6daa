"""docs/guideline.md says what the files say."""

from __future__ import annotations

import pytest

from inference_backend.guideline.margins_preset import load_margins, para_aortic_names
from support.source_tree import ROOT

PAGE = (ROOT / "docs" / "guideline.md").read_text(encoding="utf-8")


def _rows(first_cell: str) -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith(f"| `{first_cell}` |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_number_of_the_presets_is_in_the_table() -> None:
    taylor, pgi = load_margins("taylor_2005").numbers(), load_margins("pgi").numbers()
    for name in (name for name in taylor if "." not in name):
        assert [row[1:3] for row in _rows(name)] == [[taylor[name].describe(), pgi[name].describe()]], name
        assert taylor[name].source in PAGE
        assert pgi[name].source in PAGE


@pytest.mark.parametrize("choice", para_aortic_names())
def test_every_para_aortic_margin_is_in_the_table(choice: str) -> None:
    numbers = load_margins("pgi", choice).numbers()
    sides = ("left", "right", "anterior", "posterior", "superior", "inferior")
    for vessel, row in zip(("aorta", "inferior_vena_cava"), _rows(choice), strict=True):
        found = [numbers[f"para_aortic.{vessel}.{side}"] for side in sides]
        assert row[2:] == [f"{number.value:g} [{number.tag.name}]" for number in found]
