"""Imports go downward only, and each room uses only the libraries it may."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from support.source_tree import SourceFile, imported_modules, shipped

FLOORS = (
    "contract",
    "domain",
    "measures",
    "exchange",
    "client",
    "scene",
    "session",
    "widgets",
    "web",
    "inference_backend",
)
NUMERIC = {"numpy", "scipy"}
FILES = NUMERIC | {"SimpleITK", "pydicom"}
LIBRARIES = {
    "contract": {"numpy"},
    "domain": NUMERIC,
    "measures": NUMERIC | {"numba", "llvmlite"},
    "exchange": FILES,
    "client": {"numpy", "requests"},
    "scene": {"numpy", "slicer", "vtk", "vtkmodules"},
    "session": {"numpy"},
    "widgets": {"numpy", "qt", "ctk", "slicer", "vtk", "DICOMLib", "SampleData"},
    "web": {"numpy", "slicer", "vtk", "vtkmodules", "aiohttp"} | {"trame", "trame_slicer", "trame_vuetify"},
    "inference_backend": FILES
    | {
        "typer",
        "rich",
        "fastapi",
        "starlette",
        "uvicorn",
        "aiohttp",
        "psutil",
        "requests",
        "torch",
        "monai",
        "safetensors",
        "numba",
        "openvino",
        "universeg",
        "segment_anything",
        "ray",
        "nnInteractive",
        "httpx",  # what its client talks by
        "nnunetv2",
        "filling",  # beside nnU-Net's trainer, in nnU-Net's own interpreter
    },
}
REPORT_LIBRARIES = {"jinja2", "markupsafe", "matplotlib"}


def test_a_room_imports_only_rooms_on_its_own_floor_or_below() -> None:
    broken = [f"{file.name}: {words}" for file in shipped() for words in _wrong_floors(file)]
    assert not broken, broken


def test_a_room_uses_only_the_libraries_it_may() -> None:
    broken = [
        f"{file.name}: {module}"
        for file in shipped()
        if file.room in FLOORS
        for module in imported_modules(file.tree)
        if module.split(".")[0] not in _allowed(file)
    ]
    assert not broken, broken


def test_only_the_commands_of_the_backend_use_the_client() -> None:
    backend = [f for f in shipped() if f.room == "inference_backend"]
    others = [f for f in backend if not f.name.startswith("inference_backend/commands/")]
    broken = [f.name for f in others if _imports(f, "AmlartContourLib.client")]
    assert others
    assert not broken, broken


def test_a_package_file_is_empty() -> None:
    filled = [f.name for f in shipped() if f.path.name == "__init__.py" and f.text.strip()]
    assert not filled, filled


def test_the_two_faces_know_nothing_of_each_other() -> None:
    broken = [
        file.name
        for file in shipped()
        for face, other in (("web", "widgets"), ("widgets", "web"))
        if file.room == face and _imports(file, f"AmlartContourLib.{other}")
    ]
    assert not broken, broken


def _wrong_floors(file: SourceFile) -> Iterator[str]:
    if file.room not in FLOORS:
        if file.name != "AmlartContour/AmlartContourLib/__init__.py":
            yield f"{file.room} has no floor"
        return
    reachable = FLOORS[: FLOORS.index(file.room) + 1]
    for module in imported_modules(file.tree):
        first, *rest = module.split(".")
        room = rest[0] if first == "AmlartContourLib" and rest else first
        if room == "AmlartContourLib":
            yield "import a room, not the whole library"
        elif room not in reachable and first in ("AmlartContourLib", "inference_backend"):
            yield f"{file.room} may not import {module}"
        elif first == "":
            yield "write imports in full, not relative"


def _allowed(file: SourceFile) -> set[str]:
    report = REPORT_LIBRARIES if "/exchange/report/" in file.name else set()
    ours = {"AmlartContourLib", "inference_backend"}
    return LIBRARIES[file.room] | report | ours | sys.stdlib_module_names


def _imports(file: SourceFile, package: str) -> bool:
    return any(module.startswith(package) for module in imported_modules(file.tree))
