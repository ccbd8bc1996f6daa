"""The model card of a network that was fine-tuned on slices, in the sections of radiotherapy cards (AID-RT).

Only what the recipe decided and the run measured; no case's name.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.dataset.cohort import Cohort
from inference_backend.dataset.synthetic import TOLD_FILE
from inference_backend.models.wish import Wish
from inference_backend.training.cohort_card import BANNERS
from inference_backend.training.cohort_pack import OF_PATIENTS, SYNTHETIC
from inference_backend.training.slices.plan import SlicePlan
from inference_backend.training.slices.recipe import FewShotRecipe, PromptedRecipe, SliceRecipe
from inference_backend.training.slices.run import BEST
from inference_backend.training.states import kept_state

TEMPLATE = Path(__file__).with_suffix(".md")
BY_EXAMPLES = (
    "UniverSeg: planes of 128 x 128 across three axes of a cube round the body, each asked about with {size} "
    "planes of other cases beside it at most. The {cases} cases it learnt from are its examples; "
    "`few-shot.json` names them."
)
BY_BOXES = (
    "SAM's network, shown axial slices as {look} shows them, by a box round the structure, each side 0 to "
    "{margin} pixels of 1024 beyond it by chance."
)
EXPECTED = "Expected editing is not calibrated; `amlart train calibrate-added` does that on cases new to it."
NO_SPREAD = "It gives one contour, so no editing is estimated."


def with_card(
    wish: Wish,
    recipe: FewShotRecipe | PromptedRecipe,
    plan: SlicePlan,
    run: Path,
    cohort: Cohort,
    start: Path,
) -> Wish:
    """What is to be said of a model whose run has ended, with its card. `start`: the weights it started from;
    only their name is told."""
    synthetic = (cohort.root / TOLD_FILE).exists()
    kind = "synthetic patients" if synthetic else "labelled CTs"
    data = (
        f"Learnt from {len(plan.training)} {kind} of one cohort; {len(plan.validation)} more chose among the "
        f"weights of the run. Started from {start.name}, SHA-256 {plan.start[:12]}."
    )
    use = SYNTHETIC if synthetic else OF_PATIENTS
    text = TEMPLATE.read_text(encoding="utf-8").format(
        title=wish.title,
        banner=BANNERS[synthetic],
        version=wish.version,
        licence=wish.licence,
        intended_use=use,
        start=f"{start.name}, SHA-256 {plan.start[:12]}",
        training_data=data,
        held=len(plan.splits.hold_out),
        **_network(recipe, plan, run),
        **_training(recipe, plan, run),
    )
    return replace(wish, intended_use=f"{use} {data}", model_card=text)


def _network(recipe: FewShotRecipe | PromptedRecipe, plan: SlicePlan, run: Path) -> dict[str, object]:
    """What it is, and what it says of its own editing."""
    book = catalogue()
    told: dict[str, object] = {
        "structures": ", ".join(book[i].display_name for i in recipe.structures),
        "numbers": f"{_numbers(run / BEST):,}",
        "frozen": ", ".join(recipe.frozen) or "nothing",
    }
    if isinstance(recipe, FewShotRecipe):
        technical = BY_EXAMPLES.format(size=recipe.support_size, cases=len(plan.training))
        return told | {"command": "few-shot", "technical": technical, "calibration": EXPECTED}
    technical = BY_BOXES.format(look=recipe.look.value, margin=recipe.box_margin_pixels)
    return told | {"command": "prompted", "technical": technical, "calibration": NO_SPREAD}


def _training(recipe: SliceRecipe, plan: SlicePlan, run: Path) -> dict[str, object]:
    """The recipe's settings, the labels there were, and the end of the curve."""
    book = catalogue()
    counts = {name: sum(name in plan.labels[case] for case in plan.training) for name in recipe.structures}
    entropy = f" and {recipe.entropy_weight:g} times binary cross-entropy" if recipe.entropy_weight else ""
    varied = "blurred, noised, and changed in contrast and brightness" if recipe.augment else "not varied"
    return {
        "steps": recipe.steps,
        "batch": recipe.batch,
        "rate": recipe.learning_rate,
        "decay": recipe.weight_decay,
        "squared": " with squares in its denominator" if recipe.squared_dice else "",
        "entropy": entropy,
        "augment": varied,
        "counts": "\n".join(f"| {book[i].display_name} | {n} |" for i, n in counts.items()),
        "curve": _curve_row(run),
    }


def _curve_row(run: Path) -> str:
    kept = kept_state(run)
    if kept is None:
        raise BadSetting(f"{run} holds no run that has ended.")
    steps, learnt, seen, seconds = kept["curve"][-1]
    return f"| {steps} | {learnt:.3f} | {seen:.3f} | {kept['lowest']:.3f} | {seconds:.0f} |"


def _numbers(weights: Path) -> int:
    from safetensors import safe_open

    with safe_open(weights, framework="numpy") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
