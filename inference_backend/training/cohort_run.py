"""Training of the networks of a cohort's ensemble, ended at any moment and gone on with exactly.

A run's folder holds `plan.json`, `cases/`, and for each network `member-N` (with `/STRUCTURE` where each has
its own): `state.pt` (weights, optimiser, step, curve; whole or not at all), `curve.csv` and at the end
`weights.safetensors`. The windows and all chance of step n depend on seed, network and n only, so a run that
was killed repeats what it had not kept and ends with the same weights as one that was not.

Several processes may share a network's steps (`Together`): each takes its windows of the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.dataset.check_report import csv_of
from inference_backend.dataset.cohort import Cohort
from inference_backend.models.networks import build
from inference_backend.training.cohort_cases import CohortCases
from inference_backend.training.cohort_plan import CohortPlan
from inference_backend.training.cohort_recipe import CohortRecipe, rate_share
from inference_backend.training.losses import structure_loss
from inference_backend.training.rule_loss import rule_loss
from inference_backend.training.states import keep_state, kept_state, settle_norms
from inference_backend.training.together import ALONE, Together
from inference_backend.training.transfer import start_from
from inference_backend.training.windows import cut_window, training_pair

CURVE, WEIGHTS = "curve.csv", "weights.safetensors"
GRADIENT_LIMIT = 10.0
TRAIN, VALIDATE, SETTLE = range(3)  # kinds of windows, part of their seed
CurveRow = tuple[int, float, float, float]
"""Steps done, mean loss of the last ones, loss of validation, processor seconds so far."""

Progress = Callable[[str, int, int, float, float], None]
"""Takes the network, the steps done and in all, and the losses of training and validation."""


@dataclass(frozen=True)
class Sample:
    """What a network sees of one window, what it should say, and the channels that are known."""

    picture: Tensor
    share: Tensor
    known: Tensor


@dataclass(frozen=True)
class CohortPhase:
    """One network to train: its name in words, member (from 0), group of the recipe, structures, cases;
    `start`: a bundle to take weights from."""

    name: str
    folder: Path
    member: int
    group: int
    structures: tuple[str, ...]
    training: tuple[str, ...]
    validation: tuple[str, ...]
    start: Path | None

    @property
    def weights(self) -> Path:
        """Where the finished weights are."""
        return self.folder / WEIGHTS


def cohort_phases(plan: CohortPlan, run: Path, start: Path | None) -> tuple[CohortPhase, ...]:
    """Every network of a plan, member by member. A case is used for those structures that it is labelled
    with."""
    found = []
    for n, member in enumerate(plan.members):
        for g, group in enumerate(plan.recipe.groups):
            alone = len(plan.recipe.groups) == 1
            folder = run / f"member-{n + 1}" / ("" if alone else group[0])
            name = f"member {n + 1}" + ("" if alone else f", {group[0]}")
            training, validation = (
                tuple(case for case in cases if set(group) & set(plan.labels[case]))
                for cases in (member.training, member.validation)
            )
            found.append(CohortPhase(name, folder, n, g, group, training, validation, start))
    return tuple(found)


def train_cohort_phase(
    plan: CohortPlan,
    phase: CohortPhase,
    cohort: Cohort,
    cases: Path,
    report: Progress,
    device: str = "cpu",
    together: Together = ALONE,
) -> None:
    """Trains one network to its end, from its last state if there is one. ExportFailed on a full disk, with
    the last state kept."""
    if phase.weights.exists():
        return
    store = CohortCases(cohort, plan.recipe.structures, plan.spacing_mm, cases)
    run = _Run(plan.recipe, phase, store, torch.device(device), together)
    run.resume()
    run.go_on(report)
    if not together.first:
        return
    run.settle()
    final = {name: tensor.contiguous().cpu() for name, tensor in run.network.state_dict().items()}
    write_file(phase.weights, safetensors.torch.save(final), replace=True)


def curve_of(phase: CohortPhase) -> tuple[CurveRow, ...]:
    """The curve as far as it goes; empty before the first state."""
    kept = kept_state(phase.folder)
    return tuple(tuple(row) for row in kept["curve"]) if kept else ()


class _Run:
    def __init__(
        self,
        recipe: CohortRecipe,
        phase: CohortPhase,
        store: CohortCases,
        device: torch.device,
        together: Together,
    ) -> None:
        self.recipe, self.phase, self.store, self.device = recipe, phase, store, device
        self.together = together
        first = recipe.structures.index(phase.structures[0])
        self.channels = slice(first, first + len(phase.structures))
        torch.manual_seed(recipe.seed * 1000 + phase.member)
        self.network = build(recipe.network, 1, len(phase.structures), recipe.arguments)
        if phase.start is not None:
            start_from(
                self.network, recipe.network, recipe.arguments, phase.structures, phase.start, phase.member
            )
        self.network.to(device)
        self.optimiser = torch.optim.AdamW(self._weights(), weight_decay=recipe.weight_decay)
        self.step = 0
        self.seconds = 0.0
        self.curve: list[CurveRow] = []

    def _weights(self) -> list[dict[str, object]]:
        """One group for each learning rate; frozen weights are in none. BadSetting where all are."""
        rates: dict[float, list[nn.Parameter]] = {}
        for name, weight in self.network.named_parameters():
            rate = self.recipe.rate_of(name)
            weight.requires_grad_(rate > 0)
            if rate > 0:
                rates.setdefault(rate, []).append(weight)
        if not rates:
            raise BadSetting("Every weight of the network is frozen, so there is nothing to learn.")
        return [{"params": weights, "lr": rate, "full": rate} for rate, weights in rates.items()]

    def resume(self) -> None:
        kept = kept_state(self.phase.folder, self.device)
        if kept is None:
            return
        self.network.load_state_dict(kept["network"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.step, self.seconds = int(kept["step"]), float(kept["seconds"])
        self.curve = [tuple(row) for row in kept["curve"]]

    def go_on(self, report: Progress) -> None:
        losses: list[float] = []
        self._training()
        since = time.process_time()
        while self.step < self.recipe.steps:
            losses.append(self._one_step())
            self.step += 1
            due = self.step % self.recipe.keep_every == 0 or self.step == self.recipe.steps
            if due and self.together.first:
                now = time.process_time()
                self.seconds, since = self.seconds + now - since, now
                learnt, seen = float(np.mean(losses)), self._validate()
                self.curve.append((self.step, learnt, seen, round(self.seconds, 1)))
                self._keep()
                report(self.phase.name, self.step, self.recipe.steps, learnt, seen)
                losses.clear()
                self._training()

    def settle(self) -> None:
        """Takes the running means of batch normalisation anew, from windows seen by the final weights; frozen
        ones stay."""
        self._training()
        norms = [
            module for name, module in self.network.named_modules()
            if isinstance(module, nn.BatchNorm3d) and not name.startswith(self.recipe.frozen)
        ]  # fmt: skip
        if not norms or not self.recipe.settle_windows:
            return
        samples = self._samples(SETTLE, 0, range(self.recipe.settle_windows))
        settle_norms(self.network, norms, (sample.picture for sample in samples))

    def _training(self) -> None:
        """Frozen parts keep their running means too."""
        self.network.train()
        for name, module in self.network.named_modules():
            if name and name.startswith(self.recipe.frozen):
                module.eval()

    def _one_step(self) -> float:
        torch.manual_seed(hash_of(self.recipe.seed, self.phase.member, self.step))
        share = rate_share(self.step, self.recipe.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = group["full"] * share
        self.optimiser.zero_grad(set_to_none=True)
        total, done = 0.0, 1.0 if self.phase.start else self.step / self.recipe.steps
        for sample in self._samples(TRAIN, self.step, self.together.part(self.recipe.batch)):
            loss = self._loss(sample, done) / self.recipe.batch
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        total = self.together.add_up(self.network.parameters(), total)
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()
        return total

    def _loss(self, sample: Sample, done: float = 1.0) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.network(sample.picture)
        logits = logits.float()
        loss = structure_loss(logits[:, sample.known], sample.share[:, sample.known], done)
        if self.recipe.rule_weight:
            loss = loss + self.recipe.rule_weight * rule_loss(logits, self.phase.structures)
        return loss

    def _validate(self) -> float:
        """Mean loss on the same windows each time; nothing is varied in them."""
        self.network.eval()
        with torch.no_grad():
            windows = range(self.recipe.validation_windows)
            found = [float(self._loss(sample)) for sample in self._samples(VALIDATE, 0, windows)]
        return float(np.mean(found)) if found else float("nan")

    def _samples(self, kind: int, step: int, numbers: range) -> Iterator[Sample]:
        ids = self.phase.validation if kind == VALIDATE else self.phase.training
        for n in numbers if ids else ():
            rng = np.random.default_rng(
                [self.recipe.seed, self.phase.member, self.phase.group, kind, step, n]
            )
            chosen = ids[n % len(ids)] if kind == VALIDATE else ids[int(rng.integers(len(ids)))]
            yield self._sample(chosen, rng, plain=kind == VALIDATE)

    def _sample(self, case_id: str, rng: np.random.Generator, *, plain: bool) -> Sample:
        read, patch, window = self.store.case(case_id), self.recipe.patch_kji, self.recipe.window
        case = replace(read.case, share_skji=read.case.share_skji[self.channels])
        if plain:
            hu, share = cut_window(case, patch, rng)
            picture = window.apply(hu)
        else:
            picture, share = training_pair(case, patch, window, rng)
        return Sample(
            torch.from_numpy(picture)[None, None].to(self.device),
            torch.from_numpy(share)[None].to(self.device),
            torch.from_numpy(read.known[self.channels]).to(self.device),
        )

    def _keep(self) -> None:
        kept = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "curve": [list(row) for row in self.curve],
        }
        keep_state(self.phase.folder, kept)
        rows = [(str(n), f"{a:.6f}", f"{b:.6f}", f"{s:.0f}") for n, a, b, s in self.curve]
        head = ("step", "training loss", "validation loss", "processor seconds")
        write_file(self.phase.folder / CURVE, csv_of(head, rows), replace=True)


def hash_of(*numbers: int) -> int:
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
