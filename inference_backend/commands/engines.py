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
COLUMNS = ("engine", "title", "version", "structures", "licence", "size", "memory", "GPU", "available")


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("engines")(engines)


def engines(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the engines of this machine: what each gives, its licence, size, memory, whether a GPU is advised,
    and why one cannot run."""
    infos = Registry().infos()
    if as_json:
        result_json({"default": DEFAULT_ENGINE, "engines": [to_plain(info) for info in infos]})
        return
    table = Table(*COLUMNS)
    for info in infos:
        table.add_row(
            f"{info.id} (default)" if info.id == DEFAULT_ENGINE else info.id,
            info.title,
            info.version,
            str(len(info.gives)),
            info.licence,
            _size(info.size_bytes),
            _memory(info),
            info.gpu.value,
            "yes" if info.available else f"no: {info.reason}",
        )
    result_table(table)
    for info in infos:
        if not info.available:
            to_user("[yellow]{}[/]: {} Mend it with: {}", info.id, info.reason, info.mend)


def _memory(info: EngineInfo) -> str:
    """What is held, and where it is known what work takes beside that."""
    if info.memory_bytes is None or info.working_bytes is None:
        return _size(info.memory_bytes)
    return f"{_size(info.memory_bytes)} + {_size(info.working_bytes)}"


def _size(length: int | None) -> str:
    return "" if length is None else f"{length / MEBIBYTE:.1f} MiB"
