"""A prompted model as an engine, with a small network of the real library segment-anything and random
weights: what it gives, and what keeps it from running."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, TooLarge
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.prompt import Prompt, VoxelBox
from AmlartContourLib.domain.structure_set import Source, StructureSet
from inference_backend.engines.protocol import PromptedEngine
from inference_backend.engines.registry import Registry, listed
from inference_backend.engines.sam import SamEngine
from inference_backend.engines.universeg import UniverSegEngine
from inference_backend.models.pack_checking import fault_of
from inference_backend.models.restricted import state_of
from inference_backend.models.store import bundle_folder, own_packs
from inference_backend.models.wish import Wish
from inference_backend.prompted.adding import add_prompted
from inference_backend.prompted.asking import SamAnswerer, SlicePrompt
from inference_backend.prompted.description import Look
from inference_backend.prompted.network import Sizes, filled, sizes_of
from inference_backend.prompted.pictures import Frame
from support.box_cohort import box_patient
from support.prompted_models import SMALL, add_model, write_weights


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def loaded() -> SamEngine:
    """The added model on the CPU."""
    engine = SamEngine("sam")
    engine.load("cpu")
    return engine


def quiet(_fraction: float, _stage: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("look", list(Look))
def test_the_real_network_draws_within_the_boxes_of_another_contour(tmp_path: Path, look: Look) -> None:
    add_model(tmp_path, look=look)
    scan, truth = box_patient(3)
    engine = loaded()
    given = truth.only(["bladder"])
    found = engine.contour(scan, ("bladder", "anorectum"), quiet, lambda: False, given)
    assert found.masks.ids == ("bladder",)
    assert "No contour gave boxes for anorectum: not drawn." in found.findings
    mask = found.masks.mask("bladder")
    assert mask.box.start_kji[0] >= given.mask("bladder").box.start_kji[0]
    assert mask.box.stop_kji[0] <= given.mask("bladder").box.stop_kji[0]
    assert not mask.is_empty
    assert found.masks.contours["bladder"].source is Source.MODEL
    again = engine.contour(scan, ("bladder",), quiet, lambda: False, given)
    assert again.masks.mask("bladder").same_voxels(mask)


def test_a_fix_changes_one_structure_in_its_region_alone(tmp_path: Path) -> None:
    add_model(tmp_path)
    scan, truth = box_patient(3)
    region = VoxelBox((4, 4, 4), (10, 16, 14))
    engine = loaded()
    for prompt in (
        Prompt("bladder", region, VoxelBox((6, 6, 5), (7, 12, 12))),
        Prompt("bladder", region, inside_kji=((6, 9, 8),)),
        Prompt("bladder", region, inside_kji=((6, 9, 8),), outside_kji=((6, 15, 13),)),
    ):
        found = engine.fix(scan, prompt, quiet, lambda: False, truth)
        assert found.masks.ids == ("bladder",)
        changed = found.masks.mask("bladder").to_array() != truth.mask("bladder").to_array()
        changed[4:10, 4:16, 4:14] = False
        assert not changed.any()
    assert isinstance(engine, PromptedEngine)
    assert not isinstance(UniverSegEngine("x"), PromptedEngine)


def test_the_network_is_the_librarys_own_to_the_bit(tmp_path: Path) -> None:
    """What is asked here piece by piece is what the library's own forward pass gives for the same picture."""
    weights = write_weights(tmp_path / "w.pth")
    network = filled(state_of(weights), "w")
    answerer = SamAnswerer(network, Look.SAM, "cpu")
    hu = np.random.default_rng(1).normal(40, 150, (64, 48)).astype(np.int16)
    frame = Frame((64, 48), answerer.side, Look.SAM)
    box = (10, 12, 40, 30)
    with torch.inference_mode():
        ours = answerer.answer(frame, answerer.look(frame, hu), SlicePrompt(box))
        theirs = network(
            [
                {
                    "image": frame.picture(hu)[0],
                    "original_size": (64, 48),
                    "boxes": torch.from_numpy(frame.box_xyxy(box))[None],
                }
            ],
            multimask_output=False,
        )[0]
    assert torch.equal(ours, theirs["low_res_logits"])
    assert np.array_equal(frame.back(ours) > 0, theirs["masks"][0, 0].numpy())


@pytest.mark.slow
def test_the_published_sizes_are_read_from_their_weights() -> None:
    if importlib.util.find_spec("segment_anything") is None:
        pytest.skip("segment_anything is not installed")
    from inference_backend.prompted.network import empty_network

    vit_b = Sizes(1024, 16, 768, 12, 12, 14, (2, 5, 8, 11), 256, 2048)
    with torch.device("meta"):
        state = empty_network(vit_b).state_dict()
    assert sizes_of(state) == vit_b
    assert sum(tensor.numel() for tensor in state.values()) == 93_735_728


def test_it_is_listed_with_what_it_takes(tmp_path: Path) -> None:
    add_model(tmp_path, accepted=False)
    info = Registry(listed()).info("sam")
    assert info is not None
    assert info.takes_prompts
    assert info.uses_context == info.gives == ("bladder", "anorectum")
    assert (info.available, info.mend) == (False, "amlart models accept sam")


@pytest.mark.slow
def test_it_needs_no_torchvision() -> None:
    if importlib.util.find_spec("segment_anything") is None:
        pytest.skip("segment_anything is not installed")
    code = (
        "import sys; sys.modules['torchvision'] = None\n"
        "from inference_backend.prompted.network import empty_network, Sizes\n"
        f"empty_network({SMALL!r})\n"
        "assert 'segment_anything' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_missing_or_changed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_model(tmp_path)
    assert fault_of(bundle_folder("sam")) == ""
    path = bundle_folder("sam") / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="another content"):
        loaded()
    assert "another content" in fault_of(bundle_folder("sam"))
    real = importlib.util.find_spec
    gone = "segment_anything"
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == gone else real(n, *a))
    info = SamEngine("sam").describe()
    assert info.reason == "segment_anything is not installed."
    assert info.mend == "pip install 'amlart-contour[sam]'"


def test_too_little_memory_is_told_before_the_network_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1 << 10))
    with pytest.raises(TooLarge, match="needs at least"):
        loaded()


def test_weights_of_another_network_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    good = state_of(write_weights(tmp_path / "good.pth"))
    few = {name: tensor for name, tensor in good.items() if "iou_prediction" not in name}
    for name, state in (("other", {"a": torch.zeros(1)}), ("few", few)):
        torch.save(state, tmp_path / name)
        with pytest.raises(DamagedFile):
            add_prompted(tmp_path / name, ("bladder",), Look.SAM, Wish("sam", "L", "T"))
    with pytest.raises(BadSetting, match="cannot name a model"):
        add_prompted(tmp_path / "good.pth", ("bladder",), Look.SAM, Wish("../up", "L", "T"))
    assert own_packs() == ()


def test_nothing_is_fetched_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    add_model(tmp_path)
    scan, truth = box_patient(3)
    loaded().contour(scan, ("bladder",), quiet, lambda: False, truth)


def test_an_engine_that_was_let_go_says_so(tmp_path: Path) -> None:
    add_model(tmp_path)
    engine = loaded()
    engine.unload()
    scan, __ = box_patient(3)
    with pytest.raises(BadSetting, match="not loaded"):
        engine.contour(scan, ("bladder",), quiet, lambda: False, StructureSet(scan.geometry))
