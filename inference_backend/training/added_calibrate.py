"""Expected editing of an added model, nnU-Net's folds or few-shot: from cases that it never learnt from.

Whoever calibrates says which cases those are. Of a few-shot model its own examples are known and left out.
The calibration lies in the model's folder; the figures of each case in a folder of the user's, so it goes on
where it was ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting, InputRefused
from AmlartContourLib.contract.strict_json import to_json
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.measures.expected_effort import LEAST_RESIDUALS
from inference_backend.dataset.cohort import Cohort, CohortCase
from inference_backend.engines.expecting import CALIBRATION_FILE, features_of, files_of
from inference_backend.engines.registry import Registry, engine_at
from inference_backend.few_shot.not_shown import not_shown
from inference_backend.inference.calibration import CALIBRATION_FORMAT, Calibration
from inference_backend.inference.likeness import likeness_of
from inference_backend.models.added import Added, read_added
from inference_backend.models.store import bundle_folder
from inference_backend.training.calibrate import COVERAGE, structure_calibration
from inference_backend.training.cohort_calibrate import truth_of
from inference_backend.training.kept_figures import Report
from inference_backend.training.measured_cases import (
    CaseFigures,
    Measure,
    Truth,
    contoured,
    figures_of,
    measure_each,
)

BASIS = "{count} labelled cases that, as was said at calibration, no network of the model had learnt from"
NO_SPREAD = "{} gives one contour of each structure, and without several no editing can be estimated."


def calibrate_added(
    model_id: str,
    cohort: Cohort,
    cases: Sequence[CohortCase],
    out: Path,
    report: Report,
    device: str = "cpu",
) -> Calibration:
    """Contours the cases, measures them against their labels, and writes the calibration into the model's
    folder. `out`: figures of the cases, kept.

    BadSetting where there is no such model; InputRefused where there are too few cases or no spread.
    """
    folder = bundle_folder(model_id)
    place = Registry().place(model_id)
    if place is None or not folder.is_dir():
        raise BadSetting(f"No model {model_id} was added.", advice="`amlart models list` names them.")
    model = read_added(folder)
    cases, _ = not_shown((model_id,), cases)
    if len(cases) < LEAST_RESIDUALS:
        raise InputRefused(
            f"{len(cases)} cases are too few: an interval needs {LEAST_RESIDUALS}.",
            kept="The model is as it was.",
            advice="Give more cases that it has not learnt from; its own examples do not count.",
        )

    named = [(case.id, truth_of(cohort, case.id, model.structures)) for case in cases]
    figures = measure_each(files_of(model), partial(_measure, place, model, device), named, out, report)
    found = Calibration(
        format=CALIBRATION_FORMAT,
        basis=BASIS.format(count=len(figures)),
        cases=len(figures),
        coverage=COVERAGE,
        weights=files_of(model),
        structures=tuple(structure_calibration(name, figures) for name in model.structures),
        likeness=likeness_of([case.features for case in figures]),
    )
    write_file(folder / CALIBRATION_FILE, to_json(found).encode(), replace=True)
    return found


def _measure(place: str, model: Added, device: str) -> Measure:
    """The model's engine, loaded."""
    engine = engine_at(place)
    engine.load(device)

    def measure(name: str, truth: Truth) -> CaseFigures:
        drawn = contoured(engine, truth.scan, model.structures)
        if not any(spread.members > 1 for spread in drawn.spread.values()):
            raise InputRefused(
                NO_SPREAD.format(model.title),
                kept="The model is as it was.",
                advice="Add it with several folds.",
            )
        return figures_of(name, files_of(model), truth, drawn, features_of(truth.scan))

    return measure
