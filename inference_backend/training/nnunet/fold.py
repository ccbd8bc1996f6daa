"""One fold of nnU-Net's own training, from nnU-Net's last state (`--c`) where it was ended."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from inference_backend.training.nnunet.commands import NnUNet
from inference_backend.training.nnunet.plan import (
    PLANS_NAME,
    Fold,
    NnUNetPlan,
    Tell,
    start_file,
    trainer_of,
)
from inference_backend.training.nnunet.recipe import STOCK_RATE

STATES = ("checkpoint_final.pth", "checkpoint_latest.pth", "checkpoint_best.pth")


def train_fold(run: Path, plan: NnUNetPlan, fold: Fold, processes: int, tell: Tell) -> None:
    """Trains one fold to its end and lets nnU-Net validate it; goes on where it was ended."""
    place = fold.folder(run, plan)
    if (place / STATES[0]).exists() and (place / "validation" / "summary.json").exists():
        return
    _set_broken_aside(place)
    going_on = any((place / name).exists() for name in STATES)
    rate = STOCK_RATE if fold.control else plan.recipe.learning_rate
    started = plan.start is not None and not fold.control
    start = str(start_file(run, fold.data_set).resolve()) if started else ""
    fields = ("epochs", "iterations", "validation_iterations", "keep_every", "mirror")
    told = {**{name: getattr(plan.recipe, name) for name in fields}, "learning_rate": rate, "start": start}
    settings = {"AMLART_NNUNET_SETTINGS": json.dumps(told)}
    if processes == 0:
        settings["nnUNet_n_proc_DA"] = "0"  # augmentation in the one process; the planner takes no 0
    nnunet = NnUNet(run, processes, results=fold.results, settings=settings)
    name = f"{fold.data_set.folder}, fold {fold.number}{', from scratch' if fold.control else ''}"
    tell(f"{name}: {'goes on' if going_on else 'starts'}")
    words = [fold.data_set.folder, plan.recipe.configuration, fold.number]
    words += ["-tr", trainer_of(plan, fold), "-p", PLANS_NAME, "-device", "cuda" if fold.gpus else "cpu"]
    words += ["-num_gpus", fold.gpus] if fold.gpus > 1 else []
    words += ["--c"] if going_on else []
    log = f"{fold.data_set.folder}-{fold.results}-fold-{fold.number}"
    nnunet.call(log, _epochs(name, plan.recipe.epochs, tell), "nnUNetv2_train", *words)


def processes_here() -> int:
    """How many processes nnU-Net may start where nobody says: its own 8, or fewer on a smaller machine."""
    return min(8, os.cpu_count() or 1)


def _set_broken_aside(place: Path) -> None:
    """A state that a kill cut off; nnU-Net then goes on from the one before."""
    for name in STATES:
        path = place / name
        if path.exists() and not zipfile.is_zipfile(path):
            path.replace(path.with_suffix(".broken"))


def _epochs(name: str, epochs: int, tell: Tell) -> Callable[[str], None]:
    """Turns nnU-Net's lines into one for each epoch."""
    now: dict[str, str] = {}

    def line(text: str) -> None:
        found = re.search(r"\b(Epoch|train_loss|val_loss) (-?[\d.]+|nan)", text)
        if found is None:
            return
        now[found[1]] = found[2]
        if found[1] == "val_loss":
            losses = f"training {now.get('train_loss', '?')}, validation {found[2]}"
            tell(f"{name}: epoch {int(float(now.get('Epoch', 0))) + 1} of {epochs}, {losses}")

    return line
