"""A training run learns, ends whole, goes on after any end, and does the same each time."""

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
from safetensors.torch import load_file

from AmlartContourLib.contract.errors import BadSetting, InputRefused
from inference_backend.models.bundle import open_bundle
from inference_backend.training.losses import rare_loss, structure_loss
from inference_backend.training.pack import pack
from inference_backend.training.phantom_cohort import PhantomCohort, Split, TrainingCase, spec_of_case
from inference_backend.training.recipe import RECIPES, EnsembleRecipe, read_recipe
from inference_backend.training.run import KEEP_EVERY, last_phases, phases, train_phase
from inference_backend.training.windows import cut_window, training_pair

SMALL = replace(
    read_recipe(RECIPES / "embedded.json"),
    structures=("bladder", "anorectum"),
    rare=("bladder",),
    hard=("anorectum",),
    spacing_mm=(8.0, 8.0, 8.0),
    patch_kji=(32, 24, 32),
    arguments={"channels": [4, 8], "stem": 1},
    cases=2,
    members=2,
    common_steps=2 * KEEP_EVERY,
    own_steps=KEEP_EVERY,
    fine_rounds=(1, 2),
    fine_steps=KEEP_EVERY,
    settle_windows=4,
    moves=(0, 3),
    learning_rate=0.02,
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


def _quiet(phase: str, step: int, steps: int, loss: float) -> None:
    pass


def _trained(recipe: EnsembleRecipe, folder: Path, cohort: Path) -> list[float]:
    losses: list[float] = []
    for phase in phases(recipe, folder):
        train_phase(recipe, phase, cohort, lambda _p, _s, _n, loss: losses.append(loss))
    return losses


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> tuple[Path, list[float]]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run")
    return folder, _trained(SMALL, folder, cohort)


def test_what_is_rare_counts_more_at_first_and_once_from_half_of_the_steps_on() -> None:
    share = torch.zeros(1, 3, 2, 2, 2)
    share[:, 1, 0, 0, 0] = 1.0
    missed = torch.full_like(share, -4.0)
    early, half, late = (float(rare_loss(missed, share, [1], done)) for done in (0.0, 0.5, 1.0))
    assert early > 100 * half
    assert half == late
    elsewhere = missed.clone()
    elsewhere[:, [0, 2]] = 9.0
    assert float(rare_loss(elsewhere, share, [1], 0.0)) == early


def test_what_is_hard_counts_more_in_both_parts_of_the_loss() -> None:
    share = torch.zeros(1, 2, 2, 2, 2)
    share[:, 1] = 1.0
    missed = torch.full_like(share, -4.0)
    alike, counted = (
        float(structure_loss(missed, share, counts=torch.tensor([1.0, count]))) for count in (1.0, 4.0)
    )
    assert alike == pytest.approx(float(structure_loss(missed, share)))
    assert counted == pytest.approx(alike * 4 / 5 * 2, rel=0.02)  # nearly all of it is the second's


def test_the_loss_falls(finished: tuple[Path, list[float]]) -> None:
    _, losses = finished
    assert losses[1] < 0.95 * losses[0]  # of the common start; those of members count rare structures more


def test_the_members_start_alike_and_end_apart(finished: tuple[Path, list[float]]) -> None:
    folder, _ = finished
    one, two = (load_file(phase.weights) for phase in last_phases(SMALL, folder))
    assert one.keys() == two.keys()
    assert any(not torch.equal(one[name], two[name]) for name in one if "weight" in name)


def test_each_member_leaves_out_other_cases() -> None:
    recipe = replace(SMALL, cases=9, members=3, fine_rounds=(2, 2, 2))
    _, *members = phases(recipe, Path("run"))
    assert [sorted(set(range(9)) - set(m.cases)) for m in members] == 3 * [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    finished: tuple[Path, list[float]], cohort: Path, tmp_path: Path
) -> None:
    folder, _ = finished
    recipe_file = tmp_path / "recipe.json"
    recipe_file.write_text(json.dumps(SMALL.to_json()), encoding="utf-8")
    run = tmp_path / "run"
    run.mkdir()
    (run / "phantoms").symlink_to(cohort)
    start = "import sys; from inference_backend.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "train", "embedded", "--phase", "0"]
    command += ["--run", str(run), "--out", str(tmp_path / "bundle"), "--recipe", str(recipe_file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    state = run / "common" / "state.pt"
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline and first.poll() is None:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert state.exists(), "no state was kept in time"
    if (run / "common" / "weights.safetensors").exists():
        pytest.skip("the run ended before it could be killed")
    train_phase(SMALL, phases(SMALL, run)[0], cohort, _quiet)
    whole = load_file(phases(SMALL, folder)[0].weights)
    again = load_file(phases(SMALL, run)[0].weights)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_finished_run_becomes_a_bundle_that_opens_and_says_what_it_is(
    finished: tuple[Path, list[float]], tmp_path: Path
) -> None:
    folder, _ = finished
    pack(SMALL, folder, tmp_path / "bundle", "7")
    bundle = open_bundle(tmp_path / "bundle")
    assert bundle.first_missing() is None
    assert bundle.manifest.structures == SMALL.structures
    assert bundle.manifest.demonstration
    network = bundle.network(0)
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 8, 8, 8)).shape == (1, 2, 8, 8, 8)
    card = (tmp_path / "bundle" / "card.md").read_text(encoding="utf-8")
    assert "not for patients" in card
    assert f"| member-2 | {SMALL.own_steps} |" in card
    assert f"| fine-2-2 | {SMALL.fine_steps} |" in card
    assert bundle.manifest.patch_kji is None, "the whole body is asked about at once"
    assert [bundle.manifest.moved_by(member) for member in range(2)] == [0, 3]
    assert [file.name for file in sorted((tmp_path / "bundle").glob("*.safetensors"))] == [
        "member-1.safetensors",
        "member-2.safetensors",
    ]


def test_a_round_goes_on_from_the_end_of_the_last_in_an_order_of_its_own(tmp_path: Path) -> None:
    made = phases(SMALL, tmp_path)
    names = [phase.folder.name for phase in made]
    assert names == ["common", "member-1", "member-2", "fine-1", "fine-2", "fine-2-2"]
    assert [phase.number for phase in made] == [0, 1, 2, 3, 4, 6], (
        "the number is the seed's, none comes twice"
    )
    assert made[5].start == made[4].weights
    assert made[5].cases == made[2].cases, "what a member never sees stays the same"
    assert [phase.folder.name for phase in last_phases(SMALL, tmp_path)] == ["fine-1", "fine-2-2"]


def test_an_unfinished_run_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="fine-1, fine-2-2"):
        pack(SMALL, tmp_path, tmp_path / "bundle", "1")
    assert not (tmp_path / "bundle").exists()


def test_no_phantom_is_in_two_splits_and_each_is_the_same_each_time() -> None:
    seeds = {spec_of_case(1, split, n).seed for split in Split for n in range(50)}
    assert len(seeds) == 3 * 50
    assert spec_of_case(1, Split.TRAIN, 3) == spec_of_case(1, Split.TRAIN, 3)


def test_a_case_read_from_the_disk_equals_the_one_that_was_made(tmp_path: Path) -> None:
    cohort = PhantomCohort(tmp_path, 5, Split.TRAIN, ("bladder", "gtvp"), (8.0, 8.0, 8.0))
    first, again = cohort.case(0), cohort.case(0)
    assert np.array_equal(first.hu_kji, again.hu_kji)
    assert np.array_equal(first.share_skji, again.share_skji)
    assert not list(tmp_path.glob("*.part"))


def test_a_window_that_leaves_the_scan_holds_air_and_nothing() -> None:
    hu = np.full((6, 6, 6), 40, dtype=np.int16)
    case = TrainingCase(hu, np.full((1, 6, 6, 6), 255, dtype=np.uint8))
    seen, share = cut_window(case, (12, 12, 12), np.random.default_rng(1))
    assert np.array_equal(seen > 0, share[0] > 0.5)
    assert 0 < np.count_nonzero(seen > 0) <= 6**3


def test_one_step_sees_the_same_window_each_time(cohort: Path) -> None:
    case = PhantomCohort(cohort, SMALL.seed, Split.TRAIN, SMALL.structures, SMALL.spacing_mm).case(0)
    pairs = [
        training_pair(case, SMALL.patch_kji, SMALL.window, np.random.default_rng([3, 1, 4])) for _ in range(2)
    ]
    assert np.array_equal(pairs[0][0], pairs[1][0])
    assert np.array_equal(pairs[0][1], pairs[1][1])


def test_a_recipe_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    data = SMALL.to_json() | {"learning_rat": 1.0}
    (tmp_path / "r.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BadSetting, match="learning_rat"):
        read_recipe(tmp_path / "r.json")


def test_a_rare_structure_is_one_of_the_recipe(tmp_path: Path) -> None:
    data = SMALL.to_json() | {"rare": ["gtvn"]}
    (tmp_path / "r.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BadSetting, match="rare"):
        read_recipe(tmp_path / "r.json")


def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(SMALL.to_json()), encoding="utf-8")
    assert read_recipe(tmp_path / "r.json") == SMALL
