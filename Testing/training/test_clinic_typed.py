"""A hospital learns from its own contours, typed at the shell: taken in, learnt from, put in use, taken back.

Small box patients; what is asserted is what the user reads, and which model is in use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from AmlartContourLib.contract.strict_json import to_json
from inference_backend.dataset.splits import Splits, write_splits
from inference_backend.models.bundle import open_bundle
from inference_backend.training.cohort_recipe import read_cohort_recipe
from support.box_cohort import ORGANS, SPACING_MM, write_box_cohort
from support.bundles import CHOICE, threshold_network, write_bundle
from support.clinic_export import NAME, export_of

pytestmark = pytest.mark.slow
AMLART = str(Path(sys.executable).parent / "amlart")
OWN = replace(
    read_cohort_recipe(),
    structures=tuple(ORGANS),
    spacing_mm=SPACING_MM,
    window_hu=(-1000.0, 1000.0),
    patch_kji=(16, 16, 24),
    network=CHOICE.name,
    arguments=dict(CHOICE.arguments),
    members=2,
    steps=2,
    rule_weight=0.0,
    learning_rate=1e-6,
    frozen=(
        "down",
        "up",
    ),  # their running means included, so that a few steps do not lose what the start knows
    calibration_folds=0,
    keep_every=2,
    validation_windows=1,
    settle_windows=0,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in use that draws all tissue, a cohort of eight with its split, and one approved export."""
    folder = tmp_path_factory.mktemp("clinic")
    networks = [threshold_network((40.0, -500.0), 200.0) for _ in range(2)]
    structures = tuple(ORGANS)
    used = folder / "home" / "models" / "ward-7"
    write_bundle(used, structures, networks, version="1", spacing_mm=SPACING_MM)
    poor = [threshold_network((-500.0, -500.0), 200.0)]
    write_bundle(folder / "worse" / "ward-7", structures, poor, version="0", spacing_mm=SPACING_MM)
    write_box_cohort(folder / "cohort", 8)
    names = [f"case-{n:03d}" for n in range(8)]
    write_splits(folder / "splits.json", Splits(1, (tuple(names[:2]), tuple(names[2:4])), tuple(names[4:])))
    (folder / "recipe.json").write_text(to_json(OWN), encoding="utf-8")
    export_of(folder / "approved", number=31)
    return folder


def _typed(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AMLART_HOME": str(place / "home"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [AMLART, *words], cwd=place, env=environment, capture_output=True, text=True, check=False
    )


def _read(place: Path, *words: str) -> str:
    """What the user reads of a command that does what it was asked."""
    done = _typed(place, *words)
    assert done.returncode == 0, done.stderr
    return " ".join(f"{done.stdout} {done.stderr}".split())


def _refused(place: Path, code: int, *words: str) -> str:
    done = _typed(place, *words)
    assert done.returncode == code, done.stderr
    return " ".join(done.stderr.split())


def _in_use(place: Path) -> str:
    return open_bundle(place / "home" / "models" / "ward-7").manifest.version


def test_from_an_approved_case_to_a_new_model_in_use_and_back(place: Path) -> None:
    torch.set_num_threads(1)
    export, ct = "approved/export", f"approved/{NAME}.nii.gz"
    add = ("clinic", "add", export, "--ct", ct, "--to", "own", "--consent")
    assert "Without consent a case cannot be learnt from." in _refused(place, 3, *add, " ")
    assert "clinic-001 was added: 1 reviewed structures, 1 of them edited." in _read(place, *add, "Form 4")
    assert "in the data set already" in _refused(place, 3, *add, "Form 4")
    listed = _read(place, "clinic", "list", "own")
    assert "clinic-001" in listed
    assert "Form 4" in listed
    assert NAME not in listed

    train = ("train", "cohort", "cohort", "--splits", "splits.json", "--recipe", "recipe.json")
    told = _read(
        place, *train, "--run", "run", "--out", "made/ward-7", "--from-clinic", "own", "--version", "2",
        "--start", "home/models/ward-7",
    )  # fmt: skip
    assert "The bundle ward-7 was written to made/ward-7: 2 members." in told
    made = open_bundle(place / "made" / "ward-7").manifest
    assert "1 of them were edited and approved by clinicians with this software." in made.training_data

    replaced = ("--cohort", "cohort", "--splits", "splits.json", "--out")
    worse = _refused(place, 3, "train", "replace", "worse/ward-7", *replaced, "compared-worse")
    assert "may not replace ward-7" in worse
    assert "bladder: mean Dice" in worse
    assert _in_use(place) == "1"
    told = _read(place, "train", "replace", "made/ward-7", *replaced, "compared", "--limit", "0.05")
    assert "ward-7 is now version 2." in told
    assert (place / "compared" / "evaluation.html").exists()
    assert _in_use(place) == "2"
    assert "ward-7 is version 1 again." in _read(place, "train", "roll-back", "ward-7")
    assert _in_use(place) == "1"
    assert "No earlier model of ward-7 is kept." in _refused(place, 2, "train", "roll-back", "ward-7")

    assert "clinic-001 was removed." in _read(place, "clinic", "remove", "own", "clinic-001")
    assert "has no case 'clinic-001'" in _refused(place, 3, "clinic", "remove", "own", "clinic-001")
    assert "clinic-001" not in _read(place, "clinic", "list", "own")
