"""The whole study runs from one command to its page, compares recipes, and goes on where it was ended."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from AmlartContourLib.contract.strict_json import to_json
from inference_backend.inference.calibration import parse_calibration
from inference_backend.models.bundle import open_bundle
from inference_backend.training.cohort_recipe import Labels, read_cohort_recipe
from support.amlart import amlart
from support.box_cohort import write_box_cohort

ORGANS = ("bladder", "anorectum")
SMALL = replace(
    read_cohort_recipe(),
    structures=ORGANS,
    spacing_mm=(6.0, 6.0, 6.0),
    window_hu=(-300.0, 300.0),
    patch_kji=(16, 16, 24),
    arguments={"channels": [4, 8]},
    members=2,
    steps=150,
    learning_rate=0.02,
    rule_weight=0.0,
    calibration_folds=3,
    keep_every=50,
    validation_windows=2,
    settle_windows=8,
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recipes on boxes of tissue: 15 cases in five folds and 6 held out."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("study")
    cohort = write_box_cohort(folder / "cohort", 21)
    (folder / "together.json").write_text(to_json(SMALL), encoding="utf-8")
    (folder / "apart.json").write_text(to_json(replace(SMALL, labels=Labels.ONE_EACH)), encoding="utf-8")
    words = ["train", "study", "--cohort", cohort, "--out", folder / "out", "--folds", 5, "--hold-out", 6]
    words += ["--recipe", folder / "together.json", "--recipe", folder / "apart.json"]
    ran = amlart(*words)
    assert ran.code == 0, ran.err
    again = amlart(*words)
    assert again.code == 0
    assert "step" not in again.err, "what was trained was trained again"
    return folder / "out"


@pytest.mark.slow
def test_the_page_and_the_tables_hold_both_recipes_on_the_same_cases(study: Path) -> None:
    page = (study / "evaluation.html").read_text(encoding="utf-8")
    for title in ("Training: together", "Expected editing: apart", "Pictures: together", "Paired"):
        assert title in page
    with (study / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["figure"] == "Dice"]
    assert {(row["source"], row["structure"], row["cases"]) for row in rows} == {
        (source, organ, "6") for source in ("together", "apart") for organ in ORGANS
    }
    assert all(float(row["mean"]) > 0.5 for row in rows), rows
    assert (study / "check" / "check.html").exists()


@pytest.mark.slow
def test_the_bundles_are_calibrated_on_the_folds_kept_for_it(study: Path) -> None:
    bundle = open_bundle(study / "bundles" / "together")
    assert bundle.manifest.calibration is not None
    weights = tuple(member.sha256 for member in bundle.manifest.members)
    found = parse_calibration(bundle.read(bundle.manifest.calibration), weights)
    assert found.cases == 9
    assert {one.structure for one in found.structures} == set(ORGANS)
    splits = json.loads((study / "splits.json").read_text(encoding="utf-8"))
    measured = {path.stem for path in (study / "runs" / "together" / "calibrate").iterdir()}
    assert measured == {case for fold in splits["folds"][:3] for case in fold}


@pytest.mark.slow
def test_the_small_study_on_synthetic_patients_runs_from_nothing_to_its_page(tmp_path: Path) -> None:
    ran = amlart("train", "study", "--out", tmp_path)
    assert ran.code == 0, ran.err
    manifest = open_bundle(tmp_path / "bundles" / "study").manifest
    assert manifest.demonstration
    assert manifest.calibration is not None
    with (tmp_path / "summary.csv").open(encoding="utf-8", newline="") as file:
        dice = {
            row["structure"]: float(row["mean"]) for row in csv.DictReader(file) if row["figure"] == "Dice"
        }
    assert dice["bladder"] > 0.3, dice
    assert "Expected editing: study" in (tmp_path / "evaluation.html").read_text(encoding="utf-8")
