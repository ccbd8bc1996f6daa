"""Calibration of a bundle on cases that its training never saw: calibration.json, and the manifest that
names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.contract.strict_json import to_json
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.expected_effort import StructureCalibration, fitted
from inference_backend.inference.calibration import CALIBRATION_FORMAT, Calibration
from inference_backend.inference.likeness import likeness_of
from inference_backend.models.bundle import file_in_bundle, open_bundle
from inference_backend.training.measured_cases import CaseFigures, weights_of
from inference_backend.training.pack import write_manifest

CALIBRATION_FILE = "calibration.json"
COVERAGE = 0.8
LEAST_CASES = 20
BASIS = "random synthetic phantoms that no network of the ensemble had seen; no patient"


def calibrate(
    bundle: Path, cases: Sequence[CaseFigures], basis: str = BASIS, least: int = LEAST_CASES
) -> Calibration:
    """Works out the calibration of a bundle's folder from measured cases and writes it into the folder.

    InputRefused where there are too few cases, or one was contoured with other weights.
    """
    manifest = open_bundle(bundle).manifest
    if len(cases) < least:
        raise InputRefused(f"{len(cases)} cases are too few: {least} are the least.")
    if any(case.weights != weights_of(manifest) for case in cases):
        raise InputRefused("A case was contoured with other weights than the bundle's.")
    found = Calibration(
        format=CALIBRATION_FORMAT,
        basis=basis,
        cases=len(cases),
        coverage=COVERAGE,
        weights=weights_of(manifest),
        structures=tuple(structure_calibration(name, cases) for name in manifest.structures),
        likeness=likeness_of([case.features for case in cases]),
    )
    write_file(bundle / CALIBRATION_FILE, to_json(found).encode(), replace=True)
    write_manifest(bundle, replace(manifest, calibration=file_in_bundle(bundle / CALIBRATION_FILE)))
    return found


def structure_calibration(name: str, cases: Sequence[CaseFigures]) -> StructureCalibration:
    """The rules of one structure, from the cases in which it was drawn; the path also needs a truth that is
    not empty."""
    rows = [row for case in cases for row in case.structures if row.structure == name]
    fractions = [
        (row.x_fraction, row.fraction)
        for row in rows
        if row.x_fraction is not None and row.fraction is not None
    ]
    paths = [
        (row.x_path_share, row.added_path_mm / row.drawn_path_mm)
        for row in rows
        if row.x_path_share is not None and row.added_path_mm is not None and row.drawn_path_mm
    ]
    return StructureCalibration(name, catalogue()[name].tolerance_mm, fitted(fractions), fitted(paths))
