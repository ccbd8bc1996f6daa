"""TensorBoard's own reader finds what the curves say; without TensorBoard the user reads one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.dataset.splits import Splits, write_splits
from inference_backend.training.cohort_plan import read_plan
from inference_backend.training.cohort_run import cohort_phases, curve_of
from inference_backend.training.tensorboard import with_tensorboard
from support.amlart import amlart
from support.box_cohort import bladder_recipe, write_box_cohort

SMALL = bladder_recipe()


@pytest.mark.slow
def test_tensorboards_own_reader_finds_the_curves_of_every_member(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is not installed"
    )
    torch.set_num_threads(1)
    write_box_cohort(tmp_path / "cohort", 4)
    names = [f"case-{n:03d}" for n in range(4)]
    write_splits(tmp_path / "splits.json", Splits(1, (tuple(names[:2]), tuple(names[2:])), ()))
    (tmp_path / "recipe.json").write_text(to_json(SMALL), encoding="utf-8")
    words = ["train", "cohort", tmp_path / "cohort", "--splits", tmp_path / "splits.json"]
    words += ["--recipe", tmp_path / "recipe.json", "--run", tmp_path / "run", "--out", tmp_path / "own"]
    ran = amlart(*words, "--tensorboard")
    assert ran.code == 0, ran.err
    phases = cohort_phases(read_plan(tmp_path / "run"), tmp_path / "run", None)
    assert len(phases) == 2
    for phase in phases:
        folder = tmp_path / "run" / "tensorboard" / phase.name.replace(" ", "-")
        events = reader.EventAccumulator(str(folder))
        events.Reload()
        for tag, column in (("loss/training", 1), ("loss/validation", 2)):
            found = [(event.step, event.value) for event in events.Scalars(tag)]
            kept = [(row[0], row[column]) for row in curve_of(phase)]
            assert [step for step, _ in found] == [2, 4]
            assert [value for _, value in found] == pytest.approx([value for _, value in kept], rel=1e-6)


def test_without_tensorboard_nothing_is_trained_and_the_user_reads_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(BadSetting, match=r"amlart-contour\[tensorboard\]"):
        with_tensorboard(lambda *_: None, tmp_path)
