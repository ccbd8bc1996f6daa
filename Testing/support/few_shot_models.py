"""Weights for the real network of universeg, of a small width and random, and models made
of them with labelled cases."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference_backend.few_shot.adding import add_few_shot
from inference_backend.few_shot.description import LIBRARY, FewShot
from inference_backend.few_shot.network import empty_network
from inference_backend.models.licences import accept
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import Wish
from support.box_cohort import ORGANS, write_box_cohort

BLOCKS = ((4, 4), (4, 4))
LICENCE = "OpenRAIL++-M"
NOT_HERE = f"{LIBRARY} is not installed: it is not on PyPI"


def write_weights(path: Path, seed: int = 1) -> Path:
    """Random weights as the library writes them."""
    pytest.importorskip(LIBRARY, reason=NOT_HERE)
    torch.manual_seed(seed)
    torch.save(empty_network(BLOCKS).state_dict(), path)
    return path


def add_model(tmp_path: Path, name: str = "few", *, cases: int = 3, accepted: bool = True) -> FewShot:
    """A few-shot model of box patients, in the home that the environment names."""
    weights = write_weights(tmp_path / "universeg.pt")
    cohort = write_box_cohort(tmp_path / "cohort", cases)
    wish = Wish(name, LICENCE, "Few-shot of the ward", research_only=True)
    model, __ = add_few_shot(weights, cohort, tuple(ORGANS), 4, wish, lambda _f, _s: None)
    if accepted:
        accept(bundle_folder(name), LICENCE, "a test")
    return model
