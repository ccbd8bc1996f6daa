"""The commissioning page: what was measured against the site's limits, what is unset, and who decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.report.page import Page, PageTable, Section, write_page
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.dataset.check_report import csv_of
from inference_backend.evaluation.commissioning import CaseFigure, Judged, Limits, Outcome

PAGE, TABLE = "commissioning.html", "commissioning.csv"
HEAD = ("structure", "figure", "statistic", "outcome", "limit", "value", "cases", "without a value")
NO_DEFAULT = "The limits are the site's own: this software has none built in. Unset decides nothing."
COUNTED = (
    "A limit is met only if the figure exists in every case: a structure that was labelled and not drawn has "
    "Dice 0 and no distance."
)
DECIDES = (
    "Whether the model is used is the decision of the persons responsible at the site, not of this page. "
    "Figures on one cohort say nothing of patients unlike it."
)


def verdict(source: str, rows: Sequence[Judged]) -> str:
    """One sentence for a source."""
    own = [row for row in rows if row.source == source]
    count = {outcome: sum(row.outcome is outcome for row in own) for outcome in Outcome}
    set_limits = count[Outcome.MET] + count[Outcome.NOT_MET]
    unset = f" Unset: {count[Outcome.UNSET]}." if count[Outcome.UNSET] else ""
    if not set_limits:
        return f"{source}: no limit is set, so nothing is passed.{unset}"
    if count[Outcome.NOT_MET]:
        return f"{source}: {count[Outcome.NOT_MET]} of {set_limits} limits are not met.{unset}"
    return f"{source}: all {set_limits} limits that are set are met.{unset}"


def passed(rows: Sequence[Judged]) -> bool:
    """True where at least one limit is set for every source and all that are set are met."""
    sources = {row.source for row in rows}
    met = {row.source for row in rows if row.outcome is Outcome.MET}
    return bool(sources) and met == sources and all(row.outcome is not Outcome.NOT_MET for row in rows)


def write_commissioning(
    folder: Path, limits: Limits, rows: Sequence[Judged], figures: Sequence[CaseFigure]
) -> Path:
    """Writes page and table, replacing earlier ones, and returns the page's path."""
    sources = list(dict.fromkeys(row.source for row in figures))
    facts = (
        ("Site", limits.site or "not said"),
        ("Limits set by", limits.set_by or "nobody"),
        ("Limits set on", limits.set_on or "not said"),
        ("Fewest cases", "unset" if limits.fewest_cases is None else str(limits.fewest_cases)),
        ("Cases", str(len({row.case for row in figures}))),
    )
    sections = [
        Section(
            "What was decided", (*(verdict(source, rows) for source in sources), NO_DEFAULT, COUNTED, DECIDES)
        ),
        *(
            Section(source, (), (PageTable("Limits and figures", HEAD, _table(source, rows), 4),))
            for source in sources
        ),
        Section("Without any limit", _unlimited(limits, figures)),
        Section("Signed", ("Name, function, date: ", "Name, function, date: ")),
    ]
    look = [
        f"{r.source}: {_name(r)} {r.limit.figure} is not met." for r in rows if r.outcome is Outcome.NOT_MET
    ]
    content = csv_of(("source", *HEAD), [(row.source, *_row(row)) for row in rows])
    write_file(folder / TABLE, content, replace=True)
    write_page(folder / PAGE, Page("Commissioning", facts, tuple(sections), tuple(look)), replace=True)
    return folder / PAGE


def _table(source: str, rows: Sequence[Judged]) -> tuple[tuple[str, ...], ...]:
    return tuple(_row(row) for row in rows if row.source == source)


def _row(row: Judged) -> tuple[str, ...]:
    value = "none" if row.value is None else f"{row.value:.4g}"
    words = (_name(row), row.limit.figure, row.limit.statistic.value, row.outcome.value, row.limit.words)
    return (*words, value, str(row.cases), str(row.without))


def _name(row: Judged) -> str:
    return catalogue()[row.limit.structure].display_name


def _unlimited(limits: Limits, figures: Sequence[CaseFigure]) -> tuple[str, ...]:
    """Structures that were measured and have no limit at all."""
    limited = {one.structure for one in limits.limits if one.at_least is not None or one.at_most is not None}
    lacking = [i for i in dict.fromkeys(row.structure for row in figures) if i not in limited]
    if not lacking:
        return ("Every structure that was measured has a limit.",)
    return (f"Unset: {', '.join(catalogue()[i].display_name for i in lacking)}.",)
