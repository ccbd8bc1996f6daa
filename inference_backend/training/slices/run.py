"""Fine-tuning of a network that sees slices, ended at any moment and gone on with exactly.

A run's folder holds `state.pt` (weights, optimiser, step, curve; whole or not at all), `curve.csv`,
`best.safetensors` (weights with the lowest loss of validation so far) and at the end `weights.pth`, a plain
file of weights as the network's library writes them. The pictures and all chance of step n depend on seed and
n only, so a run that was killed repeats what it had not kept and ends with the same weights.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.torch
import torch
from monai.losses.dice import DiceLoss
from torch import Tensor, nn
from torch.nn import functional

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.check_report import csv_of
from inference_backend.training.cohort_run import CURVE, CurveRow, hash_of
from inference_backend.training.slices.recipe import SliceRecipe
from inference_backend.training.states import keep_state, kept_state

BEST, WEIGHTS = "best.safetensors", "weights.pth"
TRAIN, VALIDATE = range(2)  # kinds of pictures, part of their seed

Progress = Callable[[int, int, float, float], None]
"""Takes the steps done and in all, and the losses of training and validation."""


class Lesson(Protocol):
    """A network, and what it is asked of one picture that a generator draws."""

    network: nn.Module

    def answer(self, rng: np.random.Generator, *, plain: bool) -> tuple[Tensor, Tensor]:
        """Logits and label [1, 1, h, w]; `plain`: of a case of the validation, nothing varied."""


def slice_loss(recipe: SliceRecipe, logits: Tensor, label: Tensor) -> Tensor:
    """Soft Dice and cross-entropy as the recipe weighs them. [b, 1, h, w] both."""
    logits = logits.float()
    dice: Tensor = DiceLoss(sigmoid=True, squared_pred=recipe.squared_dice)(logits, label)
    if recipe.entropy_weight:
        dice = dice + recipe.entropy_weight * functional.binary_cross_entropy_with_logits(logits, label)
    return dice


def train_on_slices(
    recipe: SliceRecipe, lesson: Lesson, folder: Path, report: Progress, device: str = "cpu"
) -> Path:
    """Trains to the end, from the last state if there is one, and returns the file of weights. ExportFailed
    on a full disk, with the last state kept."""
    weights = folder / WEIGHTS
    if not weights.exists():
        run = _SliceRun(recipe, lesson, folder, torch.device(device))
        run.resume()
        run.go_on(report)
        content = io.BytesIO()
        torch.save(safetensors.torch.load_file(folder / BEST), content)
        write_file(weights, content.getvalue(), replace=True)
    return weights


class _SliceRun:
    def __init__(self, recipe: SliceRecipe, lesson: Lesson, folder: Path, device: torch.device) -> None:
        self.recipe, self.lesson, self.folder, self.device = recipe, lesson, folder, device
        self.network = lesson.network.to(device)
        for name, weight in self.network.named_parameters():
            weight.requires_grad_(not name.startswith(recipe.frozen))
        learning = [weight for weight in self.network.parameters() if weight.requires_grad]
        if not learning:
            raise BadSetting("Every weight of the network is frozen, so there is nothing to learn.")
        self.optimiser = torch.optim.AdamW(
            learning, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.step = 0
        self.seconds, self.lowest = 0.0, math.inf
        self.curve: list[CurveRow] = []

    def resume(self) -> None:
        kept = kept_state(self.folder, self.device)
        if kept is None:
            return
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self.seconds, self.lowest = kept["step"], kept["seconds"], kept["lowest"]
        self.curve = [tuple(row) for row in kept["curve"]]

    def go_on(self, report: Progress) -> None:
        losses: list[float] = []
        self.network.train()
        since = time.process_time()
        while self.step < self.recipe.steps:
            losses.append(self._one_step())
            self.step += 1
            if self.step % self.recipe.keep_every == 0 or self.step == self.recipe.steps:
                now = time.process_time()
                self.seconds, since = self.seconds + now - since, now
                learnt, seen = float(np.mean(losses)), self._validate()
                self.curve.append((self.step, learnt, seen, round(self.seconds, 1)))
                self._keep(seen)
                report(self.step, self.recipe.steps, learnt, seen)
                losses.clear()
                self.network.train()

    def _one_step(self) -> float:
        torch.manual_seed(hash_of(self.recipe.seed, self.step))
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for n in range(self.recipe.batch):
            loss = self._loss(TRAIN, self.step, n) / self.recipe.batch
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        self.optimiser.step()
        return total

    def _validate(self) -> float:
        """Mean loss on the same pictures each time."""
        self.network.eval()
        with torch.no_grad():
            found = [float(self._loss(VALIDATE, 0, n)) for n in range(self.recipe.validation_pictures)]
        return float(np.mean(found))

    def _loss(self, kind: int, step: int, n: int) -> Tensor:
        rng = np.random.default_rng([self.recipe.seed, kind, step, n])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits, label = self.lesson.answer(rng, plain=kind == VALIDATE)
        return slice_loss(self.recipe, logits, label)

    def _keep(self, seen: float) -> None:
        """The best weights before the state: a run that is killed between them finds the same ones again."""
        if seen < self.lowest:
            self.lowest = seen
            best = {name: t.contiguous().cpu() for name, t in self.network.state_dict().items()}
            write_file(self.folder / BEST, safetensors.torch.save(best), replace=True)
        keep_state(
            self.folder,
            {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "lowest": self.lowest,
                "curve": [list(row) for row in self.curve],
            },
        )
        rows = [(str(n), f"{a:.6f}", f"{b:.6f}", f"{s:.0f}") for n, a, b, s in self.curve]
        head = ("step", "training loss", "validation loss", "processor seconds")
        write_file(self.folder / CURVE, csv_of(head, rows), replace=True)
