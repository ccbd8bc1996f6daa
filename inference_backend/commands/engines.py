"""`amlart engines`: what can contour on this machine, and what keeps the others from it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.contract.strict_json import to_plain
from inference_backend.commands.console import result_json, result_table, to_user
from inference_backend.engines.registry import DEFAULT_ENGINE, Registry

MEBIBYTE = 1 << 20


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("engines")(engines)


def engines(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the engines of this machine: what each gives, its licence and size, and why one cannot run."""
    infos = Registry().infos()
    if as_json:
        result_json({"default": DEFAULT_ENGINE, "engines": [to_plain(info) for info in infos]})
        return
    table = Table("engine", "title", "version", "structures", "licence", "size", "available")
    for info in infos:
        name = f"{info.id} (default)" if info.id == DEFAULT_ENGINE else info.id
        available = "yes" if info.available else f"no: {info.reason}"
        table.add_row(
            name, info.title, info.version, str(len(info.gives)), info.licence, _size(info), available
        )
    result_table(table)
    for info in infos:
        if not info.available:
            to_user("[yellow]{}[/]: {} Mend it with: {}", info.id, info.reason, info.mend)


def _size(info: EngineInfo) -> str:
    return "" if info.memory_bytes is None else f"{info.memory_bytes / MEBIBYTE:.1f} MiB"
