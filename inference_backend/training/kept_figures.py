"""Figures of case after case, each kept in a file of its own, so that what was ended goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file

Report = Callable[[int, int], None]
"""Takes the cases measured and those in all."""
Figures = TypeVar("Figures", bound=Message)


def each_kept(
    kind: type[Figures],
    names: Sequence[str],
    out: Path,
    fits: Callable[[Figures], bool],
    make: Callable[[int], Figures],
    report: Report,
) -> tuple[Figures, ...]:
    """The figures of these cases, in their order; `make` takes a case's number among them.

    A file that cannot be read, or whose figures do not fit (they were made with something else), is made
    anew. Raises what `make` raises; what was made before is kept.
    """
    figures = []
    for number, name in enumerate(names):
        path = out / f"{name}.json"
        found = _read(kind, path)
        if found is None or not fits(found):
            found = make(number)
            write_file(path, to_json(found).encode(), replace=True)
        figures.append(found)
        report(number + 1, len(names))
    return tuple(figures)


def _read(kind: type[Figures], path: Path) -> Figures | None:
    try:
        return from_json(kind, path.read_bytes())
    except (OSError, AmlartError):
        return None
