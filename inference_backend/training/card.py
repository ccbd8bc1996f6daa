"""The model card of a trained ensemble, in the sections that radiotherapy model cards have (AID-RT).

Nothing is written that was not decided in the recipe or measured in the run; what was not done says so.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

from AmlartContourLib.exchange.resources import catalogue
from inference_backend.training.recipe import EnsembleRecipe
from inference_backend.training.run import CURVE, Phase, phases

TEMPLATE = Path(__file__).with_suffix(".md")


def card_of(recipe: EnsembleRecipe, run_folder: Path, version: str) -> str:
    """The card as Markdown."""
    book = catalogue()
    all_phases = phases(recipe, run_folder)
    return TEMPLATE.read_text(encoding="utf-8").format(
        title=recipe.title,
        version=version,
        structures=", ".join(book[i].display_name for i in recipe.structures),
        members=recipe.members,
        network=recipe.network,
        arguments=dict(recipe.arguments),
        parameters=f"{_parameters(all_phases[1]):,}",
        spacing=" x ".join(f"{mm:g}" for mm in recipe.spacing_mm),
        low=recipe.window_hu[0],
        high=recipe.window_hu[1],
        patch=" x ".join(map(str, recipe.patch_kji)),
        common=recipe.common_steps,
        own=recipe.own_steps,
        rounds=" or ".join(f"{n} times {recipe.fine_steps}" for n in sorted(set(recipe.fine_rounds))),
        hard=", ".join(book[i].display_name for i in recipe.hard) or "none",
        hard_counts=recipe.hard_counts,
        rare=", ".join(book[i].display_name for i in recipe.rare) or "none",
        cases=recipe.cases,
        seed=recipe.seed,
        curves="\n".join(_curve_row(phase) for phase in all_phases),
    )


def _parameters(phase: Phase) -> int:
    """Trained numbers of one member; running means of normalisation are none."""
    from safetensors import safe_open

    with safe_open(phase.weights, framework="numpy") as file:
        names = [n for n in file.keys() if "running_" not in n and "num_batches" not in n]  # noqa: SIM118
        return sum(math.prod(file.get_slice(name).get_shape()) for name in names)


def _curve_row(phase: Phase) -> str:
    with open(phase.folder / CURVE, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    steps, loss, _ = rows[-1]
    return f"| {phase.folder.name} | {steps} | {float(loss):.3f} | {_seconds(rows)} |"


def _seconds(rows: list[list[str]]) -> int:
    """Processor seconds over all starts of a phase: each start counts from nought."""
    total, last = 0, 0
    for _, _, seconds in rows:
        now = int(seconds)
        total += now - last if now >= last else now
        last = now
    return total
