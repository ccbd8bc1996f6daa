"""The project's own Python files, parsed once, for the house tests."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "AmlartContour" / "AmlartContourLib"
BACKEND = ROOT / "inference_backend"


@dataclass(frozen=True)
class SourceFile:
    """One Python file: where it is, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Path from the project's root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def room(self) -> str:
        """The folder that gives it its floor: domain, exchange, ..., inference_backend."""
        inside = self.path.relative_to(LIB if self.path.is_relative_to(LIB) else BACKEND.parent)
        return inside.parts[0]


@lru_cache(maxsize=1)
def shipped() -> tuple[SourceFile, ...]:
    """Every file of the kernel and the backend."""
    paths = sorted(LIB.rglob("*.py")) + sorted(BACKEND.rglob("*.py"))
    return tuple(SourceFile(p, text := p.read_text(encoding="utf-8"), ast.parse(text)) for p in paths)


def imported_modules(tree: ast.Module) -> list[str]:
    """Full names of all modules a file imports, wherever in the file."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.append(node.module)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names.append("." * node.level)
    return names
