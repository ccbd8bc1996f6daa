"""The check of a cohort as files: findings.csv, cases.csv, and a page with a picture of every case."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from AmlartContourLib.domain.rules import Severity
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.report.box_plot import box_plot, spread
from AmlartContourLib.exchange.report.page import Page, PageTable, Section, chart, write_page
from AmlartContourLib.exchange.report.pictures import Picture
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.dataset.check import CohortCheck
from inference_backend.dataset.cohort import Cohort

SCAN_COLUMNS = 7  # of cases.csv; volumes follow
PAGE, FINDINGS, CASES = "check.html", "findings.csv", "cases.csv"


def write_check(folder: Path, cohort: Cohort, check: CohortCheck) -> Path:
    """Writes the three files, replacing earlier ones, and returns the page's path."""
    write_file(
        folder / FINDINGS, csv_of(("case", "subject", "severity", "text"), _findings(check)), replace=True
    )
    write_file(folder / CASES, csv_of(_case_head(check), _case_rows(check)), replace=True)
    write_page(folder / PAGE, _page(cohort, check), replace=True)
    return folder / PAGE


def csv_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as CSV in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()


def _findings(check: CohortCheck) -> list[tuple[str, ...]]:
    return [(f.case, f.subject.value, f.severity.value, f.text) for f in check.findings]


def _case_head(check: CohortCheck) -> tuple[str, ...]:
    volumes = tuple(f"{catalogue()[i].display_name} cm3" for i in check.structures)
    return ("case", "comment", "size", "spacing mm", "HU 1 %", "HU 50 %", "HU 99 %", *volumes)


def _case_rows(check: CohortCheck) -> list[tuple[str, ...]]:
    return [
        (
            facts.id,
            facts.comment,
            "x".join(map(str, facts.size_ijk)),
            "x".join(f"{mm:.3g}" for mm in facts.spacing_mm),
            *(f"{hu:.0f}" for hu in facts.hu),
            *(
                f"{facts.volumes_cc[i]:.1f}" if i in facts.volumes_cc else "no label"
                for i in check.structures
            ),
        )
        for facts in check.facts
    ]


def _case_tables(check: CohortCheck) -> tuple[PageTable, ...]:
    """Scans and volumes apart: together they are wider than a page."""
    head, rows = _case_head(check), _case_rows(check)
    volumes = (head[0], *(name.removesuffix(" cm3") for name in head[SCAN_COLUMNS:]))
    return (
        PageTable("Scans", head[:SCAN_COLUMNS], tuple(row[:SCAN_COLUMNS] for row in rows), 2),
        PageTable("Volumes in cm3", volumes, tuple((row[0], *row[SCAN_COLUMNS:]) for row in rows)),
    )


def _page(cohort: Cohort, check: CohortCheck) -> Page:
    warnings = [f for f in check.findings if f.severity is Severity.WARNING]
    counts = Counter(found.subject.value for found in warnings)
    look = tuple(f"{count} warnings about {subject}." for subject, count in counts.most_common())
    return Page(
        "Check of a cohort",
        (
            ("Cases", str(len(cohort.cases))),
            ("labelled", str(len(cohort.labelled))),
            ("read", str(len(check.facts))),
            ("form", cohort.form.value),
        ),
        (
            Section(
                "Findings",
                cohort.messages or ("Nothing was changed; what to do is the reader's to decide.",),
                (
                    PageTable(
                        "By case", ("case", "about", "how much", "what"), tuple(_findings(check)), words=4
                    ),
                ),
            ),
            Section("Cases", (), _case_tables(check)),
            *_volume_section(check),
            Section("Pictures", pictures=_pictures(check)),
        ),
        (*cohort.messages, *look),
    )


def _volume_section(check: CohortCheck) -> tuple[Section, ...]:
    groups = {}
    for i in check.structures:
        volumes = {f.id: f.volumes_cc[i] for f in check.facts if f.volumes_cc.get(i)}
        if volumes:
            groups[catalogue()[i].display_name] = spread(volumes)
    if not groups:
        return ()
    caption = "Quartiles, whiskers to the farthest case within 1.5 interquartile ranges, outliers by name."
    return (
        Section(
            "Volumes", charts=(chart(box_plot(groups, "volume, cm3"), caption, "Box plots of volumes."),)
        ),
    )


def _pictures(check: CohortCheck) -> tuple[Picture, ...]:
    return tuple(
        replace(shown, caption=f"{facts.id}. {shown.caption}")
        for facts in check.facts
        for shown in facts.pictures
    )
