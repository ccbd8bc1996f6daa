"""What nnU-Net's commands say is kept and told; a full disk, a failure and a cut state have their words."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, ExportFailed, InputRefused
from inference_backend.dataset.splits import Splits
from inference_backend.models.pack_adding import Wish
from inference_backend.training.nnunet.card import write_card
from inference_backend.training.nnunet.commands import NnUNet
from inference_backend.training.nnunet.fold import train_fold
from inference_backend.training.nnunet.plan import Fold, plan_nnunet, trainings
from inference_backend.training.nnunet.raw import DataSet
from inference_backend.training.nnunet.recipe import NnUNetRecipe, read_nnunet_recipe

LOG = "logs/fold.txt"


def _python(folder: Path, script: str) -> str:
    """An interpreter in whose place a shell script stands; it gets entry.py, the command and its words."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_every_line_is_told_and_kept_and_the_folders_are_the_runs(tmp_path: Path) -> None:
    python = _python(tmp_path, 'echo "$2 $3"; echo "$nnUNet_results"')
    told: list[str] = []
    NnUNet(tmp_path, 2, python).call("fold", told.append, "nnUNetv2_train", 7)
    assert told == ["nnUNetv2_train 7", str(tmp_path / "results")]
    assert (tmp_path / LOG).read_text(encoding="utf-8").splitlines() == told


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    python = _python(tmp_path, 'echo "OSError: [Errno 28] No space left on device"; exit 1')
    with pytest.raises(ExportFailed, match="The disk is full"):
        NnUNet(tmp_path, 2, python).call("fold", lambda _line: None, "nnUNetv2_train")


def test_a_failure_names_the_command_its_last_words_and_the_log(tmp_path: Path) -> None:
    python = _python(tmp_path, "echo first; echo RuntimeError: no such plans; echo; exit 3")
    with pytest.raises(InputRefused, match=r"nnUNetv2_train.*code 3: RuntimeError: no such plans") as refused:
        NnUNet(tmp_path, 2, python).call("fold", lambda _line: None, "nnUNetv2_train")
    assert "logs/fold.txt" in refused.value.advice


RECIPE: NnUNetRecipe = read_nnunet_recipe(None, started=False)
SPLITS = Splits(1, tuple((f"case-{n}",) for n in range(5)), ())


def test_a_state_that_a_kill_cut_off_is_set_aside_for_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLART_NNUNET_PYTHON", _python(tmp_path, 'echo "$@"'))
    plan = plan_nnunet(tmp_path, SPLITS, RECIPE, None)
    fold = Fold(DataSet(1, "bladder", ("bladder",)), 3, gpus=2)
    place = fold.folder(tmp_path, plan)
    place.mkdir(parents=True)
    (place / "checkpoint_latest.pth").write_bytes(b"PK cut off")
    with zipfile.ZipFile(place / "checkpoint_best.pth", "w") as whole:
        whole.writestr("data.pkl", b"")
    told: list[str] = []
    train_fold(tmp_path, plan, fold, 4, told.append)
    assert told == ["Dataset001_bladder, fold 3: goes on"]
    assert {path.name for path in place.iterdir()} == {"checkpoint_latest.broken", "checkpoint_best.pth"}
    log = (tmp_path / "logs" / "Dataset001_bladder-results-fold-3.txt").read_text(encoding="utf-8")
    assert "-tr nnUNetTrainer -p AmlartPlans -device cuda -num_gpus 2 --c" in log


def test_a_fold_that_the_split_or_the_recipe_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no fold 4"):
        plan_nnunet(tmp_path, Splits(1, SPLITS.folds[:4], ()), RECIPE, None)
    with pytest.raises(BadSetting, match="no fold 7"):
        plan_nnunet(tmp_path, SPLITS, RECIPE, None, 7)
    assert not list(tmp_path.iterdir())


def test_each_structure_has_its_folds_and_the_control_comes_last(tmp_path: Path) -> None:
    plan = plan_nnunet(tmp_path, SPLITS, RECIPE, None)
    sets = [DataSet(n, name, (name,)) for n, name in enumerate(("bladder", "uterus"), 1)]
    folds = trainings(sets, plan, 0, control=True)
    assert len(folds) == 2 * 2 * 5
    assert [fold.control for fold in folds] == [False] * 10 + [True] * 10


def test_the_card_tells_what_was_trained_on_how_many_and_what_nnunet_measured(tmp_path: Path) -> None:
    plan = plan_nnunet(tmp_path, SPLITS, replace(RECIPE, structures=("bladder",), folds=(0, 2)), None)
    folds = trainings([DataSet(1, "bladder", ("bladder",), ("case-0", "case-2"))], plan, 0, control=False)
    for fold, dice in zip(folds, (0.91, 0.875), strict=True):
        place = fold.folder(tmp_path, plan) / "validation"
        place.mkdir(parents=True)
        (place / "summary.json").write_text(json.dumps({"foreground_mean": {"Dice": dice}}), encoding="utf-8")
    wish = Wish("own", title=RECIPE.title, licence="Internal use")
    text = write_card(tmp_path, plan, folds, wish).read_text(encoding="utf-8")
    assert "| Dataset001_bladder | bladder | 2 |" in text
    assert "| Dataset001_bladder | 2 | 0.875 |" in text
    assert "nnUNetPlannerResEncL" in text
    assert "case-" not in text
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert [line[3] for line in sections] == list("123456")
    (folds[0].folder(tmp_path, plan) / "validation" / "summary.json").unlink()
    with pytest.raises(DamagedFile, match="fold_0"):
        write_card(tmp_path, plan, folds, wish)
