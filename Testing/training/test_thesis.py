"""The second source thesis' recipe is as written, and its study ends, goes on and repeats."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, ExportFailed
from AmlartContourLib.contract.strict_json import to_json
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.dataset.cohort import LabelledCase, open_cohort
from inference_backend.dataset.layout import Form
from inference_backend.dataset.splits import make_splits, write_splits
from inference_backend.models.networks import build
from inference_backend.training import states, thesis_run
from inference_backend.training.losses import dice_loss
from inference_backend.training.thesis_cases import ThesisCases, block_of
from inference_backend.training.thesis_recipe import read_thesis_recipe
from inference_backend.training.thesis_run import (
    ThesisPhase,
    dice_and_entropy,
    network_of,
    train_thesis_phase,
)
from inference_backend.training.thesis_study import least_variable, thesis_study
from support.amlart import amlart
from support.cohorts import write_cohort

WRITTEN = read_thesis_recipe()
SMALL = replace(
    WRITTEN,
    arguments={"channels": [4, 8]},
    in_plane=32,
    slices=16,
    learning_rate=0.02,
    folds=2,
    epochs=14,
    patience=14,
    final_epochs=2,
)


def _quiet(_phase: str, _epoch: int, _learnt: float, _seen: float) -> None:
    pass


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("cohort") / "folders"
    return write_cohort(folder, 5, form=Form.FOLDERS, seed=3)


@pytest.fixture(scope="module")
def cases(root: Path, tmp_path_factory: pytest.TempPathFactory) -> ThesisCases:
    return ThesisCases(open_cohort(root), "bladder", SMALL, tmp_path_factory.mktemp("blocks"))


def test_the_settings_are_those_of_the_thesis() -> None:
    assert (WRITTEN.in_plane, WRITTEN.slices) == (64, 64)
    assert WRITTEN.learning_rate == 1e-4
    assert WRITTEN.rate(0) == 1e-4
    assert WRITTEN.rate(100_000) == pytest.approx(0.96e-4)
    assert WRITTEN.rate(50_000) == pytest.approx(1e-4 * 0.96**0.5)
    assert (WRITTEN.folds, WRITTEN.epochs, WRITTEN.patience) == (5, 100, 15)
    assert (WRITTEN.final_epochs, WRITTEN.final_patience) == (50, 5)
    assert WRITTEN.arguments == {"channels": [16, 32, 64, 128], "stem": 1}


def test_its_network_has_its_size_and_keeps_the_blocks_shape() -> None:
    network = build(WRITTEN.network, 1, 1, WRITTEN.arguments).eval()
    assert sum(p.numel() for p in network.parameters()) == 1_428_980
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 1, 16, 16, 16)


def test_the_loss_is_dice_and_cross_entropy_weighed_alike() -> None:
    logits, label = torch.tensor([[[[[0.0, 3.0]]]]]), torch.tensor([[[[[0.0, 1.0]]]]])
    entropy = (np.log(2) + np.log1p(np.exp(-3.0))) / 2
    assert float(dice_and_entropy(logits, label) - dice_loss(logits, label)) == pytest.approx(
        entropy, rel=1e-5
    )


def test_a_block_lies_round_the_structure_and_holds_z_scores() -> None:
    geometry = Geometry((64, 64, 40), (2.0, 2.0, 3.0))
    inside = np.zeros(geometry.shape_kji, dtype=bool)
    inside[30:36, 20:40, 10:30] = True
    hu = np.where(inside, 60, -100).astype(np.int16)
    mask = Contour("bladder", Mask.from_array(inside, geometry), Source.DRAWN)
    read = LabelledCase("c", CtScan(hu, geometry), StructureSet.of(geometry, [mask]))
    block = block_of(read, "bladder", SMALL)
    assert block.picture.shape == block.label.shape == (16, 32, 32)
    assert abs(float(block.picture.mean())) < 1e-5
    assert float(block.picture.std()) == pytest.approx(1.0, abs=1e-4)
    filled = np.argwhere(block.label)
    assert filled.min(axis=0).tolist() == [5, 10, 5]
    assert filled.max(axis=0).tolist() == [10, 19, 14]
    assert block.picture[block.label > 0].mean() > block.picture[(block.label == 0)].mean()


def test_a_missing_or_empty_label_leaves_the_case_out_in_words(root: Path, tmp_path: Path) -> None:
    cohort = open_cohort(root)
    lacking = replace(cohort.cases[0], labels={})
    some = replace(cohort, cases=(lacking, *cohort.cases[1:]))
    kept, told = ThesisCases(some, "bladder", SMALL, tmp_path).usable(c.id for c in some.cases)
    assert kept == tuple(c.id for c in cohort.cases[1:])
    assert told == ("zzAMLART_001 is left out: no such label",)


@pytest.mark.slow
def test_the_study_learns_tests_once_and_is_not_repeated(
    root: Path, cases: ThesisCases, tmp_path: Path
) -> None:
    splits = make_splits((c.id for c in cases.cohort.cases), seed=1, folds=2, hold_out=1)
    epochs: list[tuple[str, float]] = []
    made = thesis_study(cases, splits, tmp_path, lambda p, _e, learnt, _s: epochs.append((p, learnt)))
    first = [learnt for phase, learnt in epochs if phase == "fold-0"]
    assert first[-1] < 0.9 * first[0]
    assert [len(fold) for fold in made.folds] == [2, 2]
    assert made.chosen == least_variable(list(made.folds))
    assert len(made.test) == 1
    before = len(epochs)
    assert thesis_study(cases, splits, tmp_path, lambda *_: epochs.append(("again", 0.0))) == made
    assert len(epochs) == before
    with pytest.raises(BadSetting, match="2 folds"):
        thesis_study(
            cases, make_splits([c.id for c in cases.cohort.cases], seed=1, folds=3), tmp_path / "x", _quiet
        )


def test_the_least_variable_fold_is_chosen_even_where_another_is_better() -> None:
    assert least_variable([(0.5, 0.9), (0.6, 0.61), (0.99, 0.8)]) == 1


@pytest.mark.slow
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(
    root: Path, cases: ThesisCases, tmp_path: Path
) -> None:
    ids, _ = cases.usable(c.id for c in cases.cohort.cases)
    splits = make_splits(ids, seed=1, folds=2, hold_out=1)
    write_splits(tmp_path / "splits.json", splits)
    recipe = replace(SMALL, epochs=6, patience=6)
    (tmp_path / "recipe.json").write_text(to_json(recipe), encoding="utf-8")
    start = "import sys; from inference_backend.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["train", "thesis", root, "--splits", tmp_path / "splits.json", "--structure", "Bladder"]
    words += ["--run", tmp_path / "run", "--recipe", tmp_path / "recipe.json"]
    command = [sys.executable, "-c", start, *map(str, words)]
    state = tmp_path / "run" / "fold-0" / "state.pt"
    run = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert state.exists(), "no state was kept in time"
    if (tmp_path / "run" / "fold-0" / "best.safetensors").exists():
        pytest.skip("the fold ended before it could be killed")
    same = replace(cases, recipe=recipe)
    one = ThesisPhase(tmp_path / "run" / "fold-0", 0, splits.folds[1], splits.folds[0], 6, 6)
    train_thesis_phase(one, same, _quiet)
    other = replace(one, folder=tmp_path / "whole")
    train_thesis_phase(other, same, _quiet)
    killed, whole = load_file(one.best), load_file(other.best)
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
    curves = [(p.folder / "curve.csv").read_text(encoding="utf-8") for p in (one, other)]
    assert curves[0] == curves[1]
    assert len(curves[0].splitlines()) == 1 + 6


def test_a_full_disk_is_one_sentence_and_the_last_state_is_kept(
    cases: ThesisCases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, _ = cases.usable(c.id for c in cases.cohort.cases)
    phase = ThesisPhase(tmp_path, 0, ids[:2], ids[2:3], 3, 3)
    real, calls = thesis_run.write_file, []

    def full(path: Path, content: bytes, *, replace: bool = False) -> None:
        calls.append(path.name)
        if len(calls) > 2:
            raise ExportFailed("state.pt was not written: the disk is full.")
        real(path, content, replace=replace)

    for module in (states, thesis_run):
        monkeypatch.setattr(module, "write_file", full)
    with pytest.raises(ExportFailed, match="disk is full"):
        train_thesis_phase(phase, cases, _quiet)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["epoch"] == 1
    monkeypatch.undo()
    train_thesis_phase(phase, cases, _quiet)
    assert phase.best.exists()


def test_transfer_takes_what_fits_and_frozen_weights_stay(cases: ThesisCases, tmp_path: Path) -> None:
    ids, _ = cases.usable(c.id for c in cases.cohort.cases)
    source = network_of(cases, None).state_dict()
    changed = {name: t + 1 if t.is_floating_point() else t for name, t in source.items()}
    changed["head.weight"] = torch.zeros(3, 4, 1, 1, 1)  # of another number of structures: not taken
    save_file(changed, tmp_path / "start.safetensors")
    frozen = replace(cases, recipe=replace(SMALL, frozen=("down.",), epochs=1))
    phase = ThesisPhase(tmp_path / "run", 0, ids[:2], ids[2:3], 1, 1, tmp_path / "start.safetensors")
    train_thesis_phase(phase, frozen, _quiet)
    learnt = load_file(phase.best)
    weights = [n for n, p in network_of(frozen, None).named_parameters() if n.startswith("down.")]
    assert weights
    assert all(torch.equal(learnt[name], changed[name]) for name in weights)
    assert not torch.equal(learnt["up.0.up.weight"], changed["up.0.up.weight"])
    assert learnt["head.weight"].shape == source["head.weight"].shape


@pytest.mark.parametrize("change", [{"in_plane": 33}, {"batch": 0}, {"unknown": 1}, {"learning_rate": -1.0}])
def test_a_recipe_that_cannot_be_used_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(json.loads(to_json(WRITTEN)) | change), encoding="utf-8")
    with pytest.raises(DamagedFile):
        read_thesis_recipe(path)


def test_an_unknown_structure_is_refused_before_anything_is_written(root: Path, tmp_path: Path) -> None:
    write_splits(tmp_path / "s.json", make_splits([f"zzAMLART_00{n}" for n in range(1, 6)], seed=1))
    words = ("--splits", tmp_path / "s.json", "--structure", "no such", "--run", tmp_path / "run")
    assert amlart("train", "thesis", root, *words).code == 2
    assert not (tmp_path / "run").exists()
