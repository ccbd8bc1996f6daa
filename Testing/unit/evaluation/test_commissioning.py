"""A site's own limits decide, typed at the shell; what is unset decides nothing and says so."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from inference_backend.evaluation.measured import CaseMeasured, Figures
from inference_backend.evaluation.report import write_evaluation
from support.amlart import Ran, amlart


def _figures(structure: str, dice: float, hd95_mm: float | None) -> Figures:
    drawn = hd95_mm is not None
    return Figures(structure, drawn, dice, dice, dice, 0.0, (dice,) * 4, 1.0, 1.0, hd95_mm, hd95_mm, hd95_mm)


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    """Three cases of one model: bladder Dice 0.9, 0.8 and 1.0; a vagina that was not drawn once."""
    cases = [
        CaseMeasured("ward-7", f"case-{n}", (_figures("bladder", dice, 4.0 + n), vagina), ())
        for n, (dice, vagina) in enumerate(
            (
                (0.9, _figures("vagina", 0.7, 5.0)),
                (0.8, _figures("vagina", 0.0, None)),
                (1.0, _figures("vagina", 0.8, 6.0)),
            )
        )
    ]
    write_evaluation(tmp_path / "evaluation", {"ward-7": cases})
    return tmp_path / "evaluation"


def _typed(evaluation: Path, *limits: tuple[str, str, str, str, float], fewest: int | None = None) -> Ran:
    told = {
        "format": 1,
        "site": "St Elsewhere",
        "set_by": "Dr P",
        "set_on": "2030-01-02",
        "fewest_cases": fewest,
        "limits": [
            {"structure": s, "figure": f, "statistic": st, "at_least": None, "at_most": None, side: value}
            for s, f, st, side, value in limits
        ],
    }
    path = evaluation.parent / "limits.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return amlart("commission", evaluation, "--limits", path)


def _outcomes(evaluation: Path) -> list[tuple[str, str, str]]:
    with (evaluation / "commissioning.csv").open(encoding="utf-8", newline="") as file:
        return [(row["structure"], row["value"], row["outcome"]) for row in csv.DictReader(file)]


def test_limits_that_are_met_pass_and_name_who_set_them(evaluation: Path) -> None:
    ran = _typed(
        evaluation,
        ("bladder", "Dice", "mean", "at_least", 0.9),
        ("bladder", "Dice", "worst", "at_least", 0.8),
        ("bladder", "HD95 mm", "worst", "at_most", 6.0),
        fewest=3,
    )
    assert ran.code == 0, ran.err
    assert "ward-7: all 3 limits that are set are met." in ran.err
    assert [row[1:] for row in _outcomes(evaluation)] == [("0.9", "met"), ("0.8", "met"), ("6", "met")]
    page = (evaluation / "commissioning.html").read_text(encoding="utf-8")
    for words in ("St Elsewhere", "Dr P", "Research use only", "Unset: Vagina."):
        assert words in page


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        (("bladder", "Dice", "mean", "at_least", 0.91), "0.9"),
        (("bladder", "HD95 mm", "worst", "at_most", 5.9), "6"),
        (("vagina", "Dice", "worst", "at_least", 0.1), "0"),
        (("vagina", "HD95 mm", "mean", "at_most", 99.0), "5.5"),
        (("uterus", "Dice", "mean", "at_least", 0.1), "none"),
    ],
)
def test_one_limit_that_is_not_met_fails_in_words_and_exit_code(
    evaluation: Path, limit: tuple[str, str, str, str, float], value: str
) -> None:
    ran = _typed(evaluation, ("bladder", "Dice", "median", "at_least", 0.5), limit)
    assert ran.code == 1
    assert "ward-7: 1 of 2 limits are not met." in ran.err
    assert _outcomes(evaluation)[1][1:] == (value, "NOT MET")


def test_fewer_cases_than_the_site_wants_meet_no_limit(evaluation: Path) -> None:
    assert _typed(evaluation, ("bladder", "Dice", "mean", "at_least", 0.1), fewest=4).code == 1


def test_a_form_holds_no_limit_and_unfilled_passes_nothing(evaluation: Path) -> None:
    blank = evaluation.parent / "form.json"
    assert amlart("commission", evaluation, "--form", blank).code == 0
    told = json.loads(blank.read_text(encoding="utf-8"))
    assert {one["structure"] for one in told["limits"]} == {"bladder", "vagina"}
    assert {(one["at_least"], one["at_most"]) for one in told["limits"]} == {(None, None)}
    ran = amlart("commission", evaluation, "--limits", blank)
    assert ran.code == 1
    assert "no limit is set, so nothing is passed. Unset: 6." in ran.err


def test_limits_without_a_name_or_for_no_figure_are_refused(evaluation: Path) -> None:
    path = evaluation.parent / "form.json"
    amlart("commission", evaluation, "--form", path)
    told = json.loads(path.read_text(encoding="utf-8"))
    told["limits"][0]["at_least"] = 0.5
    path.write_text(json.dumps(told), encoding="utf-8")
    ran = amlart("commission", evaluation, "--limits", path)
    assert ran.code == 3
    assert "set_by names nobody" in ran.err
    told["limits"][0]["figure"] = "Dyce"
    path.write_text(json.dumps(told), encoding="utf-8")
    assert "no figure is called Dyce" in amlart("commission", evaluation, "--limits", path).err
    assert "holds no figures.csv" in amlart("commission", evaluation.parent, "--limits", path).err
    assert "Write a form" in amlart("commission", evaluation).err
