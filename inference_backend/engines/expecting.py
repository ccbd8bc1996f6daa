"""Expected editing of an added model: its calibration, beside what describes it, and what follows from it.

A calibration tells with which files it was made: the weights and, of a few-shot model, the examples. With
others it is refused, because it says nothing about them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference_backend.models.added import Added

if TYPE_CHECKING:
    from AmlartContourLib.domain.contours import Contours
    from AmlartContourLib.exchange.ct_scan import CtScan
    from inference_backend.inference.calibration import Calibration

CALIBRATION_FILE = "calibration.json"
LOOK_MM = 4.0
"""Voxels on which a scan's features are taken: an added model need not have a grid of its own."""


def files_of(model: Added) -> tuple[str, ...]:
    """The hashes by which a calibration knows a model."""
    return tuple(file.sha256 for file in model.files)


def calibration_of(folder: Path, model: Added) -> Calibration | None:
    """A model's calibration; None where it has none. DamagedFile where it was made with other files."""
    from inference_backend.inference.calibration import parse_calibration

    path = folder / CALIBRATION_FILE
    return parse_calibration(path.read_bytes(), files_of(model)) if path.exists() else None


def with_expected(drawn: Contours, calibration: Calibration | None, ct: CtScan) -> Contours:
    """What was drawn, with the editing to expect of it or a sentence why none is told."""
    from inference_backend.inference.assessment import assessed_by

    masks = {contour.structure_id: contour.mask for contour in drawn.masks}
    features = {} if calibration is None else features_of(ct)
    found = assessed_by(calibration, masks, drawn.spread, features)
    return replace(
        drawn,
        findings=(*drawn.findings, *found.findings),
        timings_s={**drawn.timings_s, "expected editing": found.seconds},
        expected=found.effort,
    )


def features_of(ct: CtScan) -> dict[str, float]:
    """What the scan looks like, by numbers that are compared with those of the calibration cases.
    NothingToContour where it holds no body."""
    from inference_backend.inference.body_crop import body_box
    from inference_backend.inference.scan_features import scan_features
    from inference_backend.models.model_grid import hu_on, model_grid

    grid = model_grid(ct.geometry, (LOOK_MM,) * 3)
    hu = hu_on(grid, ct.hu_kji, ct.geometry)
    body = body_box(hu, grid.spacing_kji_mm)
    return scan_features(hu[body.slices], grid.spacing_kji_mm, ct.geometry)
