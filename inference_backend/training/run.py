"""One training run of an ensemble: a common start, then the members, then the members made finer.

A run's folder holds `common/`, `member-N/` and, of each round, `fine-N/`, `fine-N-2/` and so on; each has
`state.pt` (weights, optimiser, step; written whole or not at all), `curve.csv` and, once done,
`weights.safetensors`. Ended at any moment, the same call goes on from the last state: the windows of step n
depend on the seed, the phase and n only.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from inference_backend.models.networks import build
from inference_backend.training.losses import rare_loss, structure_loss
from inference_backend.training.phantom_cohort import PhantomCohort, Split
from inference_backend.training.recipe import EnsembleRecipe
from inference_backend.training.states import keep_state, kept_state, settle_norms
from inference_backend.training.windows import training_pair

KEEP_EVERY = 25
WARM_UP_STEPS = 30
GRADIENT_LIMIT = 10.0
WEIGHTS = "weights.safetensors"
CURVE = "curve.csv"

Report = Callable[[str, int, int, float], None]
"""Takes the phase, the steps done, the steps in all, and the mean loss of the last ones."""


@dataclass(frozen=True)
class Phase:
    """One stretch of training: its folder, number (0 the common start, then the members, then their fine
    rounds), steps, cases and where it starts."""

    folder: Path
    number: int
    steps: int
    cases: tuple[int, ...]
    start: Path | None

    @property
    def weights(self) -> Path:
        """Where the finished weights are."""
        return self.folder / WEIGHTS


def phases(recipe: EnsembleRecipe, folder: Path) -> tuple[Phase, ...]:
    """The common start, each member's own steps, then round by round each member's fine ones."""
    every = tuple(range(recipe.cases))
    common = Phase(folder / "common", 0, recipe.common_steps, every, None)
    numbers = range(1, recipe.members + 1)
    own = [
        Phase(folder / f"member-{n}", n, recipe.own_steps, _cases_of(recipe, n), common.weights)
        for n in numbers
    ]
    made = [common, *own]
    last = dict(zip(numbers, own, strict=True))
    for done in range(max(recipe.fine_rounds, default=0)):
        again = f"-{done + 1}" if done else ""
        for n in numbers:
            if done < recipe.fine_rounds[n - 1]:
                number, start = (done + 1) * recipe.members + n, last[n]
                last[n] = Phase(
                    folder / f"fine-{n}{again}", number, recipe.fine_steps, start.cases, start.weights
                )
                made.append(last[n])
    return tuple(made)


def last_phases(recipe: EnsembleRecipe, folder: Path) -> tuple[Phase, ...]:
    """Those whose weights are the members': no other phase starts where they end."""
    every = phases(recipe, folder)
    starts = {phase.start for phase in every}
    ends = [phase for phase in every if phase.weights not in starts]
    return tuple(sorted(ends, key=lambda phase: (phase.number - 1) % recipe.members))


def _cases_of(recipe: EnsembleRecipe, member: int) -> tuple[int, ...]:
    """All, or in an ensemble all but every so manieth."""
    every = range(recipe.cases)
    if recipe.members == 1:
        return tuple(every)
    return tuple(case for case in every if case % recipe.members != member - 1)


def train_phase(
    recipe: EnsembleRecipe, phase: Phase, cohort: Path, report: Report, device: str = "cpu"
) -> None:
    """Trains one phase to its end, from its last state if there is one."""
    if phase.weights.exists():
        return
    run = _Run(recipe, phase, cohort, torch.device(device))
    run.resume()
    run.go_on(report)
    run.settle()
    phase.folder.mkdir(parents=True, exist_ok=True)
    part = phase.weights.with_suffix(".part")
    save_file({k: v.contiguous().cpu() for k, v in run.network.state_dict().items()}, part)
    part.replace(phase.weights)


class _Run:
    def __init__(self, recipe: EnsembleRecipe, phase: Phase, cohort: Path, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.phase, self.device = recipe, phase, device
        self.cohort = PhantomCohort(cohort, recipe.seed, Split.TRAIN, recipe.structures, recipe.spacing_mm)
        self.network: nn.Module = build(recipe.network, 1, len(recipe.structures), recipe.arguments).to(
            device
        )
        if phase.start:
            self.network.load_state_dict(load_file(phase.start))
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.step = 0

    def resume(self) -> None:
        kept = kept_state(self.phase.folder, self.device)
        if kept is None:
            return
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step = int(kept["step"])

    def go_on(self, report: Report) -> None:
        self.network.train()
        self.phase.folder.mkdir(parents=True, exist_ok=True)
        losses: list[float] = []
        while self.step < self.phase.steps:
            losses.append(self._one_step())
            self.step += 1
            if self.step % KEEP_EVERY == 0 or self.step == self.phase.steps:
                mean = float(np.mean(losses))
                self._keep(mean)
                report(self.phase.folder.name, self.step, self.phase.steps, mean)
                losses.clear()

    def settle(self) -> None:
        """Takes the running means of batch normalisation anew, from windows seen by the final weights."""
        norms = [m for m in self.network.modules() if isinstance(m, nn.BatchNorm3d)]
        self.network.train()
        windows = range(self.recipe.settle_windows if norms else 0)
        settle_norms(self.network, norms, (self._pair(self.phase.steps + n)[0] for n in windows))
        self.network.eval()

    def _one_step(self) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * rate_at(
                self.step, self.phase.steps, self.phase.number > 0
            )
        picture, share = self._pair(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, enabled=self.device.type == "cuda"):
            loss = self._loss(self.network(picture).float(), share)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        return float(loss.detach())

    def _loss(self, logits: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """In the common start all structures alike; a member goes on from its end, looks for rare ones, and
        at last draws hard ones finer."""
        recipe, done = self.recipe, self.step / self.phase.steps
        if not self.phase.number:
            return structure_loss(logits, share, done)
        fine = self.phase.number > recipe.members
        loss = structure_loss(logits, share, counts=self._counts() if fine else None)
        rare = [recipe.structures.index(name) for name in recipe.rare]
        return loss + rare_loss(logits, share, rare, 1.0 if fine else done) if rare else loss

    def _counts(self) -> torch.Tensor:
        recipe = self.recipe
        counts = [recipe.hard_counts if name in recipe.hard else 1.0 for name in recipe.structures]
        return torch.tensor(counts, device=self.device)

    def _pair(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self.recipe.seed, self.phase.number, step])
        case = self.cohort.case(self.phase.cases[int(rng.integers(len(self.phase.cases)))])
        picture, share = training_pair(case, self.recipe.patch_kji, self.recipe.window, rng)
        return (
            torch.from_numpy(picture)[None, None].to(self.device),
            torch.from_numpy(share)[None].to(self.device),
        )

    def _keep(self, loss: float) -> None:
        kept = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        keep_state(self.phase.folder, kept)
        with open(self.phase.folder / CURVE, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow((self.step, f"{loss:.5f}", f"{time.process_time():.0f}"))


def rate_at(step: int, steps: int, falls_to_zero: bool) -> float:
    """Share of the learning rate: a short rise, then a cosine to a third (common start) or to nothing."""
    rise = min((step + 1) / WARM_UP_STEPS, 1.0)
    floor = 0.0 if falls_to_zero else 1 / 3
    return rise * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))
