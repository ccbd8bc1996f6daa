"""Several processes that share a training: the weights of one process, and one writer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from AmlartContourLib.contract.errors import BadSetting, Cancelled
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.splits import Splits, make_splits, write_splits
from inference_backend.training.cohort_plan import plan_run
from inference_backend.training.cohort_run import Progress, cohort_phases, curve_of, train_cohort_phase
from inference_backend.training.together import ALONE, Together, run_together
from support.amlart import amlart
from support.box_cohort import bladder_recipe, write_box_cohort

RECIPE = replace(bladder_recipe(), batch=3, members=1, steps=6, patch_kji=(8, 16, 16), settle_windows=2)


def quiet(_name: str, _step: int, _steps: int, _learnt: float, _seen: float) -> None:
    """Nobody listens."""


def stop_at_four(_name: str, step: int, _steps: int, _learnt: float, _seen: float) -> None:
    """Breaks off after the second state."""
    if step == 4:
        raise Cancelled("It was broken off.")


def trained(root: Path, run: Path, processes: int, report: Progress = quiet) -> Path:
    """The weights of one network."""
    cohort = open_cohort(root)
    splits = make_splits([case.id for case in cohort.cases], seed=1, folds=2)
    plan = plan_run(run, cohort, splits, RECIPE, None)
    (phase,) = cohort_phases(plan, run, None)
    work = partial(train_cohort_phase, plan, phase, cohort, run / "cases", report)
    run_together(processes, work, "cpu")
    assert [row[0] for row in curve_of(phase)] == [2, 4, 6]
    return phase.weights


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_go_on_where_they_were_broken_off(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    root = write_box_cohort(tmp_path / "cohort", 4)
    alone, shared = (load_file(trained(root, tmp_path / f"run-{n}", n)) for n in (1, 2))
    learnt = [name for name, _ in network_parameters()]
    apart = max(float((alone[name] - shared[name]).abs().max()) for name in learnt)
    assert apart < 1e-4, "gradients are summed in another order, no more"
    with pytest.raises(Cancelled, match="broken off"):
        trained(root, tmp_path / "ended", 2, stop_at_four)
    again = load_file(trained(root, tmp_path / "ended", 2))
    assert all(torch.equal(shared[name], again[name]) for name in learnt)


def network_parameters() -> list[tuple[str, nn.Parameter]]:
    """Those of the recipe's network; running means are no parameters."""
    from inference_backend.models.networks import build

    return list(build(RECIPE.network, 1, 1, RECIPE.arguments).named_parameters())


def test_every_window_of_a_batch_is_one_processs_and_no_others() -> None:
    parts = [list(Together(rank, 3).part(7)) for rank in range(3)]
    assert sorted(n for part in parts for n in part) == list(range(7))
    assert list(ALONE.part(2)) == [0, 1]
    assert [Together(rank, 3).first for rank in range(3)] == [True, False, False]


def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(BadSetting, match="99 processes need 99 GPUs"):
        run_together(99, lambda _device, _together: None, "cuda:0")


@pytest.mark.parametrize(
    ("words", "why"),
    [(("--processes", "4"), "batch of 3"), (("--processes", "2", "--cluster", "local"), "one of")],
)
def test_what_cannot_be_shared_is_refused_before_anything_is_written(
    words: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    root = write_box_cohort(tmp_path / "cohort", 1)
    write_splits(tmp_path / "s.json", Splits(1, (("case-000",), ()), ()))
    (tmp_path / "r.json").write_text(to_json(RECIPE), encoding="utf-8")
    ran = amlart(
        *("train", "cohort", root, "--splits", tmp_path / "s.json", "--recipe", tmp_path / "r.json"),
        *("--run", tmp_path / "run", "--out", tmp_path / "ward", *words),
    )
    assert ran.code == 2
    assert why in ran.err
    assert not (tmp_path / "run").exists()
