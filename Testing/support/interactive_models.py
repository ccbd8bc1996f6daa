"""Trained folders of nnInteractive made here, models made of them, and a session that is a known rule.

The small network has the shape that nnInteractive's own has: the scan and seven pictures of prompts in,
outside and inside out.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from AmlartContourLib.contract.prompt import Prompt, PromptKind, Stroke, VoxelBox
from inference_backend.interactive.adding import add_folder
from inference_backend.interactive.description import Interactive
from inference_backend.models.licences import accept
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import Wish
from inference_backend.nnunet.architecture import RESIDUAL, architecture_of
from inference_backend.nnunet.unet import NnUNet
from support.nnunet_folders import CONFIGURATION, Folder, plans_and_dataset, write_checkpoint

LICENCE = "CC BY-NC-SA 4.0"
REGION = VoxelBox((4, 4, 4), (12, 16, 16))
CHANNELS = 8
ABOUT = {
    "inference_class": "nnInteractiveInferenceSession",
    "supported_interactions": {
        "points": True, "bbox2d": True, "bbox3d": False, "scribble": True, "lasso": True,
    },
    "interaction_channels": 6,
    "point_radius": 2,
    "preferred_scribble_thickness": 2,
    "interaction_decay": 0.98,
}  # fmt: skip


def skip_without(library: str) -> None:
    """Skips where nnInteractive, or its client, is not installed; says so."""
    try:
        there = importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        pytest.skip(f"{library} is not installed")


def write_folder(folder: Path, *, licence: str | None = LICENCE, seed: int = 2) -> Path:
    """A trained folder with random weights; those of the usual seed find an eighth of what they look at."""
    what = Folder(kind=RESIDUAL, window=(16, 16, 16), trainer="nnInteractiveTrainer_stub", folds=("0",))
    folder.mkdir(parents=True)
    plans, dataset = plans_and_dataset(replace(what, labels={"background": 0, "object": 1}))
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "inference_info.json").write_text(json.dumps(ABOUT))
    if licence is not None:
        (folder / "LICENSE").write_text(f"{licence}\nThe whole text.\n")
    network = NnUNet(architecture_of(plans["configurations"][CONFIGURATION]), CHANNELS, 2)
    generator = torch.Generator().manual_seed(seed)
    state = {
        name: torch.empty_like(tensor).normal_(0.0, 0.2, generator=generator)
        for name, tensor in network.state_dict().items()
    }
    write_checkpoint(folder, "0", state, what)
    return folder


def add_model(
    tmp_path: Path, name: str = "nn", *, accepted: bool = True, gives: tuple[str, ...] = ("bladder",)
) -> Interactive:
    """An interactive model of a folder, in the home that the environment names. No autozoom: with weights of
    chance the library's way back from it ends in an error of its own."""
    source = write_folder(tmp_path / f"trained-{name}")
    model = add_folder(source, gives, Wish(name, "", "nnInteractive of the ward"), autozoom=False)
    if accepted:
        accept(bundle_folder(name), model.licence, "a test")
    return model


def prompts() -> Iterator[Prompt]:
    """One of each kind, and all of them together."""
    box, point = VoxelBox((7, 6, 6), (8, 13, 13)), (8, 9, 9)
    line = Stroke(PromptKind.SCRIBBLE, ((6, 6, 6), (9, 12, 12)))
    away = Stroke(PromptKind.SCRIBBLE, ((5, 14, 14), (5, 15, 15)), belongs=False)
    loop = Stroke(PromptKind.LASSO, ((8, 6, 6), (8, 12, 6), (8, 12, 12), (8, 6, 12)))
    yield Prompt("bladder", REGION, box)
    yield Prompt("bladder", REGION, inside_kji=(point,))
    yield Prompt("bladder", REGION, strokes=(line,))
    yield Prompt("bladder", REGION, strokes=(loop,))
    yield Prompt("bladder", REGION, box, (point,), ((5, 5, 5),), (line, away, loop))


class RuleSession:
    """Answers with all that is brighter than a HU; remembers what it was asked, in the scan's canonical
    order. Has what the library's sessions have."""

    supports_initial_label = True

    def __init__(self, above_hu: float) -> None:
        self._above = above_hu
        self.asked: list[tuple[str, Any, bool]] = []
        self.scans = 0

    def set_image(self, image: NDArray[np.float32]) -> None:
        self.scans += 1
        self.scan = image[0]

    def set_target_buffer(self, buffer: NDArray[np.uint8]) -> None:
        self.buffer = buffer

    def reset_interactions(self) -> None:
        self.buffer[:] = 0

    def add_initial_seg_interaction(self, mask: NDArray[np.uint8], run_prediction: bool = False) -> None:
        self.buffer[:] = mask
        if run_prediction:
            self._answer("mask", mask, True)

    def add_bbox_interaction(self, spans: list[list[int]], include: bool) -> None:
        self._answer("box", spans, include)

    def add_point_interaction(self, place: tuple[int, int, int], include: bool) -> None:
        self._answer("point", place, include)

    def add_scribble_interaction(
        self, cells: NDArray[np.uint8], include: bool, interaction_bbox: list[list[int]]
    ) -> None:
        self._answer("scribble", self._whole(cells, interaction_bbox), include)

    def add_lasso_interaction(
        self, cells: NDArray[np.uint8], include: bool, interaction_bbox: list[list[int]]
    ) -> None:
        self._answer("lasso", self._whole(cells, interaction_bbox), include)

    def _whole(self, cells: NDArray[np.uint8], spans: list[list[int]]) -> NDArray[np.uint8]:
        whole = np.zeros_like(self.buffer)
        whole[tuple(slice(*span) for span in spans)] = cells
        return whole

    def _answer(self, kind: str, what: Any, include: bool) -> None:
        self.asked.append((kind, what, include))
        self.buffer[:] = self.scan > self._above
