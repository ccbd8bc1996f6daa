"""The evaluation as files: figures.csv (all numbers), summary.csv, paired.csv, paper.md and .tex, a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.report.box_plot import box_plot, spread
from AmlartContourLib.exchange.report.page import Page, PageTable, Section, chart, write_page
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import SURFACE_DEFINITION
from inference_backend.dataset.check_report import csv_of
from inference_backend.evaluation.measured import CaseMeasured
from inference_backend.evaluation.summary import (
    FIGURES,
    Paired,
    Summary,
    compare_sources,
    drawn_structures,
    summarise,
    values,
)

PAGE = "evaluation.html"
FIGURES_FILE = "figures.csv"
FIGURES_HEAD = ("source", "case", "structure", "drawn", *FIGURES)
PLOTTED = ("Dice", "surface Dice at 3 mm", "HD95 mm", "added path mm")
SUMMARY_HEAD = ("source", "structure", "figure", "cases", "mean", "SD", "median", "undefined", "not drawn")
PAIRED_HEAD = ("first", "second", "structure", "figure", "cases", "median difference", "low", "high", "p")
Sources = Mapping[str, Sequence[CaseMeasured]]


def write_evaluation(folder: Path, sources: Sources, pictures: Iterable[Section] = ()) -> Path:
    """Writes all files, replacing earlier ones, and returns the page's path."""
    summaries = [row for cases in sources.values() for row in summarise(cases)]
    paired = compare_sources(sources)
    files = {
        FIGURES_FILE: csv_of(FIGURES_HEAD, _figure_rows(sources)),
        "summary.csv": csv_of(SUMMARY_HEAD, [_summary_row(row) for row in summaries]),
        "paired.csv": csv_of(PAIRED_HEAD, [_paired_row(row) for row in paired]),
        "paper.md": _markdown(paper_rows(sources, summaries)).encode(),
        "paper.tex": _latex(paper_rows(sources, summaries)).encode(),
    }
    for name, content in files.items():
        write_file(folder / name, content, replace=True)
    write_page(folder / PAGE, _page(sources, summaries, paired, pictures), replace=True)
    return folder / PAGE


def paper_rows(sources: Sources, summaries: Sequence[Summary], figure: str = "Dice") -> list[tuple[str, ...]]:
    """Structures down, sources across, mean±SD (median) in each cell; the first row is the head."""
    cell = {(s.source, s.structure): _spread_words(s) for s in summaries if s.figure == figure}
    rows = [(figure, *sources)]
    for structure in catalogue():
        if any((name, structure) in cell for name in sources):
            name_of = catalogue()[structure].display_name
            rows.append((name_of, *(cell.get((name, structure), "") for name in sources)))
    return rows


def _spread_words(row: Summary) -> str:
    digits = _digits(row.figure)
    sd = f"±{row.sd:.{digits}f}" if row.sd is not None else ""
    return f"{row.mean:.{digits}f}{sd} ({row.median:.{digits}f})"


def _digits(figure: str) -> int:
    return 1 if figure.endswith(" mm") and "Dice" not in figure else 3


def _figure_rows(sources: Sources) -> list[tuple[str, ...]]:
    return [
        (
            case.source,
            case.case,
            figures.structure,
            "yes" if figures.drawn else "no",
            *("" if (v := value(figures)) is None else f"{v:.6g}" for value in FIGURES.values()),
        )
        for cases in sources.values()
        for case in cases
        for figures in case.figures
    ]


def _summary_row(row: Summary) -> tuple[str, ...]:
    numbers = (row.mean, row.sd, row.median)
    words = tuple("" if value is None else f"{value:.6g}" for value in numbers)
    counts = (str(row.undefined), str(row.failed))
    return (row.source, row.structure, row.figure, str(row.count), *words, *counts)


def _paired_row(row: Paired) -> tuple[str, ...]:
    numbers = (f"{row.median:.4g}", f"{row.low:.4g}", f"{row.high:.4g}")
    p = "too few cases" if row.p is None else f"{row.p:.3g}"
    return (row.first, row.second, row.structure, row.figure, str(row.count), *numbers, p)


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"


def _latex(rows: Sequence[tuple[str, ...]]) -> str:
    def line(row: tuple[str, ...]) -> str:
        cells = (c.replace("_", r"\_").replace("&", r"\&").replace("±", r"$\pm$") for c in row)
        return " & ".join(cells) + r" \\"

    head = rf"\begin{{tabular}}{{l{'c' * (len(rows[0]) - 1)}}}"
    return "\n".join([head, line(rows[0]), r"\hline", *map(line, rows[1:]), r"\end{tabular}"]) + "\n"


def _page(
    sources: Sources, summaries: Sequence[Summary], paired: Sequence[Paired], pictures: Iterable[Section]
) -> Page:
    tables = []
    for figure in PLOTTED:
        rows = paper_rows(sources, summaries, figure)
        tables.append(PageTable(f"{figure}: mean ± SD (median)", rows[0], tuple(rows[1:])))
    every = tuple(_shown(row) for row in summaries)
    note = (
        "Structures that were not drawn count as 0 in Dice and surface Dice; their distances do not exist. "
        f"Surface Dice by {SURFACE_DEFINITION}."
    )
    sections = [
        Section("Table", (note,), tuple(tables)),
        *(_plots(figure, sources) for figure in PLOTTED),
        _paired_section(paired),
        Section("Runs and rules", (), (_run_table(sources), _rule_table(sources))),
        Section("All figures", (), (PageTable("Every figure", SUMMARY_HEAD, every, 3),)),
        *pictures,
    ]  # fmt: skip
    count = len({case.case for cases in sources.values() for case in cases})
    facts = (("Cases", str(count)), ("Sources", ", ".join(sources)))
    return Page("Evaluation", facts, tuple(sections), tuple(_look(sources)))


def _paired_section(paired: Sequence[Paired]) -> Section:
    if not paired:
        return Section("Paired", ("There are no two sources that drew a structure in common.",))
    rows = []
    for row in paired:
        first, second, structure, *rest = _paired_row(row)
        rows.append((first, second, catalogue()[structure].display_name, *rest))
    note = "Second less first, with its 95 % interval; p by Wilcoxon, adjusted by Holm."
    return Section(
        "Paired", (note,), (PageTable("Differences on the same cases", PAIRED_HEAD, tuple(rows), 4),)
    )


def _shown(row: Summary) -> tuple[str, ...]:
    """A row for people: the structure's own name, as many digits as the figure is worth."""
    digits = _digits(row.figure)
    numbers = ("" if value is None else f"{value:.{digits}f}" for value in (row.mean, row.sd, row.median))
    name = catalogue()[row.structure].display_name
    return (row.source, name, row.figure, str(row.count), *numbers, str(row.undefined), str(row.failed))


def _plots(figure: str, sources: Sources) -> Section:
    groups = {}
    for name, cases in sources.items():
        for structure in drawn_structures(cases):
            found = values(cases, structure, figure)
            if found:
                label = catalogue()[structure].display_name
                groups[f"{label}, {name}" if len(sources) > 1 else label] = spread(found)
    caption = "Quartiles, whiskers to the farthest case within 1.5 interquartile ranges, outliers by name."
    if not groups:
        return Section(figure, ("No case has a value.",))
    plot = chart(box_plot(dict(sorted(groups.items())), figure), caption, f"Box plots of {figure}.")
    return Section(figure, charts=(plot,))


def _run_table(sources: Sources) -> PageTable:
    rows = []
    for name, cases in sources.items():
        seconds = [case.seconds for case in cases if case.seconds is not None]
        peaks = [case.peak_bytes for case in cases if case.peak_bytes is not None]
        failed = sum(1 for case in cases if case.failure)
        took = f"{sum(seconds) / len(seconds):.1f}" if seconds else "not measured"
        peak = f"{max(peaks) / 1e9:.2f}" if peaks else "not measured"
        rows.append((name, str(len(cases)), str(failed), took, peak))
    head = ("source", "cases", "failed", "mean seconds", "peak memory GB")
    return PageTable("Runs on this machine", head, tuple(rows))


def _rule_table(sources: Sources) -> PageTable:
    rows = tuple(
        (name, case.case, text) for name, cases in sources.items() for case in cases for text in case.rules
    )
    return PageTable("Rules that the drawn contours break", ("source", "case", "what"), rows, 3)


def _look(sources: Sources) -> Iterable[str]:
    for name, cases in sources.items():
        for case in cases:
            if case.failure:
                yield f"{name} failed on {case.case}: {case.failure}"
