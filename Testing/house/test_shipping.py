"""What Slicer packages is what CMake lists: every file of the library and its data, no other."""

from __future__ import annotations

import re
from pathlib import Path

from support.source_tree import ROOT

MODULE = ROOT / "AmlartContour"
DATA = {".json", ".jinja2", ".html", ".css", ".js", ".ui", ".png", ".svg"}


def _listed() -> set[str]:
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    lists = re.findall(r"set\(MODULE_PYTHON_(?:SCRIPTS|RESOURCES)\n(.*?)\n\s*\)", text, flags=re.DOTALL)
    return {line.strip() for block in lists for line in block.splitlines() if line.strip()}


def _present() -> set[str]:
    files = [p for p in MODULE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return {_name(p) for p in files if p.suffix == ".py" or p.suffix in DATA}


def _name(path: Path) -> str:
    return path.relative_to(MODULE).as_posix()


def test_cmake_lists_every_shipped_file_and_no_other() -> None:
    missing, extra = _present() - _listed(), _listed() - _present()
    assert not missing, "add to AmlartContour/CMakeLists.txt:\n  " + "\n  ".join(sorted(missing))
    assert not extra, "remove from AmlartContour/CMakeLists.txt:\n  " + "\n  ".join(sorted(extra))


def test_the_list_is_in_order_so_that_it_is_easy_to_read() -> None:
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    for block in re.findall(r"set\(MODULE_PYTHON_\w+\n(.*?)\n\s*\)", text, flags=re.DOTALL):
        lines = [line.strip() for line in block.splitlines()]
        assert lines == sorted(lines)
