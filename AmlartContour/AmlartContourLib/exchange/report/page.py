"""A page of facts, tables and pictures as one HTML file: no script, nothing fetched from anywhere.

For reports over many cases; one case has a report of its own (`write`). Every value goes through the
template's escaping, and every page carries the research notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.provenance import software_versions
from AmlartContourLib.exchange.report.charts import data_uri
from AmlartContourLib.exchange.report.pictures import Picture
from AmlartContourLib.exchange.report.write import templates

TEMPLATE = "page.html.jinja2"


@dataclass(frozen=True)
class PageTable:
    """A table. The first `words` columns hold words, the others numbers, which stand to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True)
class Section:
    """One part of a page; `charts` are wide, `pictures` small and side by side."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[PageTable, ...] = ()
    charts: tuple[Picture, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page. `look` is what the reader should look at first."""

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    look: tuple[str, ...] = ()


def chart(png: bytes, caption: str, alt: str) -> Picture:
    """A chart as a picture of a page."""
    return Picture("chart", caption, alt, data_uri(png))


def page_html(page: Page) -> str:
    """The page as text."""
    return (
        templates()
        .get_template(TEMPLATE)
        .render(page=page, notice=RESEARCH_ONLY, software=software_versions())
    )


def write_page(path: Path, page: Page, *, replace: bool = False) -> None:
    """Writes the page; errors as `atomic.write_file`."""
    write_file(path, page_html(page).encode("utf-8"), replace=replace)
