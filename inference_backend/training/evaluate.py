"""Evaluation of a bundle on phantoms used for nothing else: a table, and how often the intervals held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from AmlartContourLib.contract.effort import Interval
from inference_backend.engines.bundle import version_of
from inference_backend.inference.calibration import Calibration, parse_calibration
from inference_backend.models.bundle import open_bundle
from inference_backend.training.measured_cases import (
    TOLERANCES_MM,
    CaseFigures,
    StructureFigures,
    weights_of,
)

HEAD = "| structure | cases | mean ± SD | median | worst |"
RULE = "| --- | --- | --- | --- | --- |"
Figure = Callable[[StructureFigures], float | None]


def _surface_dice(number: int) -> Figure:
    return lambda row: row.surface_dice[number]


FIGURES: tuple[tuple[str, Figure, bool], ...] = (
    ("Dice", lambda row: row.dice, False),
    *((f"Surface Dice at {mm:g} mm", _surface_dice(n), False) for n, mm in enumerate(TOLERANCES_MM)),
    ("Added path, mm", lambda row: row.added_path_mm, True),
)
"""Title, figure, and whether less is better."""


@dataclass(frozen=True)
class Coverage:
    """How many measured figures lay in their interval, of how many."""

    structure: str
    held_fraction: int
    fractions: int
    held_path: int
    paths: int


def report(bundle: Path, cases: Sequence[CaseFigures]) -> str:
    """Markdown: what was evaluated, the table, and the coverage where the bundle is calibrated."""
    opened = open_bundle(bundle)
    manifest = opened.manifest
    parts = [
        f"{len(cases)} random phantoms, contoured by {manifest.title}, {version_of(opened)}.",
        table(cases),
    ]
    if manifest.calibration is not None:
        calibration = parse_calibration(opened.read(manifest.calibration), weights_of(manifest))
        found, withheld = coverage(cases, calibration)
        title = f"### Expected editing: measured figures within their {calibration.coverage:.0%} interval"
        basis = f"Calibrated on {calibration.cases} cases: {calibration.basis}."
        parts += [title, basis, coverage_table(found, withheld, len(cases))]
    return "\n\n".join(parts)


def table(cases: Sequence[CaseFigures]) -> str:
    """Markdown: for each figure the structures with mean, SD, median and worst over the cases.

    Cases in which truth and contour are both empty have no figure. Added path has none where the truth is
    empty.
    """
    parts = []
    for title, figure, smaller_is_better in FIGURES:
        lines = [f"### {title}", "", HEAD, RULE]
        for structure in _structures(cases):
            values = [v for row in _rows(cases, structure) if (v := figure(row)) is not None]
            lines.append(_line(structure, values, smaller_is_better))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def coverage(cases: Sequence[CaseFigures], calibration: Calibration) -> tuple[tuple[Coverage, ...], int]:
    """For each calibrated structure how often its intervals held, and for how many cases none was given."""
    like = [case for case in cases if not calibration.likeness.is_unlike(case.features)]
    found = []
    for rule in calibration.structures:
        rows = [row for row in _rows(like, rule.structure) if row.x_fraction is not None]
        fractions = [
            (rule.fraction.interval(row.x_fraction, calibration.coverage, most=1.0), row.fraction)
            for row in rows
            if row.x_fraction is not None
        ]
        paths = [
            (rule.path_share.interval(row.x_path_share, calibration.coverage), _path_share(row))
            for row in rows
            if row.x_path_share is not None
        ]
        found.append(Coverage(rule.structure, *_held(fractions), *_held(paths)))
    return tuple(found), len(cases) - len(like)


def coverage_table(found: Sequence[Coverage], withheld: int, cases: int) -> str:
    """Markdown: share of measured figures in their interval, by structure and over all."""
    whole = Coverage(
        "**all**",
        sum(one.held_fraction for one in found),
        sum(one.fractions for one in found),
        sum(one.held_path for one in found),
        sum(one.paths for one in found),
    )
    lines = ["| structure | fraction to redraw | added path |", "| --- | --- | --- |"]
    for one in (*found, whole):
        fraction, path = _share(one.held_fraction, one.fractions), _share(one.held_path, one.paths)
        lines.append(f"| {one.structure} | {fraction} | {path} |")
    lines += ["", f"Withheld, being unlike the calibration cases: {withheld} of {cases} cases."]
    return "\n".join(lines) + "\n"


def _structures(cases: Sequence[CaseFigures]) -> list[str]:
    return list(dict.fromkeys(row.structure for case in cases for row in case.structures))


def _rows(cases: Sequence[CaseFigures], structure: str) -> list[StructureFigures]:
    return [row for case in cases for row in case.structures if row.structure == structure]


def _line(structure: str, values: Sequence[float], smaller_is_better: bool) -> str:
    if not values:
        return f"| {structure} | 0 | – | – | – |"
    digits = 0 if smaller_is_better else 3
    worst = max(values) if smaller_is_better else min(values)
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    mean, median = float(np.mean(values)), float(np.median(values))
    return (
        f"| {structure} | {len(values)} | {mean:.{digits}f} ± {spread:.{digits}f} | {median:.{digits}f}"
        f" | {worst:.{digits}f} |"
    )


def _path_share(row: StructureFigures) -> float | None:
    return (
        row.added_path_mm / row.drawn_path_mm if row.added_path_mm is not None and row.drawn_path_mm else None
    )


def _held(pairs: Iterable[tuple[Interval | None, float | None]]) -> tuple[int, int]:
    given = [(where, value) for where, value in pairs if where is not None and value is not None]
    return sum(where.low - 1e-4 <= value <= where.high + 1e-4 for where, value in given), len(given)


def _share(held: int, of: int) -> str:
    return f"{held} of {of} ({held / of:.0%})" if of else "–"
