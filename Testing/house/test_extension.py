"""What Slicer's build and its catalogue read is as they demand, as far as that can be told without Slicer."""

from __future__ import annotations

import ast
import json
import re
import struct

from support.source_tree import ROOT, imported_modules

MODULE = ROOT / "AmlartContour"
TOP = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
INNER = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
ENTRY = json.loads((ROOT / "Resources" / "AmlartContour.json").read_text(encoding="utf-8"))
REQUIRED = {"$schema", "category", "scm_url"}
OPTIONAL = {"scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}
OPTIONAL |= {"dicom_support_rule"}
COMMANDS = {
    "cmake_minimum_required",
    "project",
    "set",
    "find_package",
    "include",
    "add_subdirectory",
    "install",
}
COMMANDS |= {"slicerMacroBuildScriptedModule", "slicer_add_python_unittest", "if", "endif"}
HEAVY = {"numpy", "scipy", "pydicom", "SimpleITK", "torch"}


def _commands(text: str) -> list[str]:
    return re.findall(r"^\s*(\w+)\(", re.sub(r"#.*", "", text), flags=re.MULTILINE)


def test_the_catalogue_entry_has_the_fields_of_schema_1_0_2() -> None:
    assert set(ENTRY) >= REQUIRED
    assert not set(ENTRY) - REQUIRED - OPTIONAL
    assert ENTRY["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert ENTRY["category"] == "Radiotherapy"
    assert ENTRY["tier"] in range(1, 6)
    assert ENTRY["build_dependencies"] == []


def test_every_address_of_the_extension_is_one_repository_and_its_pictures_are_there() -> None:
    """No such repository is published yet: docs/slicer.md says so, and which line to change."""
    home = ENTRY["scm_url"].removesuffix(".git")
    raw = home.replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"
    values = dict(re.findall(r'set\(EXTENSION_(\w+) "([^"]*)"\)', TOP))
    assert values["HOMEPAGE"] == home
    for name in ("ICONURL", "SCREENSHOTURLS"):
        for url in values[name].split():
            assert url.startswith(raw), url
            assert url.endswith(".png"), "the catalogue takes no SVG"
            assert (ROOT / url.removeprefix(raw)).is_file(), url


def test_cmake_uses_only_commands_that_slicer_and_cmake_have() -> None:
    assert set(_commands(TOP)) | set(_commands(INNER)) <= COMMANDS
    for text in (TOP, INNER):
        assert text.count("(") == text.count(")")
    assert TOP.index("find_package(Slicer") < TOP.index("${Slicer_USE_FILE}") < TOP.index("add_subdirectory(")
    assert TOP.index("add_subdirectory(") < TOP.index("${Slicer_EXTENSION_GENERATE_CONFIG}")
    assert "project(AmlartContour)" in TOP


def test_every_listed_path_is_relative_and_there() -> None:
    for block in re.findall(r"set\(MODULE_PYTHON_\w+\n(.*?)\n\s*\)", INNER, flags=re.DOTALL):
        for line in block.splitlines():
            assert not line.strip().startswith(("/", "$")), line
            assert (MODULE / line.strip()).is_file(), line


def test_the_icon_is_a_png_of_128_pixels() -> None:
    head = (MODULE / "Resources" / "Icons" / "AmlartContour.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:24]) == (128, 128)


def test_what_slicer_reads_at_its_start_loads_nothing_heavy() -> None:
    for name in ("AmlartContour.py", "AmlartContourLib/widgets/self_test.py"):
        text = (MODULE / name).read_text(encoding="utf-8")
        top = ast.Module([n for n in ast.parse(text).body if isinstance(n, (ast.Import, ast.ImportFrom))], [])
        for module in imported_modules(top):
            assert module.split(".")[0] not in HEAVY, module
            assert not module.startswith("AmlartContourLib") or module.endswith("widgets.self_test")
    assert len((MODULE / "AmlartContour.py").read_text(encoding="utf-8").splitlines()) <= 150
