"""Expected editing of a cohort's bundle, from the folds that no member learnt from.

The interval of 80 percent needs 9 cases that have the structure; with so few it is wide and rough, which is
why the number of cases goes with every estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.measures.expected_effort import LEAST_RESIDUALS
from inference_backend.dataset.cohort import Cohort, read_case
from inference_backend.inference.calibration import Calibration
from inference_backend.models.bundle import open_bundle
from inference_backend.training.calibrate import calibrate
from inference_backend.training.cohort_cases import label_of
from inference_backend.training.cohort_plan import CohortPlan
from inference_backend.training.kept_figures import Report
from inference_backend.training.measured_cases import (
    JOINED,
    CaseFigures,
    ReadTruth,
    Truth,
    measure_read,
)

BASIS = "{count} {kind} of the cohort's calibration folds, which no network of the ensemble had learnt from"
MEASURED = "calibrate"


def calibrate_cohort(
    plan: CohortPlan, cohort: Cohort, run: Path, bundle: Path, report: Report, device: str = "cpu"
) -> Calibration:
    """Measures the calibration cases of a run and writes the calibration into the bundle; goes on where it
    was ended.

    InputRefused where the bundle is not of that plan, has one member, or there are too few cases.
    """
    manifest = open_bundle(bundle).manifest
    if (manifest.structures, manifest.spacing_mm) != (plan.recipe.structures, plan.spacing_mm):
        raise InputRefused("The bundle is not of that run.", advice="Give the run's folder and its bundle.")
    if len(manifest.members) < 2:
        raise InputRefused(
            "An ensemble of one has no spread, and without a spread no editing can be estimated.",
            advice="Train with two members or more.",
        )
    if len(plan.calibration) < LEAST_RESIDUALS:
        raise InputRefused(
            f"{len(plan.calibration)} calibration cases are too few: an interval needs {LEAST_RESIDUALS}.",
            kept="The bundle is as it was.",
            advice="Use fewer or larger folds, or more calibration_folds in the recipe.",
        )
    figures = measure_cohort(bundle, cohort, plan.calibration, run / MEASURED, report, device)
    kind = "synthetic patients" if plan.synthetic else "patients"
    return calibrate(bundle, figures, BASIS.format(count=len(figures), kind=kind), least=LEAST_RESIDUALS)


def measure_cohort(
    bundle: Path, cohort: Cohort, ids: Sequence[str], out: Path, report: Report, device: str = "cpu"
) -> tuple[CaseFigures, ...]:
    """Cases of a cohort contoured by a bundle, figures of the structures that each has a label of."""
    given = open_bundle(bundle).manifest.structures
    named = [(case_id, truth_of(cohort, case_id, given)) for case_id in ids]
    return measure_read(bundle, named, out, report, device)


def truth_of(cohort: Cohort, case_id: str, structures: Sequence[str]) -> ReadTruth:
    """A case to read later: its labels of these structures, and of those they are joined to."""

    def read() -> Truth:
        found = read_case(cohort.case(case_id), cohort.form)
        labels = {name: label_of(found.structures, name) for name in (*structures, *JOINED)}
        return Truth(found.scan, {name: mask for name, mask in labels.items() if mask is not None})

    return read
