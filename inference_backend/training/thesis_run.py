"""Training of one network by the second source thesis' recipe, ended at any moment and gone on with exactly.

A phase's folder holds `state.pt` (weights, optimiser, epoch, the best so far, the curve; whole or not at all
after each epoch), `curve.csv` and at the end `best.safetensors`. The order of the cases depends on seed,
phase and epoch only, so a run that was killed within an epoch repeats that epoch and ends with the same
weights as one that was not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.check_report import csv_of
from inference_backend.models.networks import build
from inference_backend.training.losses import dice_loss
from inference_backend.training.states import keep_state, kept_state
from inference_backend.training.thesis_cases import ThesisCases

CURVE, BEST = "curve.csv", "best.safetensors"
Report = Callable[[str, int, float, float], None]
"""Takes the phase, the epoch, and the losses of training and validation."""


@dataclass(frozen=True)
class ThesisPhase:
    """One training: cases to learn from and to stop by, how long, and weights to start from."""

    folder: Path
    number: int
    training: tuple[str, ...]
    validation: tuple[str, ...]
    epochs: int
    patience: int
    start: Path | None = None

    @property
    def best(self) -> Path:
        """The weights of the epoch with the lowest loss of validation, once the phase has ended."""
        return self.folder / BEST


def dice_and_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Dice loss plus binary cross-entropy, weighed alike."""
    return dice_loss(logits, label) + functional.binary_cross_entropy_with_logits(logits, label)


def train_thesis_phase(phase: ThesisPhase, cases: ThesisCases, report: Report, device: str = "cpu") -> None:
    """Trains a phase to its end, from its last state if there is one. ExportFailed on a full disk, with the
    last state kept."""
    if not phase.best.exists():
        run = _ThesisRun(phase, cases, torch.device(device))
        run.resume()
        run.go_on(report)


def network_of(cases: ThesisCases, start: Path | None) -> nn.Module:
    """The recipe's network; weights of `start` that fit by name and shape are taken, the others stay new."""
    recipe = cases.recipe
    torch.manual_seed(recipe.seed)
    network = build(recipe.network, 1, 1, recipe.arguments)
    if start is not None:
        own = network.state_dict()
        given = safetensors.torch.load_file(start)
        own |= {name: t for name, t in given.items() if name in own and own[name].shape == t.shape}
        network.load_state_dict(own)
    for name, weight in network.named_parameters():
        weight.requires_grad_(not name.startswith(recipe.frozen))
    return network


def case_dice(
    network: nn.Module, cases: ThesisCases, ids: tuple[str, ...], device: str = "cpu"
) -> list[float]:
    """Dice of each case, of the block's voxels at one half."""
    network.eval()
    found = []
    with torch.no_grad():
        for case_id in ids:
            picture, label = _tensors(cases, (case_id,), torch.device(device))
            drawn, true = network(picture) > 0, label > 0.5
            both = int((drawn & true).sum())
            found.append(2 * both / max(int(drawn.sum()) + int(true.sum()), 1))
    return found


def _tensors(cases: ThesisCases, ids: tuple[str, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    blocks = [cases.block(case_id) for case_id in ids]
    pictures = torch.from_numpy(np.stack([b.picture for b in blocks]))[:, None]
    labels = torch.from_numpy(np.stack([b.label for b in blocks]).astype(np.float32))[:, None]
    return pictures.to(device), labels.to(device)


class _ThesisRun:
    def __init__(self, phase: ThesisPhase, cases: ThesisCases, device: torch.device) -> None:
        self.phase, self.cases, self.device = phase, cases, device
        self.recipe = cases.recipe
        self.network = network_of(cases, phase.start).to(device)
        learning = [w for w in self.network.parameters() if w.requires_grad]
        self.optimiser = torch.optim.Adam(learning, lr=self.recipe.learning_rate)
        self.epoch = self.step = self.waited = 0
        self.lowest = math.inf
        self.best: dict[str, Tensor] = {}
        self.curve: list[tuple[float, float]] = []

    def resume(self) -> None:
        kept = kept_state(self.phase.folder, self.device)
        if kept is None:
            return
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.epoch, self.step, self.waited = kept["epoch"], kept["step"], kept["waited"]
        self.lowest, self.best, self.curve = kept["lowest"], kept["best"], kept["curve"]

    def go_on(self, report: Report) -> None:
        while self.epoch < self.phase.epochs and self.waited < self.phase.patience:
            learnt, seen = self._learn(), self._validate()
            if seen < self.lowest:
                self.lowest, self.waited = seen, 0
                self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
            else:
                self.waited += 1
            self.curve.append((learnt, seen))
            self.epoch += 1
            self._keep()
            report(self.phase.folder.name, self.epoch, learnt, seen)
        best = {k: v.contiguous().cpu() for k, v in (self.best or self.network.state_dict()).items()}
        write_file(self.phase.best, safetensors.torch.save(best), replace=True)

    def _learn(self) -> float:
        rng = np.random.default_rng([self.recipe.seed, self.phase.number, self.epoch])
        order = [self.phase.training[n] for n in rng.permutation(len(self.phase.training))]
        self.network.train()
        losses = []
        for first in range(0, len(order), self.recipe.batch):
            for group in self.optimiser.param_groups:
                group["lr"] = self.recipe.rate(self.step)
            picture, label = _tensors(
                self.cases, tuple(order[first : first + self.recipe.batch]), self.device
            )
            self.optimiser.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
                loss = dice_and_entropy(self.network(picture).float(), label)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.step += 1
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _validate(self) -> float:
        self.network.eval()
        with torch.no_grad():
            losses = []
            for case_id in self.phase.validation:
                picture, label = _tensors(self.cases, (case_id,), self.device)
                losses.append(float(dice_and_entropy(self.network(picture).float(), label)))
        return float(np.mean(losses))

    def _keep(self) -> None:
        keep_state(
            self.phase.folder,
            {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "epoch": self.epoch,
                "step": self.step,
                "waited": self.waited,
                "lowest": self.lowest,
                "best": self.best,
                "curve": self.curve,
            },
        )
        rows = [(str(n), f"{a:.6f}", f"{b:.6f}") for n, (a, b) in enumerate(self.curve, start=1)]
        head = ("epoch", "training loss", "validation loss")
        write_file(self.phase.folder / CURVE, csv_of(head, rows), replace=True)
