"""The same folders by nnU-Net's own predictor and by ours: what the network sees, its logits, the labels.

nnU-Net is asked where it is installed, or where AMLART_NNUNET_PYTHON names an interpreter that has it; labels
that it gave once are kept and compared always. Write them anew: python Testing/unit/nnunet/test_parity.py
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from AmlartContourLib.domain.mask import Mask
from inference_backend.inference.devices import Runtime
from inference_backend.inference.pace import Pace
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.checkpoint import read_checkpoint
from inference_backend.nnunet.contouring import Load, Trained, contour_by_folds
from inference_backend.nnunet.deciding import masks_of
from inference_backend.nnunet.labels import labels_of_dataset
from inference_backend.nnunet.plans import plans_of
from inference_backend.nnunet.preparing import prepared
from inference_backend.nnunet.tiles import Tiling, logits_of
from inference_backend.nnunet.unet import NnUNet
from support.nnunet_cases import CASES, KEPT, Case
from support.nnunet_folders import CONFIGURATION, make_folder

PYTHON = os.environ.get("AMLART_NNUNET_PYTHON") or (
    sys.executable if importlib.util.find_spec("nnunetv2") else ""
)
PROGRAM = Path(__file__).parents[2] / "support" / "nnunet_program.py"
FEW = 1e-3  # of the voxels: nnU-Net rounds resampled logits to half, so nearly equal ones become ties
AT_THE_FACES = (
    0.01  # of the voxels: where nnU-Net's half sums decide by rounding, in windows as small as these
)
Answers = Mapping[str, np.ndarray]


def trained_and_folds(folder: Path, case: Case) -> tuple[Trained, list[Load]]:
    """A trained folder as it lies, with a way to each fold's network."""
    data, dataset = (json.loads((folder / name).read_text()) for name in ("plans.json", "dataset.json"))
    plans, labels = plans_of(data, dataset, CONFIGURATION), labels_of_dataset(dataset)
    checkpoints = [
        read_checkpoint(folder / f"fold_{fold}" / "checkpoint_final.pth") for fold in case.what.folds
    ]
    mirrors = checkpoints[0].mirrors if case.mirrored else ()

    def network(weights: Mapping[str, Tensor]) -> NnUNet:
        made = NnUNet(plans.architecture, 1, labels.channels)
        made.load_state_dict(weights)
        return made.eval().requires_grad_(False)

    return Trained(plans, labels, Axes("LPS"), case.step, mirrors), [
        partial(network, checkpoint.weights) for checkpoint in checkpoints
    ]


def labels_of_masks(trained: Trained, masks: Mapping[str, Mask], case: Case) -> np.ndarray:
    """One number a voxel, as nnU-Net writes it; regions over one another in the order that it writes them."""
    names = trained.labels.names
    numbers = case.what.region_order or tuple(trained.labels.channel_of[name] for name in names)
    labels = np.zeros(case.shape_kji, np.uint8)
    for name, number in zip(names, numbers, strict=True):
        labels[masks[name].to_array()] = number
    return labels


def our_labels(folder: Path, case: Case) -> np.ndarray:
    """As an engine gives them, with single-precision sums."""
    trained, folds = trained_and_folds(folder, case)
    pace = Pace(lambda _f, _s: None, lambda: False)
    found = contour_by_folds(folds, trained, case.scan, trained.labels.names, Runtime(), pace)
    return labels_of_masks(trained, found.masks, case)


def labels_with_half_sums(folder: Path, case: Case) -> np.ndarray:
    """With nnU-Net's own half-precision sums."""
    trained, folds = trained_and_folds(folder, case)
    seen = prepared(case.scan, trained.plans, trained.axes)
    logits = _logits(folds, seen.values_a, trained, torch.half)
    masks = masks_of(logits, seen, trained.labels, trained.labels.names, case.scan.geometry)
    return labels_of_masks(trained, masks, case)


@pytest.mark.parametrize("name", list(CASES))
def test_labels_are_those_that_nnunet_gave(tmp_path: Path, name: str) -> None:
    kept = np.load(KEPT)[name]
    folder = make_folder(tmp_path / "trained", CASES[name].what)
    assert min(np.bincount(kept.ravel(), minlength=3)) > 50  # every label is there
    assert np.mean(labels_with_half_sums(folder, CASES[name]) != kept) <= FEW
    assert np.mean(our_labels(folder, CASES[name]) != kept) <= AT_THE_FACES


def answers(place: Path, python: str) -> Answers:
    """nnU-Net's own, by the number of the case and what it is."""
    for number, case in enumerate(CASES.values()):
        make_folder(place / f"{number:02}", case.what)
        np.savez(place / f"{number:02}.npz", hu=case.scan.hu_kji)
        how = {"spacing": case.spacing_kji_mm, "step": case.step, "mirrored": case.mirrored}
        (place / f"{number:02}.json").write_text(json.dumps({**how, "folds": case.what.folds}))
    variables = {f"nnUNet_{name}": str(place) for name in ("raw", "preprocessed", "results")}
    command = [python, "-W", "ignore", str(PROGRAM), str(place), str(place / "out")]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **variables})
    return np.load(place / "out.npz")


@pytest.fixture(scope="module")
def nnunet(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """Its answers to every case; asked once, for it takes long to start."""
    return answers(tmp_path_factory.mktemp("nnunet"), PYTHON)


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="nnunetv2 is not installed, and AMLART_NNUNET_PYTHON names none")
@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_what_is_seen_the_logits_and_the_labels_are_nnunets(
    tmp_path: Path, nnunet: Answers, number: int
) -> None:
    case = list(CASES.values())[number]
    folder = make_folder(tmp_path / "trained", case.what)
    trained, folds = trained_and_folds(folder, case)
    seen = prepared(case.scan, trained.plans, trained.axes)
    theirs = {what: nnunet[f"{number:02} {what}"] for what in ("seen", "logits", "labels")}
    np.testing.assert_array_equal(seen.values_a, theirs["seen"])
    half = _logits(folds, seen.values_a, trained, torch.half)
    np.testing.assert_array_equal(half.numpy(), theirs["logits"])
    single = _logits(folds, seen.values_a, trained, torch.float32)
    assert float((single - half.float()).abs().median()) < 0.01 * float(single.std())
    assert np.mean(labels_with_half_sums(folder, case) != theirs["labels"]) <= FEW


def _logits(folds: list[Load], values_a: np.ndarray, trained: Trained, sums: torch.dtype) -> Tensor:
    tiling = Tiling(trained.plans.window_a, trained.step, trained.mirrors, sums)
    with torch.no_grad():
        found = [
            logits_of(load(), torch.from_numpy(values_a), tiling, lambda _n, _of: None, "cpu")
            for load in folds
        ]
    total = found[0]
    for other in found[1:]:
        total = total + other
    return total / len(found) if len(found) > 1 else total


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as place:
        given = answers(Path(place), PYTHON)
        numbered = enumerate(CASES)
        np.savez_compressed(KEPT, **{name: given[f"{n:02} labels"] for n, name in numbered})
