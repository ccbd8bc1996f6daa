"""Speaking at the terminal: messages and progress on standard error, results on standard output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.domain.rules import Severity
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.loop import Case

Report = Callable[[float, str], None]


def to_user(text: str, *values: object) -> None:
    """One message on standard error; the values, which may hold any characters, replace `{}` in the text."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        text.format(*(escape(str(v)) for v in values))
    )


def result_json(result: dict[str, Any]) -> None:
    """The one JSON object of a command with `--json`, on standard output."""
    typer.echo(json.dumps(result, indent=2, ensure_ascii=False))


def result_table(table: Table) -> None:
    """A table on standard output, as wide as it needs where the output is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(table)


@contextmanager
def progress_bar() -> Iterator[Report]:
    """A bar on standard error; the yielded function takes a fraction (0 to 1) and the name of the stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=1.0)
        yield lambda fraction, stage: bar.update(task, completed=fraction, description=escape(stage))


def tell_case(case: Case, folder: Path) -> None:
    """Volumes on standard output, then what to look at and where the files are."""
    book = catalogue()
    table = Table("structure", "name in files", "source", "cm3", title=RESEARCH_ONLY)
    preset = case.record.preset
    for contour in (c for c in case.exported if not c.mask.is_empty):
        entry = book[contour.structure_id]
        name = preset.roi_name(entry.id, book) if preset else entry.roi_name
        table.add_row(entry.display_name, name, contour.source.value, f"{contour.mask.volume_cc:.1f}")
    result_table(table)
    for message in case.record.messages:
        if message.severity is Severity.WARNING:
            to_user("[yellow]Look at this:[/] {}", message.text)
    for border in case.record.borders:
        if border.estimated:
            to_user("[yellow]Estimated:[/] {} ({})", border.kind.value, border.evidence)
    to_user("Read [bold]{}[/] first. All files: {}", folder / "report.html", folder)
