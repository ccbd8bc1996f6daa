"""A bundle's calibration: what was measured on cases that no network of it had seen, and what follows from
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort
from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.strict_json import Message, from_json
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.disagreement import Disagreement, disagreement
from AmlartContourLib.measures.expected_effort import StructureCalibration, expected_effort
from inference_backend.inference.likeness import Likeness

CALIBRATION_FORMAT = 1
CALIBRATION_BYTES = 1 << 21
WITHHELD = "No estimate: the scan is unlike the calibration cases."


@dataclass(frozen=True)
class Calibration(Message):
    """The content of calibration.json.

    `basis`: what the cases were, in words; `cases`: how many. `weights`: SHA-256 of each member it was made
    with, in order: it says nothing about others. `coverage` of the intervals.
    """

    format: int
    basis: str
    cases: int
    coverage: float
    weights: tuple[str, ...]
    structures: tuple[StructureCalibration, ...]
    likeness: Likeness

    def __post_init__(self) -> None:
        if self.format != CALIBRATION_FORMAT:
            raise ValueError(f"this version reads calibrations of format {CALIBRATION_FORMAT}")


def parse_calibration(text: bytes, weights: tuple[str, ...]) -> Calibration:
    """A calibration from its file. DamagedFile where it is none, or one of other weights; TooLarge."""
    if len(text) > CALIBRATION_BYTES:
        raise TooLarge("The calibration is longer than it may be.")
    found = from_json(Calibration, text)
    if found.weights != weights:
        raise DamagedFile(
            "The calibration was made with other weights than the bundle's.",
            advice="Calibrate the bundle again: `amlart train calibrate`.",
        )
    return found


def disagreements(
    masks: Mapping[str, Mask], spread: Mapping[str, Spread], tolerances_mm: Mapping[str, float]
) -> dict[str, Disagreement]:
    """Of every structure that was drawn and has a spread of two contours or more."""
    return {
        name: disagreement(mask, spread[name], tolerances_mm[name])
        for name, mask in masks.items()
        if not mask.is_empty and name in spread and spread[name].members > 1 and name in tolerances_mm
    }


def with_disagreement(features: Mapping[str, float], found: Mapping[str, Disagreement]) -> dict[str, float]:
    """Features of a scan with the mean disagreement of the structures drawn, where there is one."""
    if not found:
        return dict(features)
    return {**features, "disagreement": float(np.mean([one.fraction for one in found.values()]))}


def effort_of(
    calibration: Calibration,
    masks: Mapping[str, Mask],
    found: Mapping[str, Disagreement],
    features: Mapping[str, float],
) -> ExpectedEffort:
    """Expected editing of every calibrated structure among the masks, or why none is given.

    `features`: of the scan, disagreement included.
    """
    likeness = calibration.likeness
    unlike = likeness.is_unlike(features)
    structures = (
        ()
        if unlike
        else tuple(
            expected_effort(one, found.get(one.structure), calibration.coverage)
            for one in calibration.structures
            if one.structure in masks
        )
    )
    return ExpectedEffort(
        format=EFFORT_FORMAT,
        basis=calibration.basis,
        cases=calibration.cases,
        coverage=calibration.coverage,
        distance=likeness.distance(features),
        limit=likeness.limit,
        structures=structures,
        withheld=WITHHELD if unlike else "",
        reasons=likeness.reasons(features) if unlike else (),
    )
