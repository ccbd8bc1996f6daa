"""nnInteractive as an engine, with the real library and a small network of random weights where it is
installed; and everything about it that needs no library."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from AmlartContourLib.contract.errors import (
    BadSetting,
    Cancelled,
    DamagedFile,
    InputRefused,
    TooLarge,
)
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.prompt import Prompt, PromptKind, VoxelBox
from inference_backend.engines.nninteractive import NnInteractiveEngine
from inference_backend.engines.protocol import PromptedEngine
from inference_backend.engines.registry import Registry, listed
from inference_backend.interactive.adding import add_folder
from inference_backend.interactive.description import LIBRARY
from inference_backend.models.licences import accept
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.store import bundle_folder, own_packs
from inference_backend.models.wish import Wish
from support.box_cohort import box_patient
from support.hostile import Hostile
from support.interactive_models import ABOUT, add_model, prompts, skip_without, write_folder

WISH = Wish("nn", "", "nnInteractive")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def quiet(_fraction: float, _stage: str) -> None:
    """Nobody listens."""


@pytest.mark.slow
def test_prompts_of_every_kind_change_one_structure_in_its_region_alone(tmp_path: Path) -> None:
    skip_without(LIBRARY)
    add_model(tmp_path)
    scan, truth = box_patient(3)
    engine = NnInteractiveEngine("nn")
    engine.load("cpu")
    changes = []
    for prompt in prompts():
        found = engine.fix(scan, prompt, quiet, lambda: False, truth.only(["bladder"]))
        assert found.masks.ids == ("bladder",)
        again = engine.fix(scan, prompt, quiet, lambda: False, truth.only(["bladder"]))
        assert again.masks.mask("bladder").same_voxels(found.masks.mask("bladder"))
        changed = found.masks.mask("bladder").to_array() != truth.mask("bladder").to_array()
        changes.append(int(changed.sum()))
        changed[4:12, 4:16, 4:16] = False
        assert not changed.any()
        assert any("forbids commercial use" in told for told in found.findings)
    assert all(changes), "a network of chance draws something else than the ball"
    whole = engine.contour(scan, ("bladder",), quiet, lambda: False, truth.only(["bladder"]))
    assert "Refined from contours" in " ".join(whole.findings)
    engine.unload()
    with pytest.raises(BadSetting, match="not loaded"):
        engine.fix(scan, prompt, quiet, lambda: False, truth)
    assert isinstance(engine, PromptedEngine)


@pytest.mark.slow
def test_the_session_gives_what_the_librarys_own_loader_gives(tmp_path: Path) -> None:
    skip_without(LIBRARY)
    from nnInteractive.inference.inference_session import nnInteractiveInferenceSession

    source = write_folder(tmp_path / "trained")
    add_folder(source, ("bladder",), WISH, autozoom=False)
    accept(bundle_folder("nn"), "L", "a test")
    scan, truth = box_patient(3)
    engine = NnInteractiveEngine("nn")
    engine.load("cpu")
    everywhere = VoxelBox((0, 0, 0), scan.geometry.shape_kji)
    prompt = Prompt("bladder", everywhere, inside_kji=((8, 9, 9),))
    ours = engine.fix(scan, prompt, quiet, lambda: False, truth.only([])).masks.mask("bladder").to_array()
    engine.unload()
    theirs = nnInteractiveInferenceSession(torch.device("cpu"), torch_n_threads=1, do_autozoom=False)
    theirs.initialize_from_trained_model_folder(str(source), 0)
    theirs.set_image(scan.hu_kji[None].astype(np.float32))
    buffer = np.zeros(scan.geometry.shape_kji, dtype=np.uint8)
    theirs.set_target_buffer(buffer)
    theirs.add_point_interaction((8, 9, 9), True)
    theirs.executor.shutdown()
    assert np.array_equal(ours, buffer > 0)
    assert buffer.any()


@pytest.mark.slow
def test_a_cancel_acts_before_the_next_look_and_the_next_prompt_is_answered(tmp_path: Path) -> None:
    skip_without(LIBRARY)
    add_model(tmp_path)
    scan, truth = box_patient(3)
    engine = NnInteractiveEngine("nn")
    engine.load("cpu")
    stages: list[str] = []
    prompt = next(prompts())
    with pytest.raises(Cancelled):
        engine.fix(scan, prompt, lambda _f, s: stages.append(s), lambda: "Prompt 1 of 1" in stages, truth)
    assert engine.fix(scan, prompt, quiet, lambda: False, truth).masks.ids == ("bladder",)
    engine.unload()


def test_it_is_listed_with_what_it_takes_and_its_terms(tmp_path: Path) -> None:
    add_model(tmp_path, accepted=False)
    info = Registry(listed()).info("nn")
    assert info is not None
    assert info.prompts == (PromptKind.POINT, PromptKind.BOX, PromptKind.SCRIBBLE, PromptKind.LASSO)
    assert info.licence == "CC BY-NC-SA 4.0 (no commercial use)"
    assert not info.available
    there = importlib.util.find_spec("nnInteractive") is not None
    assert info.mend == ("amlart models accept nn" if there else "pip install 'amlart-contour[interactive]'")
    text = bundle_folder("nn") / "licence.txt"
    assert text.read_text().startswith("CC BY-NC-SA 4.0\nThe whole text.")


def test_the_published_model_is_flagged_though_its_folder_has_no_licence(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "trained", licence=None)
    with pytest.raises(BadSetting, match="licence is not told"):
        add_folder(source, ("bladder",), WISH)
    plans = json.loads((source / "plans.json").read_text())
    (source / "plans.json").write_text(json.dumps({**plans, "dataset_name": "Dataset225_nnInteractiveV2"}))
    model = add_folder(source, ("bladder",), WISH)
    assert model.terms == "CC BY-NC-SA 4.0 (no commercial use)"


def test_an_older_folder_says_less_and_is_read(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "trained")
    (source / "inference_info.json").unlink()
    (source / "inference_session_class.json").write_text('"nnInteractiveInferenceSessionV3"')
    model = add_folder(source, ("bladder",), WISH)
    assert model.folder is not None
    assert (model.folder.ways.decay, model.folder.ways.channels) == (0.9, 7)


@pytest.mark.parametrize(
    "about",
    [
        {**ABOUT, "supported_interactions": {"telepathy": True}},
        {**ABOUT, "interaction_channels": 1000},
        {**ABOUT, "pad_mode_image": "reflect"},
        {**ABOUT, "point_radius": "many"},
        [],
    ],
)
def test_what_a_folder_says_of_its_prompts_is_checked(tmp_path: Path, about: object) -> None:
    source = write_folder(tmp_path / "trained")
    (source / "inference_info.json").write_text(json.dumps(about))
    with pytest.raises(InputRefused):
        add_folder(source, ("bladder",), WISH)
    assert own_packs() == ()


def test_a_checkpoint_that_is_a_program_is_refused_and_not_run(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "trained")
    torch.save({"network_weights": Hostile(tmp_path / "ran")}, source / "fold_0" / "checkpoint_final.pth")
    with pytest.raises(DamagedFile, match="run code"):
        add_folder(source, ("bladder",), WISH)
    assert not (tmp_path / "ran").exists()
    assert own_packs() == ()


def test_changed_weights_are_found(tmp_path: Path) -> None:
    add_model(tmp_path)
    assert fault_of(bundle_folder("nn")) == ""
    path = bundle_folder("nn") / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "another content" in fault_of(bundle_folder("nn"))


@pytest.mark.slow
def test_too_little_memory_is_told_before_the_network_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(LIBRARY)
    add_model(tmp_path)
    engine = NnInteractiveEngine("nn")
    engine.load("cpu")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 10))
    scan, truth = box_patient(3)
    with pytest.raises(TooLarge, match="needs at least"):
        engine.fix(scan, next(prompts()), quiet, lambda: False, truth)
    engine.unload()


def test_a_missing_library_is_told_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(tmp_path)
    real = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name.startswith("nnInteractive") else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    info = NnInteractiveEngine("nn").describe()
    assert info.reason == "nnInteractive is not installed."
    assert info.mend == "pip install 'amlart-contour[interactive]'"
    with pytest.raises(BadSetting, match="nnInteractive is not installed"):
        NnInteractiveEngine("nn").load("cpu")
