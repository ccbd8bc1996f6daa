"""Imports go downward only, and each room uses only the libraries it may."""

from __future__ import annotations

import sys

import pytest

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
        "torch",
        "monai",
        "safetensors",
        "numba",
        "openvino",
    },
}
REPORT_LIBRARIES = {"jinja2", "markupsafe", "matplotlib"}


def _ids(file: SourceFile) -> str:
    return file.name


@pytest.mark.parametrize("file", shipped(), ids=_ids)
def test_a_room_imports_only_rooms_on_its_own_floor_or_below(file: SourceFile) -> None:
    if file.room not in FLOORS:
        assert file.name == "AmlartContour/AmlartContourLib/__init__.py", f"{file.room} has no floor"
        return
    reachable = FLOORS[: FLOORS.index(file.room) + 1]
    for module in imported_modules(file.tree):
        first, *rest = module.split(".")
        if first == "AmlartContourLib":
            assert rest, "import a room, not the whole library"
            assert rest[0] in reachable, f"{file.room} may not import {module}"
        elif first == "inference_backend":
            assert file.room == "inference_backend", f"{file.room} may not import {module}"
        else:
            assert first != "", "write imports in full, not relative"


@pytest.mark.parametrize("file", shipped(), ids=_ids)
def test_a_room_uses_only_the_libraries_it_may(file: SourceFile) -> None:
    if file.room not in FLOORS:
        return
    allowed = LIBRARIES[file.room] | ({*REPORT_LIBRARIES} if "/exchange/report/" in file.name else set())
    for module in imported_modules(file.tree):
        first = module.split(".")[0]
        ours = first in {"AmlartContourLib", "inference_backend"}
        assert ours or first in allowed or first in sys.stdlib_module_names, (
            f"{file.room} may not use {first}"
        )


@pytest.mark.parametrize("file", [f for f in shipped() if f.room == "inference_backend"], ids=_ids)
def test_only_the_commands_of_the_backend_use_the_client(file: SourceFile) -> None:
    if not file.name.startswith("inference_backend/commands/"):
        assert not [m for m in imported_modules(file.tree) if m.startswith("AmlartContourLib.client")]


@pytest.mark.parametrize("file", [f for f in shipped() if f.path.name == "__init__.py"], ids=_ids)
def test_a_package_file_is_empty(file: SourceFile) -> None:
    assert file.text.strip() == ""


@pytest.mark.parametrize("file", [f for f in shipped() if f.room in ("web", "widgets")], ids=_ids)
def test_the_two_faces_know_nothing_of_each_other(file: SourceFile) -> None:
    other = "widgets" if file.room == "web" else "web"
    assert not [m for m in imported_modules(file.tree) if m.startswith(f"AmlartContourLib.{other}")]
