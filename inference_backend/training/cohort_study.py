"""The whole study in one go: check, split, train by each recipe, calibrate, evaluate on the hold-out, a page.

    DIR/check/check.html            what the labels are like
    DIR/splits.json                 drawn once
    DIR/runs/NAME/, DIR/bundles/NAME/
    DIR/contours/NAME/<case>/       what each bundle draws on the hold-out
    DIR/evaluation.html             table, plots, curves, calibration, pictures; figures.csv and others beside

Every step goes on where it was ended. The hold-out is measured, and used for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.report.page import Section
from AmlartContourLib.measures.expected_effort import LEAST_RESIDUALS
from inference_backend.dataset.check import CohortCheck, check_cohort
from inference_backend.dataset.check_report import write_check
from inference_backend.dataset.cohort import Cohort
from inference_backend.dataset.splits import SPLITS_FILE, Splits, make_splits, read_splits, write_splits
from inference_backend.engines.bundle import BundleEngine
from inference_backend.evaluation.contoured import contour_cohort
from inference_backend.evaluation.measured import SourceOfContours, measure_source
from inference_backend.evaluation.overlays import overlays
from inference_backend.evaluation.report import write_evaluation
from inference_backend.models.manifest import MANIFEST_FILE
from inference_backend.training.cohort_calibrate import calibrate_cohort
from inference_backend.training.cohort_pack import BundleNames, pack_cohort
from inference_backend.training.cohort_plan import plan_run
from inference_backend.training.cohort_recipe import CohortRecipe
from inference_backend.training.cohort_run import cohort_phases, train_cohort_phase
from inference_backend.training.study_sections import calibration_section, curve_section

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """What is compared: recipes by name, each from scratch or from a bundle's weights, on one split."""

    recipes: Mapping[str, CohortRecipe]
    starts: Mapping[str, Path]
    folds: int
    hold_out: int
    seed: int = 1
    device: str = "cpu"
    pictures: bool = True


def run_study(study: Study, cohort: Cohort, out: Path, tell: Tell) -> Path:
    """Everything; returns the page's path. BadSetting where nobody is left to measure on."""
    splits = _split(study, cohort, out, tell)
    held = tuple(case for case in cohort.labelled if case.id in splits.hold_out)
    if not held:
        raise BadSetting("No labelled case is held out.", advice="Ask for a larger hold-out.")
    sections: list[Section] = []
    sources = []
    for name, recipe in study.recipes.items():
        bundle, told = _trained(study, name, recipe, cohort, splits, out, tell)
        sections += told
        tell(f"{name}: contouring the hold-out")
        contour_cohort(
            BundleEngine(name, bundle), cohort, held, out / "contours" / name, _silent, study.device
        )
        sources.append(SourceOfContours(name, out / "contours" / name))
    tell("Measuring")
    measured = {source.name: measure_source(source, cohort, held, _silent) for source in sources}
    shown = [overlays(s, cohort, measured[s.name]) for s in sources] if study.pictures else []
    return write_evaluation(out, measured, [*sections, *shown])


def _split(study: Study, cohort: Cohort, out: Path, tell: Tell) -> Splits:
    path = out / SPLITS_FILE
    if path.exists():
        return read_splits(path)
    tell("Checking the cohort")
    found: CohortCheck = check_cohort(cohort, _silent, pictures=study.pictures)
    write_check(out / "check", cohort, found)
    labelled = [case.id for case in cohort.labelled if case.id in found.usable]
    made = make_splits(
        labelled, seed=study.seed, folds=study.folds, hold_out=study.hold_out, together=found.same
    )
    write_splits(path, made)
    return made


def _trained(
    study: Study, name: str, recipe: CohortRecipe, cohort: Cohort, splits: Splits, out: Path, tell: Tell
) -> tuple[Path, tuple[Section, ...]]:
    """The bundle of one recipe, calibrated where there are cases enough, and what the page says of it."""
    run, bundle, start = out / "runs" / name, out / "bundles" / name, study.starts.get(name)
    plan = plan_run(run, cohort, splits, recipe, start)
    for sentence in plan.told:
        tell(f"{name}: {sentence}")
    phases = cohort_phases(plan, run, start)

    def report(network: str, step: int, steps: int, learnt: float, seen: float) -> None:
        tell(f"{name}, {network}: step {step} of {steps}, training {learnt:.4f}, validation {seen:.4f}")

    for phase in phases:
        train_cohort_phase(plan, phase, cohort, out / "cases", report, study.device)
    if not (bundle / MANIFEST_FILE).exists():
        pack_cohort(plan, phases, bundle, BundleNames(name, "1"))
    sections = [curve_section(name, phases)]
    if recipe.members > 1 and len(plan.calibration) >= LEAST_RESIDUALS:
        tell(f"{name}: calibrating on {len(plan.calibration)} cases")
        found = calibrate_cohort(plan, cohort, run, bundle, lambda _n, _of: None, study.device)
        sections.append(calibration_section(name, found, bundle, cohort, splits.hold_out, run, study.device))
    return bundle, tuple(sections)


def _silent(_fraction: float, _stage: str) -> None:
    """Each step has been told as one sentence."""
