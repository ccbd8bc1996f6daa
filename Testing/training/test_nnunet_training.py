"""nnU-Net's tools accept what is written, its training goes on after kill -9, our engine runs the result.

It starts at the shell, as a user does. nnU-Net imports much: each of its commands takes seconds to begin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from AmlartContourLib.contract.strict_json import to_json
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.volume_file import read_volume
from inference_backend.dataset.cohort import open_cohort, read_case
from inference_backend.dataset.splits import Splits, write_splits
from inference_backend.engines.nnunet_folder import NnUNetFolderEngine
from inference_backend.nnunet.checkpoint import read_checkpoint
from inference_backend.training.cohort_recipe import Labels
from inference_backend.training.nnunet.recipe import read_nnunet_recipe
from support.box_cohort import ORGANS, write_box_cohort
from support.nnunet_folders import Folder, make_folder
from support.nnunet_training import MISSING, can_train, training_environment

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_train(), reason=MISSING)]
SMALL = replace(
    read_nnunet_recipe(None, started=True),
    structures=tuple(ORGANS),
    planner="ExperimentPlanner",
    folds=(0,),
    epochs=12,
    iterations=6,
    validation_iterations=1,
    learning_rate=0.01,
    keep_every=1,
)
AMLART = str(Path(sys.executable).parent / "amlart")
TRAINED = "nnunet/results/Dataset001_regions/AmlartTrainer__AmlartPlans__3d_fullres"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of six small patients, its split, and the recipe."""
    folder = tmp_path_factory.mktemp("nnunet")
    write_box_cohort(folder / "cohort", 6)
    names = tuple(f"case-{n:03d}" for n in range(6))
    write_splits(folder / "splits.json", Splits(1, (names[:1], names[1:5]), names[5:]))
    (folder / "recipe.json").write_text(to_json(SMALL), encoding="utf-8")
    return folder


def _started(place: Path, run: str, *words: str) -> subprocess.Popen[str]:
    typed = [AMLART, "train", "nnunet", "cohort", "--splits", "splits.json", "--run", run, "--processes", "0"]
    return subprocess.Popen(
        [*typed, *words],
        cwd=place,
        env=training_environment(place / "environment"),
        stderr=subprocess.PIPE,
        text=True,
    )


def _read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    pytest.fail(f"{words!r} was not said: {''.join(said)}")


@pytest.fixture(scope="module")
def trained(place: Path) -> str:
    """What the user reads of a training that was killed in its second epoch and run again."""
    words = ("--id", "own", "--recipe", "recipe.json")
    first = _started(place, "nnunet", *words)
    _read_until(first, "epoch 2 of 12")
    first.kill()
    first.wait()
    assert first.stderr is not None
    first.stderr.close()
    deadline = time.monotonic() + 30
    while _processes_in(place) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _processes_in(place), "nnU-Net works on though nobody listens"
    again = _started(place, "nnunet", *words)
    _, said = again.communicate()
    assert again.returncode == 0, said
    return said


def _processes_in(place: Path) -> list[str]:
    """nnU-Net's processes that work in this test's folder (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().decode(errors="replace")
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"nnUNet_raw={place}" in environment and entry.name != str(os.getpid()):
            found.append(command)
    return found


def test_a_training_that_was_killed_goes_on_from_nnunets_last_state(place: Path, trained: str) -> None:
    assert "Dataset001_regions, fold 0: goes on" in trained
    epochs = [line for line in trained.splitlines() if ": epoch " in line]
    assert 10 <= len(epochs) <= 11, epochs
    assert "epoch 12 of 12" in epochs[-1]
    assert "Dataset001_regions | 0 |" in (place / "nnunet" / "card-own.md").read_text(encoding="utf-8")
    log = (place / "nnunet" / "logs" / "Dataset001_regions-preparing.txt").read_text(encoding="utf-8")
    assert "verify_dataset_integrity Done" in log
    splits = json.loads(
        (place / "nnunet/preprocessed/Dataset001_regions/splits_final.json").read_text(encoding="utf-8")
    )
    assert splits[0]["val"] == ["case-000"]


@pytest.mark.usefixtures("trained")
def test_our_engine_draws_what_nnunets_own_validation_drew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLART_HOME", training_environment(place / "environment")["AMLART_HOME"])
    accepted = subprocess.run([AMLART, "models", "accept", "own"], capture_output=True, check=False)
    assert accepted.returncode == 0
    torch.set_num_threads(1)
    engine = NnUNetFolderEngine("own")
    assert engine.describe().available
    engine.load("cpu")
    case = open_cohort(place / "cohort").case("case-000")
    scan = read_case(case, open_cohort(place / "cohort").form).scan
    drawn = engine.contour(scan, tuple(ORGANS), lambda *_: None, lambda: False, StructureSet(scan.geometry))
    theirs, _ = read_volume(place / TRAINED / "fold_0" / "validation" / "case-000.nii.gz")
    later, earlier = (drawn.masks.mask(name).to_array() for name in reversed(tuple(ORGANS)))
    ours = np.where(later, 2, np.where(earlier, 1, 0))  # as nnU-Net paints regions, one over the other
    assert np.isin([1, 2], theirs).any(), "nnU-Net drew nothing, so nothing is compared"
    assert np.count_nonzero(ours != theirs) <= 0.002 * theirs.size


def test_weights_of_totalsegmentators_form_are_tuned_beside_a_control_from_scratch(place: Path) -> None:
    labels = {"background": 0, "spleen": 1, "urinary_bladder": 2}
    source = place / "Dataset291_TotalSegmentator_part1_organs_1559subj" / "nnUNetTrainer__nnUNetPlans"
    make_folder(
        source, Folder(old_plans=True, labels=labels, spacing_mm=(6.0, 6.0, 6.0), window=(16, 16, 16))
    )
    recipe = replace(
        SMALL, structures=("bladder",), labels=Labels.ONE_EACH, epochs=1, iterations=1, learning_rate=1e-6
    )
    (place / "tuning.json").write_text(to_json(recipe), encoding="utf-8")
    words = ("--id", "tuned", "--recipe", "tuning.json", "--start", str(source), "--control")
    ran = _started(place, "tuned", *words)
    _, said = ran.communicate()
    assert ran.returncode == 0, said
    assert "rows of the head: bladder" in said
    assert "tuned-control gives bladder" in said
    image = sitk.ReadImage(str(place / "tuned/raw/Dataset001_bladder/imagesTr/case-001_0000.nii.gz"))
    assert image.GetDirection() == (-1, 0, 0, 0, -1, 0, 0, 0, 1)  # RAS, as TotalSegmentator's images lay
    way = "Dataset001_bladder/AmlartTrainer__AmlartPlans__3d_fullres"
    given = _weights(source)
    tuned, control = (_weights(place / "tuned" / part / way) for part in ("results", "control"))
    name, head = "encoder.stages.0.0.convs.0.conv.weight", "decoder.seg_layers.0.weight"
    assert torch.allclose(tuned[name], given[name], atol=1e-3)
    assert control[name].shape == given[name].shape
    assert not torch.allclose(control[name], given[name], atol=1e-2)
    assert torch.allclose(tuned[head], given[head][[0, 2]], atol=1e-3)


def _weights(folder: Path) -> Mapping[str, torch.Tensor]:
    return read_checkpoint(folder / "fold_0" / "checkpoint_final.pth").weights
