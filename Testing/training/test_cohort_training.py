"""A cohort's ensemble learns by its recipe; what is missing, broken, frozen or killed is met as said."""

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

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, ExportFailed, InputRefused
from AmlartContourLib.contract.strict_json import to_json
from AmlartContourLib.domain.structure_set import StructureSet
from inference_backend.dataset.cohort import Cohort, joined, open_cohort
from inference_backend.dataset.cohort_out import write_case
from inference_backend.dataset.layout import Form
from inference_backend.dataset.splits import Splits, make_splits, write_splits
from inference_backend.engines.bundle import BundleEngine
from inference_backend.models.bundle import open_bundle
from inference_backend.training import cohort_run, states
from inference_backend.training.cohort_calibrate import calibrate_cohort
from inference_backend.training.cohort_cases import CohortCases
from inference_backend.training.cohort_pack import BundleNames, pack_cohort, training_data
from inference_backend.training.cohort_plan import CohortPlan, plan_run
from inference_backend.training.cohort_recipe import CohortRecipe, Labels, read_cohort_recipe
from inference_backend.training.cohort_run import CohortPhase, cohort_phases, curve_of, train_cohort_phase
from inference_backend.training.rule_loss import rule_loss
from support.amlart import amlart
from support.box_cohort import SPACING_MM, box_patient, write_box_cohort

WRITTEN = read_cohort_recipe()
SMALL = replace(
    WRITTEN,
    structures=("bladder", "anorectum"),
    spacing_mm=(6.0, 6.0, 6.0),
    window_hu=(-300.0, 300.0),
    patch_kji=(16, 16, 16),
    arguments={"channels": [4, 8]},
    members=2,
    steps=4,
    learning_rate=0.03,
    keep_every=2,
    validation_windows=2,
    settle_windows=4,
)
NAMES = BundleNames("ward-7", "1")


def _quiet(_name: str, _step: int, _steps: int, _learnt: float, _seen: float) -> None:
    pass


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    torch.set_num_threads(1)
    return open_cohort(write_box_cohort(tmp_path_factory.mktemp("cohort"), 8))


@pytest.fixture(scope="module")
def splits(cohort: Cohort) -> Splits:
    return make_splits((case.id for case in cohort.cases), seed=1, folds=3, hold_out=2)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def _run(
    recipe: CohortRecipe, cohort: Cohort, splits: Splits, run: Path, cases: Path, start: Path | None = None
) -> tuple[CohortPlan, tuple[CohortPhase, ...]]:
    plan = plan_run(run, cohort, splits, recipe, start)
    phases = cohort_phases(plan, run, start)
    for phase in phases:
        train_cohort_phase(plan, phase, cohort, cases, _quiet)
    return plan, phases


@pytest.fixture(scope="module")
def finished(
    cohort: Cohort, splits: Splits, cases: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CohortPlan, tuple[CohortPhase, ...], Path]:
    plan, phases = _run(SMALL, cohort, splits, tmp_path_factory.mktemp("run"), cases)
    bundle = tmp_path_factory.mktemp("bundles") / NAMES.id
    pack_cohort(plan, phases, bundle, NAMES)
    return plan, phases, bundle


def test_the_written_recipe_holds_the_rule_weight_of_the_source_and_takes_the_median_spacing() -> None:
    assert WRITTEN.rule_weight == 0.3
    assert WRITTEN.spacing_mm is None
    assert len(WRITTEN.structures) == 7


def test_the_calibration_fold_and_the_hold_out_are_learnt_from_by_no_member(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path], splits: Splits
) -> None:
    plan = finished[0]
    assert plan.calibration == splits.folds[0]
    assert not {*splits.folds[0], *splits.hold_out} & set(plan.learnt_from)
    assert [set(m.validation) for m in plan.members] == [set(splits.folds[1]), set(splits.folds[2])]
    assert all(not set(m.training) & set(m.validation) for m in plan.members)


def test_the_bundle_is_an_engine_that_gives_the_recipes_structures(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path],
) -> None:
    info = BundleEngine(NAMES.id, finished[2]).describe()
    assert info.available
    assert info.gives == SMALL.structures


def test_the_bundle_tells_its_cases_by_number_and_never_by_name(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path],
) -> None:
    manifest = open_bundle(finished[2]).manifest
    assert not manifest.demonstration
    assert manifest.training_data.startswith("4 labelled CTs")
    texts = [p.read_text(encoding="utf-8") for p in finished[2].iterdir() if p.suffix in {".json", ".md"}]
    assert not [text for text in texts if "case-0" in text]
    assert "| Bladder | 4 |" in (finished[2] / "card.md").read_text(encoding="utf-8")


def test_a_folder_that_is_another_runs_is_refused(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path], cohort: Cohort, splits: Splits
) -> None:
    run = finished[1][0].folder.parent
    with pytest.raises(BadSetting, match="another recipe"):
        plan_run(run, cohort, splits, replace(SMALL, seed=2), None)
    assert plan_run(run, cohort, splits, SMALL, None) == finished[0]


def test_an_unfinished_run_is_not_packed(cohort: Cohort, splits: Splits, tmp_path: Path) -> None:
    plan = plan_run(tmp_path, cohort, splits, SMALL, None)
    with pytest.raises(InputRefused, match="member 1; member 2"):
        pack_cohort(plan, cohort_phases(plan, tmp_path, None), tmp_path / "ward-7", NAMES)
    assert not (tmp_path / "ward-7").exists()


def test_a_missing_label_moves_no_weight_of_its_channel(
    cohort: Cohort, splits: Splits, tmp_path: Path
) -> None:
    recipe = replace(
        SMALL, members=1, steps=3, keep_every=3, settle_windows=0, weight_decay=0.0, rule_weight=0
    )
    lacking = replace(
        cohort,
        cases=tuple(
            replace(case, labels={k: v for k, v in case.labels.items() if k != "Anorectum"})
            for case in cohort.cases
        ),
    )
    with pytest.raises(BadSetting, match="anorectum"):
        plan_run(tmp_path / "refused", lacking, splits, recipe, None)
    plan = plan_run(tmp_path / "run", cohort, splits, recipe, None)
    (phase,) = cohort_phases(plan, tmp_path / "run", None)
    train_cohort_phase(plan, phase, lacking, tmp_path / "cases", _quiet)
    torch.manual_seed(recipe.seed * 1000)
    before = cohort_run.build(recipe.network, 1, 2, recipe.arguments).state_dict()["head.bias"]
    after = load_file(phase.weights)["head.bias"]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_case_that_is_cut_off_is_left_out_in_one_sentence_and_the_run_goes_on(
    splits: Splits, tmp_path: Path
) -> None:
    root = write_box_cohort(tmp_path / "cohort", 8)
    broken = splits.folds[1][0]
    path = root / broken / "ct.nii.gz"
    path.write_bytes(path.read_bytes()[:200])
    plan = plan_run(tmp_path / "run", open_cohort(root), splits, SMALL, None)
    assert [sentence for sentence in plan.told if sentence.startswith(f"{broken} is left out:")]
    assert broken not in plan.learnt_from


def test_a_case_that_breaks_while_training_stops_the_run_which_goes_on_when_it_is_mended(
    splits: Splits, tmp_path: Path
) -> None:
    root = write_box_cohort(tmp_path / "cohort", 8)
    recipe = replace(SMALL, members=1, steps=2)
    plan = plan_run(tmp_path / "run", open_cohort(root), splits, recipe, None)
    (phase,) = cohort_phases(plan, tmp_path / "run", None)
    path = root / phase.training[0] / "ct.nii.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(DamagedFile, match=r"ct\.nii\.gz"):
        train_cohort_phase(plan, phase, open_cohort(root), tmp_path / "cases", _quiet)
    path.write_bytes(whole)
    train_cohort_phase(plan, phase, open_cohort(root), tmp_path / "cases", _quiet)
    assert phase.weights.exists()


def test_one_network_for_each_structure_is_one_bundle_too(
    cohort: Cohort, splits: Splits, cases: Path, tmp_path: Path
) -> None:
    recipe = replace(SMALL, labels=Labels.ONE_EACH, rule_weight=0.0, members=1, steps=2, keep_every=2)
    plan, phases = _run(recipe, cohort, splits, tmp_path / "run", cases)
    assert [phase.name for phase in phases] == ["member 1, bladder", "member 1, anorectum"]
    pack_cohort(plan, phases, tmp_path / "each", BundleNames("each", "1"))
    network = open_bundle(tmp_path / "each").network(0)
    picture = torch.zeros(1, 1, 8, 8, 8)
    alone = cohort_run.build(recipe.network, 1, 1, recipe.arguments).eval()
    alone.load_state_dict(load_file(phases[1].weights))
    with torch.no_grad():
        assert torch.equal(network(picture)[:, 1:], alone(picture))
    with pytest.raises(ValueError, match="all structures at once"):
        replace(recipe, rule_weight=0.3)


def test_frozen_weights_and_their_means_stay_and_the_head_learns_from_where_the_bundle_was(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path],
    cohort: Cohort, splits: Splits, cases: Path, tmp_path: Path,
) -> None:  # fmt: skip
    recipe = replace(
        SMALL, structures=("anorectum", "uterus", "bladder"), frozen=("down", "up"), members=1, steps=2,
        keep_every=2,
    )  # fmt: skip
    with pytest.raises(BadSetting, match="uterus"):
        plan_run(tmp_path / "no", cohort, splits, recipe, finished[2])
    recipe = replace(recipe, structures=("anorectum", "bladder"), learning_rates={"head": 1e-6})
    _, (phase,) = _run(recipe, cohort, splits, tmp_path / "run", cases, finished[2])
    old, new = load_file(finished[1][0].weights), load_file(phase.weights)
    body = [name for name in old if not name.startswith("head")]
    assert all(torch.equal(old[name], new[name]) for name in body)
    turned = old["head.weight"][[1, 0]]
    assert torch.allclose(new["head.weight"], turned, atol=1e-4)
    assert not torch.equal(new["head.weight"], turned)


def test_a_recipe_that_freezes_everything_is_refused(
    cohort: Cohort, splits: Splits, cases: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadSetting, match="nothing to learn"):
        _run(replace(SMALL, frozen=("down", "up", "head")), cohort, splits, tmp_path, cases)


def test_weights_of_which_none_fits_are_refused(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path],
    cohort: Cohort, splits: Splits, cases: Path, tmp_path: Path,
) -> None:  # fmt: skip
    other = replace(SMALL, arguments={"channels": [6, 12]}, members=1)
    with pytest.raises(BadSetting, match="No weights of"):
        _run(other, cohort, splits, tmp_path / "run", cases, finished[2])


def test_the_rule_loss_is_what_it_says() -> None:
    names = ("ctvn", "ctvp", "anorectum", "uterus")
    apart = torch.full((1, 4, 4, 4, 4), -30.0)
    for n in (0, 1, 2):
        apart[:, n, n] = 30.0
    apart[:, 3, 1, :2] = 30.0
    assert float(rule_loss(apart, names)) == pytest.approx(0.0, abs=1e-6)
    one_on_another = apart.clone()
    one_on_another[:, 0] = apart[:, 1]
    assert float(rule_loss(one_on_another, names)) == pytest.approx((2 * 16 / 33) / 3, rel=1e-3)
    outside = apart.clone()
    outside[:, 3] = apart[:, 2]
    assert float(rule_loss(outside, names)) == pytest.approx(16 / 17, rel=1e-3)
    assert float(rule_loss(apart[:, :1], ("bladder",))) == 0.0


def test_an_empty_label_is_known_and_a_missing_one_is_not(cohort: Cohort, tmp_path: Path) -> None:
    store = CohortCases(cohort, ("bladder", "parametrium"), (6.0, 6.0, 6.0), tmp_path)
    read = store.case(cohort.cases[0].id)
    assert read.known.tolist() == [True, False]
    again = store.case(cohort.cases[0].id)
    assert np.array_equal(read.case.share_skji, again.case.share_skji)


def test_the_median_spacing_is_that_of_the_scans(cohort: Cohort, splits: Splits, tmp_path: Path) -> None:
    plan = plan_run(tmp_path, cohort, splits, replace(SMALL, spacing_mm=None), None)
    assert plan.spacing_mm == SPACING_MM


def test_a_full_disk_is_one_sentence_and_the_last_state_is_kept(
    cohort: Cohort, splits: Splits, cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(SMALL, members=1, steps=4, keep_every=2)
    plan = plan_run(tmp_path, cohort, splits, recipe, None)
    (phase,) = cohort_phases(plan, tmp_path, None)
    written: list[Path] = []
    real = cohort_run.write_file

    def full(path: Path, content: bytes, *, replace: bool = False) -> None:
        if len(written) == 2:
            raise ExportFailed("The disk is full.", kept="What was there is kept.")
        written.append(path)
        real(path, content, replace=replace)

    for module in (states, cohort_run):
        monkeypatch.setattr(module, "write_file", full)
    with pytest.raises(ExportFailed, match="full"):
        train_cohort_phase(plan, phase, cohort, cases, _quiet)
    assert curve_of(phase)[-1][0] == 2
    monkeypatch.undo()
    train_cohort_phase(plan, phase, cohort, cases, _quiet)
    assert curve_of(phase)[-1][0] == 4


def test_a_recipe_with_an_unknown_field_or_structure_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    plain = json.loads(to_json(SMALL))
    path.write_text(json.dumps(plain | {"learning_rat": 1}), encoding="utf-8")
    with pytest.raises(DamagedFile, match="does not know"):
        read_cohort_recipe(path)
    path.write_text(json.dumps(plain | {"structures": ["spleen"]}), encoding="utf-8")
    with pytest.raises(DamagedFile, match="no spleen"):
        read_cohort_recipe(path)
    path.write_text(to_json(SMALL), encoding="utf-8")
    assert read_cohort_recipe(path) == SMALL


def test_cases_of_the_clinic_are_learnt_from_by_all_unless_the_cohort_holds_the_same_scan(
    cohort: Cohort, splits: Splits, tmp_path: Path
) -> None:
    own = write_box_cohort(tmp_path / "clinic", 1, first=50)
    held = cohort.case(splits.hold_out[0])
    write_case(own, Form.FOLDERS, "twice", *box_patient(int(held.id.removeprefix("case-"))))
    both = joined(cohort, open_cohort(own))
    clinic = ("case-050", "twice")
    plan = plan_run(tmp_path / "run", both, splits, SMALL, None, clinic)
    assert plan.told == ("twice is left out: the cohort holds the same scan.",)
    assert all("case-050" in member.training for member in plan.members)
    assert not [m for m in plan.members if {*clinic} & {*m.validation, *plan.calibration}]
    assert training_data(plan) == (
        "5 labelled CTs of one cohort. 1 of them were edited and approved by clinicians with this software."
    )


def test_too_few_calibration_cases_and_an_ensemble_of_one_are_refused(
    finished: tuple[CohortPlan, tuple[CohortPhase, ...], Path], cohort: Cohort, tmp_path: Path
) -> None:
    plan, phases, bundle = finished
    with pytest.raises(InputRefused, match="2 calibration cases are too few"):
        calibrate_cohort(plan, cohort, tmp_path, bundle, lambda _n, _of: None)
    alone = replace(plan, recipe=replace(plan.recipe, members=1))
    pack_cohort(alone, phases[:1], tmp_path / "alone", BundleNames("alone", "1"))
    with pytest.raises(InputRefused, match="no spread"):
        calibrate_cohort(alone, cohort, tmp_path, tmp_path / "alone", lambda _n, _of: None)


@pytest.mark.slow
def test_a_run_killed_between_two_states_ends_with_the_same_weights_and_draws_a_new_patient(
    cohort: Cohort, splits: Splits, tmp_path: Path
) -> None:
    recipe = replace(SMALL, members=1, steps=400, keep_every=40)
    (tmp_path / "recipe.json").write_text(to_json(recipe), encoding="utf-8")
    write_splits(tmp_path / "splits.json", splits)
    words = ["train", "cohort", cohort.root, "--splits", tmp_path / "splits.json", "--run", tmp_path / "run"]
    words += ["--out", tmp_path / "ward-7", "--recipe", tmp_path / "recipe.json"]
    start = "import sys; from inference_backend.cli import main; sys.exit(main(sys.argv[1:]))"
    state = tmp_path / "run" / "member-1" / "state.pt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        [sys.executable, "-c", start, *map(str, words)], env=environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 400
    while not state.exists() and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert state.exists(), "no state was kept in time"
    if (tmp_path / "run" / "member-1" / "weights.safetensors").exists():
        pytest.skip("the network ended before it could be killed")
    assert amlart(*words).code == 0
    _, (whole,) = _run(recipe, cohort, splits, tmp_path / "whole", tmp_path / "cases")
    killed, once = load_file(tmp_path / "ward-7" / "member-1.safetensors"), load_file(whole.weights)
    assert all(torch.equal(killed[name], once[name]) for name in once)
    curve = curve_of(whole)
    assert curve[-1][1] < 0.8 * curve[0][1]
    assert curve[-1][2] < curve[0][2]
    scan, truth = box_patient(99)
    engine = BundleEngine(NAMES.id, tmp_path / "ward-7")
    engine.load("cpu")
    empty = StructureSet(scan.geometry)
    drawn = engine.contour(scan, SMALL.structures, lambda _f, _s: None, lambda: False, empty).masks
    for name in SMALL.structures:
        both, one, other = drawn.mask(name) & truth.mask(name), drawn.mask(name), truth.mask(name)
        assert 2 * both.voxel_count / (one.voxel_count + other.voxel_count) > 0.7, name
