"""`amlart doctor`: is this machine ready, and if not, which command mends it."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.exchange.presets import list_presets, load_preset
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands.console import result_json, result_table
from inference_backend.guideline.margins_preset import load_margins, preset_names

LIBRARIES = (
    "numpy",
    "scipy",
    "SimpleITK",
    "pydicom",
    "matplotlib",
    "jinja2",
    "typer",
    "rich",
    "requests",
    "fastapi",
    "uvicorn",
    "psutil",
)
FREE_DISK_GB = 2.0  # one exported case at 512x512x193 takes about 0.2 GB; leave room for several


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, whether it is in order, what was found, and what mends it."""

    what: str
    ok: bool
    found: str
    mend: str = ""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("doctor")(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this installation. Exit code 1 when something needs mending."""
    checks = [*_libraries(), *_machine(), *_data_files()]
    if as_json:
        result_json({"ok": all(c.ok for c in checks), "checks": [asdict(c) for c in checks]})
    else:
        table = Table("", "what", "found", "what to do")
        for check in checks:
            table.add_row("[green]ok[/]" if check.ok else "[red]no[/]", check.what, check.found, check.mend)
        result_table(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _libraries() -> list[Check]:
    checks = [Check("Python", True, platform.python_version())]
    for name in LIBRARIES:
        try:
            checks.append(Check(name, True, version(name)))
        except PackageNotFoundError:
            checks.append(Check(name, False, "missing", f"pip install {name}"))
    return checks


def _machine() -> list[Check]:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    memory_gb = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else 0.0
    )
    checks = [
        Check(
            "disk here",
            free_gb >= FREE_DISK_GB,
            f"{free_gb:.1f} GB free",
            "" if free_gb >= FREE_DISK_GB else "Free some space, or use another --out.",
        ),
        Check("memory", True, f"{memory_gb:.1f} GB" if memory_gb else "not known"),
        Check("processor cores", True, str(os.cpu_count())),
    ]
    try:
        with tempfile.TemporaryDirectory():
            checks.append(Check("temporary folder", True, "writable"))
    except OSError as error:
        checks.append(
            Check("temporary folder", False, str(error.strerror), "Set TMPDIR to a writable folder.")
        )
    return checks


def _data_files() -> list[Check]:
    checks = []
    try:
        checks.append(
            Check("structure catalogue", True, f"{len(catalogue())} structures, {catalogue().version}")
        )
        presets = [load_preset(name) for name in list_presets()]
        checks.append(Check("site presets", bool(presets), ", ".join(p.id for p in presets)))
        guidelines = [load_margins(name) for name in preset_names()]
        checks.append(Check("guideline margins", bool(guidelines), ", ".join(g.id for g in guidelines)))
    except AmlartError as error:
        checks.append(Check("data files", False, str(error), "Install AmlartContour again."))
    return checks
