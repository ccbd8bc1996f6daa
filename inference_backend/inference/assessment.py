"""What is said of an ensemble's contours before anyone edits them: expected editing, or why there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
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
    started = time.monotonic()
    seen = found.view
    features = scan_features(seen.hu_kji, seen.grid.spacing_kji_mm, scan) if calibration else {}
    made = assessed_by(calibration, found.masks, found.spread, features)
    return replace(made, seconds=round(time.monotonic() - started, 3))


def assessed_by(
    calibration: Calibration | None,
    masks: Mapping[str, Mask],
    spread: Mapping[str, Spread],
    features: Mapping[str, float],
) -> Assessment:
    """The same of any engine's masks and spreads. `features`: of the scan, without disagreement."""
    if calibration is None:
        return Assessment(None, (NOT_CALIBRATED,), 0.0)
    started = time.monotonic()
    tolerances = {one.structure: one.tolerance_mm for one in calibration.structures}
    apart = disagreements(masks, spread, tolerances)
    effort = effort_of(calibration, masks, apart, with_disagreement(features, apart))
    told = (f"{effort.withheld} {_sentence(effort)}",) if effort.withheld else ()
    return Assessment(effort, told, round(time.monotonic() - started, 3))


def _sentence(effort: ExpectedEffort) -> str:
    return (
        f"Its distance is {effort.distance:.2f}, the limit {effort.limit:.2f}: {'; '.join(effort.reasons)}."
    )
