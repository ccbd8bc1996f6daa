"""Cases held out are no examples unless somebody asks for it, and no model is measured on its examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from AmlartContourLib.contract.home import HOME_VARIABLE
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.splits import Splits, write_splits
from inference_backend.few_shot.description import FEW_SHOT_FILE, FewShot
from inference_backend.few_shot.not_shown import not_shown
from inference_backend.models.card import read_card
from inference_backend.models.licences import accept
from inference_backend.models.store import bundle_folder
from support.amlart import Ran, amlart
from support.box_cohort import write_box_cohort
from support.few_shot_models import LICENCE, write_weights

HELD, LEARNT = ("case-001",), ("case-000", "case-002")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_box_cohort(tmp_path_factory.mktemp("cohort") / "boxes", 3)


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    path = tmp_path / "splits.json"
    write_splits(path, Splits(1, tuple((name,) for name in LEARNT), HELD))
    return path


def added(tmp_path: Path, cohort: Path, *words: object) -> Ran:
    """The command as it is typed, and the licence accepted."""
    weights = write_weights(tmp_path / "universeg_made_here.pt")
    few = ("--id", "few", "--licence", LICENCE, "--structures", "bladder", "--support-size", 4)
    ran = amlart("models", "add-few-shot", weights, "--cases", cohort, *few, *words)
    if ran.code == 0:
        accept(bundle_folder("few"), LICENCE, "a test")
    return ran


def examples() -> tuple[str, ...]:
    """As they are kept in the model's folder."""
    model = read_card(FewShot, bundle_folder("few"), FEW_SHOT_FILE)
    return tuple(one.name for one in model.examples)


def test_the_hold_out_of_a_split_becomes_no_example_and_is_told(
    tmp_path: Path, cohort: Path, splits: Path
) -> None:
    ran = added(tmp_path, cohort, "--splits", splits)
    assert ran.code == 0, ran.err
    assert "being kept for measuring: 1 of 3 labelled cases (case-001)" in ran.err
    assert "by 2 examples" in ran.err
    assert examples() == LEARNT


def test_every_case_becomes_an_example_only_where_that_is_said(
    tmp_path: Path, cohort: Path, splits: Path
) -> None:
    for words in ((), ("--splits", splits, "--all-cases")):
        ran = added(tmp_path, cohort, *words)
        assert (ran.code, "--splits, whose hold-out stays out, or --all-cases" in ran.err) == (2, True)
        assert not bundle_folder("few").exists()
    ran = added(tmp_path, cohort, "--all-cases")
    assert ran.code == 0, ran.err
    assert "kept for measuring" not in ran.err
    assert examples() == ("case-000", "case-001", "case-002")


def test_a_split_that_names_none_of_the_cases_is_refused(tmp_path: Path, cohort: Path) -> None:
    other = tmp_path / "other.json"
    write_splits(other, Splits(1, (("a",), ("b",)), ("c",)))
    ran = added(tmp_path, cohort, "--splits", other)
    assert (ran.code, "of another cohort" in ran.err) == (2, True)


def test_examples_are_left_out_of_what_measures_the_model_and_are_told(
    tmp_path: Path, cohort: Path, splits: Path
) -> None:
    assert added(tmp_path, cohort, "--splits", splits).code == 0
    left = "Left out, being examples of few: 2 of 3 cases (case-000, case-002)."
    cases, told = not_shown(("few", "amlart-demo", "few"), open_cohort(cohort).labelled)
    assert tuple(case.id for case in cases) == HELD
    assert told == (left,)
    ran = amlart("train", "calibrate-added", "few", cohort, "--out", tmp_path / "measured")
    assert left in ran.err
    assert "1 cases are too few" in ran.err
    write_splits(tmp_path / "turned.json", Splits(1, (HELD,), LEARNT))
    words = ("evaluate", cohort, "--out", tmp_path / "out", "--engine", "few", "--splits")
    ran = amlart(*words, tmp_path / "turned.json")
    assert ran.code == 2
    assert left.replace("of 3", "of 2") in ran.err
    assert "No labelled case is left" in ran.err


@pytest.mark.slow
def test_an_evaluation_and_thresholds_of_two_engines_are_of_the_other_cases_only(
    tmp_path: Path, cohort: Path, splits: Path
) -> None:
    assert added(tmp_path, cohort, "--splits", splits).code == 0
    ran = amlart("evaluate", cohort, "--out", tmp_path / "out", "--engine", "few", "--no-pictures")
    assert ran.code == 0, ran.err
    assert "Left out, being examples of few: 2 of 3 cases" in ran.err
    assert {path.name for path in (tmp_path / "out" / "contours" / "few").iterdir()} == set(HELD)
    figures = (tmp_path / "out" / "figures.csv").read_text(encoding="utf-8")
    assert all(name in figures for name in HELD)
    assert not any(name in figures for name in LEARNT)
    out = tmp_path / "pair"
    ran = amlart(
        "second-opinion-calibrate", cohort, "--engine", "few", "--engine", "amlart-demo", "--out", out
    )
    assert ran.code == 0, ran.err
    assert "Left out, being examples of few: 2 of 3 cases" in ran.err
    assert {path.stem for path in out.iterdir()} == set(HELD)
