"""What a study's page says of one bundle besides its figures: curves, and whether its intervals held."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from AmlartContourLib.exchange.report.line_plot import line_plot
from AmlartContourLib.exchange.report.page import PageTable, Section, chart
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.dataset.cohort import Cohort
from inference_backend.inference.calibration import Calibration
from inference_backend.training.cohort_calibrate import measure_cohort
from inference_backend.training.cohort_run import CohortPhase, curve_of
from inference_backend.training.evaluate import coverage

HEAD = ("structure", "calibration cases", "fraction to redraw", "added path")
HELD = "hold-out"


def curve_section(name: str, phases: Sequence[CohortPhase]) -> Section:
    """The losses of every network of a run over its steps."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for phase in phases:
        rows = curve_of(phase)
        lines[f"{phase.name}, training"] = [(row[0], row[1]) for row in rows]
        lines[f"{phase.name}, validation"] = [(row[0], row[2]) for row in rows]
    dashed = frozenset(line for line in lines if line.endswith("validation"))
    plot = line_plot(lines, "step", "loss", dashed)
    ends = [(phase.name, f"{row[0]}", f"{row[3]:.0f}") for phase in phases for row in curve_of(phase)[-1:]]
    table = PageTable("Trained", ("network", "steps", "processor seconds"), tuple(ends))
    note = "Training: mean over the steps since the point before. Validation: the same windows each time."
    return Section(f"Training: {name}", (note,), (table,), (chart(plot, name, f"Losses of {name}."),))


def calibration_section(
    name: str, found: Calibration, bundle: Path, cohort: Cohort, held: Sequence[str], run: Path, device: str
) -> Section:
    """How many measured figures of the hold-out lay within the interval that was expected of them."""
    figures = measure_cohort(bundle, cohort, held, run / HELD, lambda _n, _of: None, device)
    rows, withheld = coverage(figures, found)
    fitted = {one.structure: one.fraction.fitted for one in found.structures}
    table = PageTable(
        f"Measured figures of the hold-out within their {found.coverage:.0%} interval",
        HEAD,
        tuple(
            (
                catalogue()[row.structure].display_name,
                str(fitted[row.structure]),
                f"{row.held_fraction} of {row.fractions}",
                f"{row.held_path} of {row.paths}",
            )
            for row in rows
        ),
    )
    words = (
        f"Expected editing was calibrated on {found.basis}.",
        f"Withheld as unlike the calibration cases: {withheld} of {len(figures)}.",
    )
    return Section(f"Expected editing: {name}", words, (table,))
