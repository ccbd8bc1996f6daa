"""The demo with an engine: contours from the CT alone, through this machine's own backend, expected against
measured editing."""

from __future__ import annotations

from rich.table import Table

from AmlartContourLib.contract.effort import Interval
from AmlartContourLib.contract.errors import BackendProblem
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.report.data import MeasuredEditing
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.set_comparison import StructureComparison, compare_sets
from inference_backend.commands.backend_choice import any_backend
from inference_backend.commands.console import result_table, to_user
from inference_backend.commands.through_backend import contourer
from inference_backend.engines.registry import DEFAULT_ENGINE, Registry
from inference_backend.loop import Contourer, Progress

NONE = "none"


class RememberedContours:
    """A step of the loop that keeps what the engine gave, expected editing included."""

    def __init__(self, contour: Contourer) -> None:
        self._contour = contour
        self._made: Contours | None = None

    def __call__(self, scan: CtScan, came_in: StructureSet, progress: Progress) -> Contours:
        self._made = self._contour(scan, came_in, progress)
        return self._made

    @property
    def made(self) -> Contours:
        """What the engine gave. BackendProblem before it did."""
        if self._made is None:
            raise BackendProblem("The engine has not contoured yet.")
        return self._made


def chosen_engine(name: str | None) -> RememberedContours | None:
    """The engine named, the embedded one where none is and it can run here, or None."""
    if name == NONE:
        return None
    if name is None:
        info = Registry().info(DEFAULT_ENGINE)
        if info is None or not info.available:
            return None
        name = DEFAULT_ENGINE
    return RememberedContours(contourer(name, any_backend(None, None, None)))


def editing_of_engine(truth: StructureSet, made: Contours) -> MeasuredEditing:
    """What it takes to edit every structure that the engine gave into the truth."""
    wanted = truth.only(made.masks.ids)
    found = compare_sets(wanted, made.masks, catalogue())
    return MeasuredEditing(
        wanted, made.masks, found, "truth of the synthetic patient", "contours of the engine"
    )


def tell_expected_and_measured(made: Contours, measured: tuple[StructureComparison, ...]) -> None:
    """A table on standard output: each structure's expected editing, what was measured, and its Dice."""
    table = Table(
        *("structure", "expected to redraw", "measured", "expected added path mm", "measured", "Dice"),
        title=f"Editing of the contours by {made.engine}, expected before and measured against the truth",
    )
    for found in measured:
        effort = made.expected.of(found.structure_id) if made.expected else None
        figures = found.comparison
        table.add_row(
            catalogue()[found.structure_id].display_name,
            _percent(effort.fraction_to_redraw if effort else None),
            "–" if figures.fraction_to_redraw is None else f"{figures.fraction_to_redraw:.0%}",
            _length(effort.added_path_mm if effort else None),
            "–" if figures.path.added_mm is None else f"{figures.path.added_mm:.0f}",
            "–" if figures.overlap.dice is None else f"{figures.overlap.dice:.2f}",
        )
    result_table(table)
    for finding in made.findings:
        to_user("{}", finding)


def _percent(interval: Interval | None) -> str:
    return f"{interval.expected:.0%} ({interval.low:.0%} to {interval.high:.0%})" if interval else "–"


def _length(interval: Interval | None) -> str:
    return f"{interval.expected:.0f} ({interval.low:.0f} to {interval.high:.0f})" if interval else "–"
