"""The model card of what nnU-Net trained, in the sections of radiotherapy model cards (AID-RT).

Only what was decided and what nnU-Net itself measured; no case's name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.pack_adding import Wish
from inference_backend.training.cohort_recipe import Labels
from inference_backend.training.nnunet.plan import Fold, NnUNetPlan
from inference_backend.training.nnunet.recipe import STOCK_RATE

TEMPLATE = Path(__file__).with_suffix(".md")
STRATEGIES = {
    Labels.ALL_AT_ONCE: "one network for all structures as regions that may overlap",
    Labels.ONE_EACH: "one network for each structure",
}


def write_card(run: Path, plan: NnUNetPlan, folds: Sequence[Fold], wish: Wish) -> Path:
    """Writes `card-ID.md` into the run's folder. `folds`: those of this engine, all of them trained."""
    recipe, book, control = plan.recipe, catalogue(), folds[0].control
    start = plan.start if not control else None
    sets = list(dict.fromkeys(fold.data_set for fold in folds))
    text = TEMPLATE.read_text(encoding="utf-8").format(
        title=wish.title,
        version=wish.version,
        licence=wish.licence,
        structures=", ".join(book[name].display_name for name in recipe.structures),
        configuration=recipe.configuration,
        planner=f"`{recipe.planner}`" if plan.start is None else f"those of {plan.start.name}",
        strategy=STRATEGIES[recipe.labels],
        epochs=recipe.epochs,
        iterations=recipe.iterations,
        rate=STOCK_RATE if control else recipe.learning_rate,
        mirror="with mirror images" if recipe.mirror else "without mirror images",
        start=f"{start.name}, SHA-256 {start.sha256[:12]}" if start else "random",
        axes=plan.axes.letters,
        sets="\n".join(f"| {one.folder} | {', '.join(one.structures)} | {len(one.cases)} |" for one in sets),
        held=len(plan.splits.hold_out),
        folds="\n".join(
            f"| {fold.data_set.folder} | {fold.number} | {_dice(fold.folder(run, plan)):.3f} |"
            for fold in folds
        ),
    )
    path = run / f"card-{wish.id}.md"
    write_file(path, text.encode(), replace=True)
    return path


def _dice(place: Path) -> float:
    """nnU-Net's mean over cases and structures of a fold's validation; NaN where it found none."""
    try:
        told = json.loads((place / "validation" / "summary.json").read_text(encoding="utf-8"))
        return float(told["foreground_mean"]["Dice"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"nnU-Net's summary of {place.name} cannot be read.") from error
