"""What is said of an ensemble's contours before anyone edits them: expected editing, or why there is none."""

from __future__ import annotations

import time
from dataclasses import dataclass

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.domain.geometry import Geometry
from inference_backend.inference.calibration import (
    Calibration,
    disagreements,
    effort_of,
    with_disagreement,
)
from inference_backend.inference.ensemble import EnsembleResult
from inference_backend.inference.scan_features import scan_features

NOT_CALIBRATED = "No editing is estimated: this model has no calibration."


@dataclass(frozen=True)
class Assessment:
    """Expected editing, None without a calibration; sentences for the user; the seconds it took."""

    effort: ExpectedEffort | None
    findings: tuple[str, ...]
    seconds: float


def assessed(calibration: Calibration | None, found: EnsembleResult, scan: Geometry) -> Assessment:
    """What a calibration says of a result. `scan`: the grid of the scan as it came."""
    if calibration is None:
        return Assessment(None, (NOT_CALIBRATED,), 0.0)
    started = time.monotonic()
    tolerances = {one.structure: one.tolerance_mm for one in calibration.structures}
    apart = disagreements(found.masks, found.spread, tolerances)
    features = with_disagreement(
        scan_features(found.view.hu_kji, found.view.grid.spacing_kji_mm, scan), apart
    )
    effort = effort_of(calibration, found.masks, apart, features)
    told = (f"{effort.withheld} {_sentence(effort)}",) if effort.withheld else ()
    return Assessment(effort, told, round(time.monotonic() - started, 3))


def _sentence(effort: ExpectedEffort) -> str:
    return (
        f"Its distance is {effort.distance:.2f}, the limit {effort.limit:.2f}: {'; '.join(effort.reasons)}."
    )
