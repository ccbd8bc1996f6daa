"""Fine-tuning of UniverSeg, SAM and MedSAM, with small networks of the real libraries and random weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, ExportFailed, InputRefused
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.splits import Splits, make_splits, write_splits
from inference_backend.engines.registry import Registry
from inference_backend.few_shot.cube import scaled
from inference_backend.few_shot.description import FEW_SHOT_FILE, FewShot
from inference_backend.few_shot.examples import SHAPE, LabelledCube
from inference_backend.models.card import read_card
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import CARD_FILE, Wish
from inference_backend.prompted.description import PROMPTED_FILE, Look, Prompted
from inference_backend.prompted.pictures import Frame
from inference_backend.training import states
from inference_backend.training.slices import run as slice_run
from inference_backend.training.slices.card import with_card
from inference_backend.training.slices.few_shot import FewShotLesson
from inference_backend.training.slices.plan import read_plan
from inference_backend.training.slices.prompted import PromptedLesson, read_slices, write_slices
from inference_backend.training.slices.recipe import (
    FewShotRecipe,
    PromptedRecipe,
    SliceRecipe,
    read_slice_recipe,
)
from inference_backend.training.slices.run import slice_loss
from inference_backend.training.slices.whole import fine_tune_prompted
from support import few_shot_models, prompted_models
from support.amlart import amlart
from support.box_cohort import ORGANS, box_patient, write_box_cohort

UNIVERSEG = read_slice_recipe(FewShotRecipe, None)
MEDSAM = read_slice_recipe(PromptedRecipe, None)
QUICK = {
    "structures": tuple(ORGANS),
    "steps": 4,
    "keep_every": 2,
    "validation_pictures": 2,
    "learning_rate": 0.002,
}
FEW = replace(UNIVERSEG, **QUICK, support_size=3)  # type: ignore[arg-type]
BOXES = replace(MEDSAM, **QUICK)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_box_cohort(tmp_path_factory.mktemp("cohort") / "boxes", 5)


@pytest.fixture(scope="module")
def splits(root: Path) -> Splits:
    return make_splits([case.id for case in open_cohort(root).cases], seed=1, folds=2, hold_out=1)


def quiet(_step: int, _steps: int, _learnt: float, _seen: float) -> None:
    """Nobody listens."""


def test_the_settings_are_those_of_the_sources() -> None:
    assert UNIVERSEG.support_size == 80
    assert (UNIVERSEG.squared_dice, UNIVERSEG.entropy_weight, UNIVERSEG.augment) == (False, 0.0, True)
    assert (MEDSAM.look, MEDSAM.box_margin_pixels, MEDSAM.augment) == (Look.MEDSAM, 20, True)
    assert (MEDSAM.learning_rate, MEDSAM.weight_decay, MEDSAM.batch) == (1e-4, 0.01, 2)
    assert MEDSAM.frozen == ("prompt_encoder.",)
    assert (MEDSAM.squared_dice, MEDSAM.entropy_weight) == (True, 1.0)


@pytest.mark.parametrize("change", [{"support_size": 81}, {"steps": 0}, {"structures": ["none"]}, {"x": 1}])
def test_a_recipe_that_cannot_be_used_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(json.loads(to_json(UNIVERSEG)) | change), encoding="utf-8")
    with pytest.raises(DamagedFile):
        read_slice_recipe(FewShotRecipe, path)


def test_the_loss_is_dice_of_squares_and_cross_entropy_where_the_recipe_says_so() -> None:
    logits, label = torch.tensor([[[[0.0, 2.0, -1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
    found = torch.sigmoid(logits)
    both = float((found * label).sum())
    plain = 1 - 2 * both / float(found.sum() + label.sum())
    squared = 1 - 2 * both / float((found**2).sum() + label.sum())
    entropy = -float((label * found.log() + (1 - label) * (1 - found).log()).mean())
    assert float(slice_loss(UNIVERSEG, logits, label)) == pytest.approx(plain, abs=1e-4)
    assert float(slice_loss(MEDSAM, logits, label)) == pytest.approx(squared + entropy, abs=1e-4)


class Heard(nn.Module):
    """A network that keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.asked: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, picture: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        self.asked.append((picture, images, labels))
        return picture * self.weight


def told_apart(hu: int) -> LabelledCube:
    """A case that is known by its density, with a slab of bladder."""
    inside = np.zeros(SHAPE, dtype=bool)
    inside[40:60, 30:90, 30:90] = True
    return LabelledCube(np.full(SHAPE, hu, dtype=np.int16), 2.0, {"bladder": inside})


def test_a_plane_is_asked_about_with_other_cases_of_the_training_as_its_support() -> None:
    cubes = {name: told_apart(hu) for name, hu in (("a", 0), ("b", 100), ("c", 200), ("held", 300))}
    network = Heard()
    lesson = FewShotLesson(replace(FEW, augment=False), network, cubes, ("a", "b", "c"), ("held",))
    own = {name: float(scaled(cube.hu_kji[0])[0, 0]) for name, cube in cubes.items()}
    asked_of = set()
    for n in range(6):
        logits, label = lesson.answer(np.random.default_rng(n), plain=n >= 4)
        picture, images, labels = network.asked[-1]
        assert logits.shape == label.shape == picture.shape == (1, 1, 128, 128)
        assert images.shape == labels.shape == (1, 3, 1, 128, 128)
        asked = float(picture[0, 0, 0, 0])
        shown = {round(float(value), 4) for value in images[0, :, 0, 0, 0]}
        assert round(asked, 4) not in shown, "a case was its own example"
        assert round(own["held"], 4) not in shown
        assert bool(labels.any())
        asked_of.add(round(asked, 4))
        assert (n >= 4) == (round(asked, 4) == round(own["held"], 4))
    assert len(asked_of) >= 3


def test_cases_with_nothing_in_common_are_told() -> None:
    empty = LabelledCube(np.zeros(SHAPE, np.int16), 2.0, {"bladder": np.zeros(SHAPE, bool)})
    lesson = FewShotLesson(FEW, Heard(), {"a": told_apart(0), "b": empty}, ("a", "b"), ("b",))
    with pytest.raises(BadSetting, match="in common"):
        lesson.answer(np.random.default_rng(1), plain=False)


def test_a_box_lies_round_the_label_by_chance_up_to_the_margin(tmp_path: Path) -> None:
    network = SimpleNamespace(image_encoder=SimpleNamespace(img_size=512))
    network.to = lambda _device: network
    recipe = replace(MEDSAM, box_margin_pixels=64)
    lesson = PromptedLesson(recipe, network, [], [])  # type: ignore[arg-type]  # only its side is asked for
    inside = np.zeros((256, 128), dtype=bool)
    inside[100:120, 40:50] = True
    frame = Frame((256, 128), 512, Look.MEDSAM)
    boxes = np.array([lesson.box(inside, frame, np.random.default_rng(n)) for n in range(300)])
    beyond = np.abs(boxes - (100, 40, 120, 50))
    assert (boxes[:, :2] <= (100, 40)).all()
    assert (boxes[:, 2:] >= (120, 50)).all()
    assert beyond.max(axis=0).tolist() == [16, 8, 16, 8], (
        "64 of 1024 pixels on 512, on the slice's own pixels"
    )
    assert beyond.min() == 0
    edge: NDArray[np.bool_] = np.zeros((256, 128), dtype=bool)
    edge[0, 127] = True
    j0, _, _, i1 = lesson.box(edge, frame, np.random.default_rng(1))
    assert (j0, i1) == (0, 128)


def test_a_cases_slices_come_back_with_their_labels(tmp_path: Path) -> None:
    scan, truth = box_patient(2)
    write_slices(tmp_path, scan, [None, truth.mask("bladder")])
    case = read_slices(tmp_path)
    ((structure, numbers),) = case.held
    assert structure == 1
    whole = truth.mask("bladder").to_array()
    some = np.flatnonzero(whole.any(axis=(1, 2)))
    assert len(numbers) == len(some)
    for number, k in zip(numbers, some, strict=True):
        hu, inside = case.slice_of(1, number)
        assert np.array_equal(hu, scan.hu_kji[k])
        assert np.array_equal(inside, whole[k])


def prompted_run(root: Path, splits: Splits, run: Path, recipe: PromptedRecipe = BOXES) -> Path:
    """Trained to the end."""
    start = run.parent / "start.pth"
    if not start.exists():
        prompted_models.write_weights(start)
    return fine_tune_prompted(run, open_cohort(root), splits, recipe, start, quiet)[0]


def test_it_learns_and_keeps_the_best_and_what_is_frozen(root: Path, splits: Splits, tmp_path: Path) -> None:
    weights = prompted_run(root, splits, tmp_path / "run")
    start, learnt = (torch.load(p, weights_only=True) for p in (tmp_path / "start.pth", weights))
    assert start.keys() == learnt.keys()
    frozen = [name for name in start if name.startswith("prompt_encoder.")]
    assert frozen
    assert all(torch.equal(start[name], learnt[name]) for name in frozen)
    tokens = "mask_decoder.mask_tokens.weight"
    assert not torch.equal(start[tokens], learnt[tokens])
    rows = (tmp_path / "run" / "curve.csv").read_text(encoding="utf-8").splitlines()[1:]
    lowest = min(float(row.split(",")[2]) for row in rows)
    assert float(states.kept_state(tmp_path / "run")["lowest"]) == pytest.approx(lowest, abs=1e-6)  # type: ignore[index]
    plan = read_plan(tmp_path / "run")
    assert not set(plan.training) & plan.not_shown
    assert set(splits.hold_out) < plan.not_shown


def test_another_recipe_in_the_same_folder_is_refused(root: Path, splits: Splits, tmp_path: Path) -> None:
    prompted_run(root, splits, tmp_path / "run", replace(BOXES, steps=2))
    with pytest.raises(BadSetting, match="another recipe"):
        prompted_run(root, splits, tmp_path / "run", replace(BOXES, steps=4))


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_as_if_it_had_not_been(
    root: Path, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prompted_run(root, splits, tmp_path / "whole")
    real, calls = slice_run.write_file, []

    def full(path: Path, content: bytes, *, replace: bool = False) -> None:
        calls.append(path.name)
        if len(calls) == 5:
            raise ExportFailed(f"{path.name} was not written: the disk is full.")
        real(path, content, replace=replace)

    for module in (states, slice_run):
        monkeypatch.setattr(module, "write_file", full)
    with pytest.raises(ExportFailed, match="disk is full"):
        prompted_run(root, splits, tmp_path / "run")
    monkeypatch.undo()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    again = prompted_run(root, splits, tmp_path / "run")
    one, other = (torch.load(path, weights_only=True) for path in (whole, again))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_broken_case_and_a_missing_label_are_told_and_the_others_are_used(
    tmp_path: Path,
) -> None:
    root = write_box_cohort(tmp_path / "boxes", 4)
    watched, broken, lacking, whole = (f"case-{n:03d}" for n in range(4))
    splits = Splits(1, ((watched,), (broken, lacking, whole)), ())
    cases = {case.id: case for case in open_cohort(root).cases}
    cases[broken].image.write_bytes(b"no scan")
    (label,) = (path for name, path in cases[lacking].labels.items() if name.lower() == "anorectum")
    label.unlink()
    prompted_run(root, splits, tmp_path / "run", replace(BOXES, steps=2))
    plan = read_plan(tmp_path / "run")
    assert plan.labels[lacking] == ("bladder",)
    assert broken not in plan.labels
    assert len(plan.told) == 1
    assert plan.told[0].startswith(f"{broken} is left out: ")
    few = Splits(1, ((watched,), (broken, lacking)), ())
    with pytest.raises(InputRefused, match="too few"):
        prompted_run(root, few, tmp_path / "other", BOXES)


def typed(kind: str, root: Path, tmp_path: Path, splits: Splits, recipe: SliceRecipe) -> list[object]:
    """The words of the command."""
    make = few_shot_models.write_weights if kind == "few-shot" else prompted_models.write_weights
    start = make(tmp_path / "start.pt")
    if not (tmp_path / "splits.json").exists():
        write_splits(tmp_path / "splits.json", splits)
    (tmp_path / "recipe.json").write_text(to_json(recipe), encoding="utf-8")
    words: list[object] = ["train", kind, root, "--splits", tmp_path / "splits.json", "--start", start]
    return [*words, "--run", tmp_path / "run", "--id", "tuned", "--recipe", tmp_path / "recipe.json"]


def test_terms_that_nobody_tells_are_refused_before_anything_is_trained(
    root: Path, splits: Splits, tmp_path: Path
) -> None:
    ran = amlart(*typed("prompted", root, tmp_path, splits, BOXES))
    assert ran.code == 2
    assert "licence of start.pt is not told" in ran.err
    assert not (tmp_path / "run").exists()


def test_the_card_tells_what_was_trained_on_how_many_and_names_no_case(
    root: Path, splits: Splits, tmp_path: Path
) -> None:
    prompted_run(root, splits, tmp_path / "run")
    plan, start = read_plan(tmp_path / "run"), tmp_path / "start.pth"
    wish = with_card(Wish("own", "X", "Boxes"), BOXES, plan, tmp_path / "run", open_cohort(root), start)
    text = wish.model_card
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert [line[3] for line in sections] == list("123456")
    assert f"| Bladder | {len(plan.training)} |" in text
    last = (tmp_path / "run" / "curve.csv").read_text(encoding="utf-8").splitlines()[-1].split(",")
    assert f"| 4 | {float(last[1]):.3f} | {float(last[2]):.3f} |" in text
    weights = torch.load(tmp_path / "run" / "weights.pth", weights_only=True)
    assert f"{sum(one.numel() for one in weights.values()):,} numbers" in text
    assert f"start.pth, SHA-256 {plan.start[:12]}" in text
    assert "amlart train prompted" in text
    assert "case-" not in text
    assert "case-" not in wish.intended_use


def told_by(engine: str) -> tuple[str, str]:
    """What an engine says it is for, as lists and pages show it, and its card."""
    info = Registry().info(engine)
    assert info is not None
    assert fault_of(bundle_folder(engine)) == ""
    return info.intended_use, (bundle_folder(engine) / CARD_FILE).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_command_fine_tunes_sam_and_adds_it(root: Path, splits: Splits, tmp_path: Path) -> None:
    words = typed("prompted", root, tmp_path, splits, BOXES)
    ran = amlart(*words, "--licence", "Apache-2.0")
    assert ran.code == 0, ran.err
    model = read_card(Prompted, bundle_folder("tuned"), PROMPTED_FILE)
    assert (model.gives, model.look, model.licence) == (tuple(ORGANS), Look.MEDSAM, "Apache-2.0")
    use, card = told_by("tuned")
    assert "Learnt from 2 labelled CTs of one cohort" in use
    assert "by a box round the structure" in card
    (bundle_folder("tuned") / CARD_FILE).write_text("another", encoding="utf-8")
    assert CARD_FILE in fault_of(bundle_folder("tuned"))
    again = amlart(*words, "--licence", "Apache-2.0")
    assert (again.code, "A model tuned is there" in again.err) == (2, True)


@pytest.mark.slow
def test_the_command_fine_tunes_universeg_and_its_examples_are_what_it_learnt_from(
    root: Path, splits: Splits, tmp_path: Path
) -> None:
    ran = amlart(*typed("few-shot", root, tmp_path, splits, FEW), "--licence", "X", "--research-only")
    assert ran.code == 0, ran.err
    model = read_card(FewShot, bundle_folder("tuned"), FEW_SHOT_FILE)
    assert {example.name for example in model.examples} == set(read_plan(tmp_path / "run").training)
    assert (model.support_size, model.research_only) == (3, True)
    use, card = told_by("tuned")
    assert f"Learnt from {len(model.examples)} labelled CTs of one cohort" in use
    assert f"The {len(model.examples)} cases it learnt from are its examples" in card
    assert not any(example.name in card for example in model.examples)
    learnt = torch.load(tmp_path / "run" / "weights.pth", weights_only=True)
    start = torch.load(tmp_path / "start.pt", weights_only=True)
    assert any(not torch.equal(start[name], learnt[name]) for name in start)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["few-shot", "prompted"])
def test_a_run_that_is_killed_ends_with_the_same_weights(
    kind: str, root: Path, splits: Splits, tmp_path: Path
) -> None:
    recipe: SliceRecipe = replace(FEW, steps=12) if kind == "few-shot" else replace(BOXES, steps=60)
    words = [str(word) for word in (*typed(kind, root, tmp_path, splits, recipe), "--licence", "X")]
    start = "import sys; from inference_backend.cli import main; sys.exit(main(sys.argv[1:]))"
    state = tmp_path / "run" / "state.pt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen([sys.executable, "-c", start, *words], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while not state.exists() and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert state.exists(), "no state was kept in time"
    assert not (tmp_path / "run" / "weights.pth").exists(), "it ended before it could be killed"
    assert amlart(*words).code == 0
    words[words.index(str(tmp_path / "run"))] = str(tmp_path / "whole")
    words[words.index("tuned")] = "whole"
    assert amlart(*words).code == 0
    killed, whole = (
        torch.load(tmp_path / one / "weights.pth", weights_only=True) for one in ("run", "whole")
    )
    assert all(torch.equal(killed[name], whole[name]) for name in whole)


@pytest.mark.slow
def test_the_loss_falls(root: Path, splits: Splits, tmp_path: Path) -> None:
    learnt: list[float] = []
    start = prompted_models.write_weights(tmp_path / "start.pth")
    recipe = replace(BOXES, steps=120, keep_every=20, learning_rate=0.003, validation_pictures=8)
    fine_tune_prompted(
        tmp_path / "run",
        open_cohort(root),
        splits,
        recipe,
        start,
        lambda _s, _o, _l, seen: learnt.append(seen),
    )
    assert min(learnt) < 0.8 * learnt[0]
