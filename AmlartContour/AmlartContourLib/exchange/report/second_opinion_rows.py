"""The table of a second opinion: how far another engine's contours were from those that came, and what this
site's own cases say of that."""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.report.data import OpinionFigures, ReportedOpinion

HEADINGS = (
    "Tolerance mm",
    "Apart",
    "Surface Dice",
    "Path to add mm",
    "Path to add, share",
    "Threshold of this site",
)
NONE = "none"


@dataclass(frozen=True)
class OpinionRow:
    """One structure: its name, whether it is beyond the threshold, and a cell for each of HEADINGS."""

    name: str
    beyond: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class OpinionTable:
    """All that is said of a second opinion. `notes`: each reason for no threshold, with its structures."""

    engine: str
    headings: tuple[str, ...]
    rows: tuple[OpinionRow, ...]
    notes: tuple[str, ...]


def opinion_table(opinion: ReportedOpinion, catalogue: Catalogue) -> OpinionTable:
    """Structures that are farthest apart first."""
    ranked = sorted(opinion.structures, key=lambda one: -one.apart.fraction)
    names = {one.structure_id: catalogue[one.structure_id].display_name for one in ranked}
    reasons = dict.fromkeys(one.why_none for one in ranked if one.why_none)
    without = {why: [names[one.structure_id] for one in ranked if one.why_none == why] for why in reasons}
    return OpinionTable(
        f"{opinion.engine.name} {opinion.engine.version}",
        HEADINGS,
        tuple(OpinionRow(names[one.structure_id], one.is_beyond, _cells(one)) for one in ranked),
        tuple(f"{why} ({', '.join(of)})" for why, of in without.items()),
    )


def _cells(one: OpinionFigures) -> tuple[str, ...]:
    apart = one.apart
    return (
        f"{one.tolerance_mm:g}",
        f"{apart.fraction:.1%}",
        f"{1 - apart.fraction:.3f}",
        f"{apart.path_share * apart.path_mm:.0f}",
        f"{apart.path_share:.1%}",
        NONE if one.threshold is None else f"{one.threshold:.1%}",
    )
