"""The model card of an ensemble trained on a cohort, in the sections of radiotherapy model cards (AID-RT).

Only what the recipe decided and the run measured; no case's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.networks import build
from inference_backend.training.cohort_plan import CohortPlan
from inference_backend.training.cohort_recipe import CohortRecipe, Labels
from inference_backend.training.cohort_run import CohortPhase, curve_of

TEMPLATE = Path(__file__).with_suffix(".md")
BANNERS = {
    True: "**A demonstration, not for patients.** It was trained on synthetic anatomy drawn from formulas.",
    False: "**Research use only.** Trained on labelled CTs of one cohort; a proposal that a clinician edits.",
}
STRATEGIES = {
    Labels.ALL_AT_ONCE: "one network for all structures",
    Labels.ONE_EACH: "one network for each structure",
}


def cohort_card(
    plan: CohortPlan, phases: Sequence[CohortPhase], version: str, licence: str, use: str, data: str
) -> str:
    """The card as Markdown."""
    recipe, book = plan.recipe, catalogue()
    return TEMPLATE.read_text(encoding="utf-8").format(
        title=recipe.title,
        banner=BANNERS[plan.synthetic],
        version=version,
        licence=licence,
        intended_use=use,
        structures=", ".join(book[i].display_name for i in recipe.structures),
        members=recipe.members,
        network=recipe.network,
        arguments=dict(recipe.arguments),
        strategy=STRATEGIES[recipe.labels],
        parameters=f"{parameters(recipe):,}",
        spacing=" x ".join(f"{mm:g}" for mm in plan.spacing_mm),
        spacing_from="fixed by the recipe" if recipe.spacing_mm else "the median of the scans",
        low=recipe.window_hu[0],
        high=recipe.window_hu[1],
        patch=" x ".join(map(str, recipe.patch_kji)),
        rules=f"the rule loss with weight {recipe.rule_weight:g}" if recipe.rule_weight else "no rule loss",
        start=f"{plan.start.title} {plan.start.version}" if plan.start else "random",
        frozen=", ".join(recipe.frozen) or "nothing",
        training_data=data,
        counts="\n".join(f"| {book[i].display_name} | {plan.count(i)} |" for i in recipe.structures),
        curves="\n".join(map(_curve_row, phases)),
    )


def parameters(recipe: CohortRecipe) -> int:
    """Trained numbers of one member, frozen ones included; running means of normalisation are none."""
    return sum(
        weight.numel()
        for group in recipe.groups
        for weight in build(recipe.network, 1, len(group), recipe.arguments).parameters()
    )


def _curve_row(phase: CohortPhase) -> str:
    rows = curve_of(phase)
    steps, learnt, seen, seconds = rows[-1]
    return f"| {phase.name} | {steps} | {learnt:.3f} | {seen:.3f} | {seconds:.0f} |"
