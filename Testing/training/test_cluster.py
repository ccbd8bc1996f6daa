"""The same command with and without Ray: the same weights, the same figures; what dies is done again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors.torch import load_file

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.cluster.evaluating import shares
from inference_backend.cluster.farm import Farm, farm
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.splits import Splits, write_splits
from support.box_cohort import bladder_recipe, write_box_cohort
from support.source_tree import ROOT

AMLART = str(Path(sys.executable).parent / "amlart")
ON_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
SMALL = replace(bladder_recipe(), patch_kji=(8, 16, 16), settle_windows=2)


def _environment() -> dict[str, str]:
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "AmlartContour", ROOT / "Testing")))
    told = {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "RAY_worker_niceness": "0"}
    return {**os.environ, **told}


def _typed(place: Path, *words: str) -> str:
    done = subprocess.run(
        [AMLART, *words], cwd=place, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
@ON_RAY
def test_members_and_cases_on_a_cluster_give_what_one_machine_gives(tmp_path: Path) -> None:
    write_box_cohort(tmp_path / "cohort", 6)
    names = [f"case-{n:03d}" for n in range(6)]
    write_splits(tmp_path / "splits.json", Splits(1, (tuple(names[:2]), tuple(names[2:4])), tuple(names[4:])))
    (tmp_path / "recipe.json").write_text(to_json(SMALL), encoding="utf-8")
    train = ("train", "cohort", "cohort", "--splits", "splits.json", "--recipe", "recipe.json")
    evaluate = ("evaluate", "cohort", "--splits", "splits.json", "--no-pictures", "--bundle")
    for way, words in (("alone", ()), ("shared", ("--cluster", "local"))):
        _typed(tmp_path, *train, "--run", f"run-{way}", "--out", f"{way}/ward-7", *words)
        _typed(tmp_path, *evaluate, f"{way}/ward-7", "--out", f"evaluated-{way}", *words)
    for member in ("member-1", "member-2"):
        alone, shared = (
            load_file(tmp_path / f"run-{way}" / member / "weights.safetensors") for way in ("alone", "shared")
        )
        assert all(alone[name].equal(shared[name]) for name in alone)
    figures = [(tmp_path / f"evaluated-{way}" / "figures.csv").read_text() for way in ("alone", "shared")]
    assert figures[0] == figures[1]
    assert figures[0].count("ward-7") == 4  # two cases, two labelled organs


@pytest.mark.slow
@ON_RAY
def test_a_killed_job_is_done_again_a_refusal_arrives_whole_and_no_stranger_joins(tmp_path: Path) -> None:
    program = ROOT / "Testing" / "support" / "farm_program.py"
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path)],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["squares"] == [1, 4, 9]
    assert found["elsewhere"]
    assert not found["joined"]
    assert found["told"] == ["case-007 is cut off.", "The others are kept.", "Copy it again."]
    assert (tmp_path / "tried-2").exists()


def test_without_ray_the_user_reads_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadSetting, match=r"amlart-contour\[cluster\]"), farm("local"):
        pass


def test_without_a_cluster_jobs_run_here_in_their_order() -> None:
    with farm(None) as here:
        assert here == Farm()
        assert here.run([lambda: os.getpid(), lambda: 2]) == [os.getpid(), 2]


@pytest.mark.parametrize("width", [1, 2, 5])
def test_every_case_is_in_one_share(width: int, tmp_path: Path) -> None:
    cases = open_cohort(write_box_cohort(tmp_path, 3)).cases
    dealt = shares(cases, width)
    assert len(dealt) == min(width, 3)
    assert sorted(case.id for share in dealt for case in share) == [case.id for case in cases]
