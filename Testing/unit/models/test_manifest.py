"""A bundle's manifest: strict, bounded, and never a way out of its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.strict_json import from_json, from_plain, to_json
from inference_backend.models import manifest as module
from inference_backend.models.manifest import MANIFEST_BYTES, MANIFEST_FILE, Manifest, read_manifest

HASH = "0123456789abcdef" * 4
SCHEMA = json.loads((Path(module.__file__).with_name("manifest.schema.json")).read_text(encoding="utf-8"))
EXAMPLE: dict[str, Any] = {
    "format": 1,
    "id": "ward-3",
    "version": "2026.1",
    "title": "Ward 3",
    "structures": ["bladder", "femur_left", "femur_right"],
    "spacing_mm": [3.0, 3.0, 3.0],
    "window_hu": [-200.0, 300.0],
    "network": {"name": "monai_unet", "arguments": {"channels": [8, 16], "strides": [2], "act": "RELU"}},
    "members": [{"file": "a.safetensors", "sha256": HASH, "bytes": 10}],
    "training_data": "Twenty CTs.",
    "licence": "Apache-2.0",
    "intended_use": "Research.",
    "demonstration": False,
    "patch_kji": [96, 80, 112],
    "overlap": 0.5,
    "moves": [5],
    "flip_left_right": {"swaps": [["femur_left", "femur_right"]]},
    "largest_part_only": ["bladder"],
    "calibration": {"file": "calibration.json", "sha256": HASH, "bytes": 10},
    "card": {"file": "card.md", "sha256": HASH, "bytes": 10},
}
WRONG: list[tuple[str, Any]] = [
    ("format", 2),
    ("id", "../x"),
    ("id", ""),
    ("version", "a b"),
    ("title", ""),
    ("licence", "x" * 5000),
    ("structures", []),
    ("structures", ["bladder", "bladder"]),
    ("spacing_mm", [3.0, 3.0]),
    ("spacing_mm", [3.0, 3.0, 0.0]),
    ("window_hu", [300.0, -200.0]),
    ("network", {"name": "os.system"} | {"code": "x"}),
    ("network", {"name": "a/b", "arguments": {}}),
    ("network", {"name": "unet", "arguments": {"x": [1] * 300}}),
    ("members", []),
    ("members", [{"file": "../a", "sha256": HASH, "bytes": 10}]),
    ("members", [{"file": "a/b", "sha256": HASH, "bytes": 10}]),
    ("members", [{"file": ".a", "sha256": HASH, "bytes": 10}]),
    ("members", [{"file": "a", "sha256": HASH[1:], "bytes": 10}]),
    ("members", [{"file": "a", "sha256": HASH, "bytes": 0}]),
    ("members", [{"file": "manifest.json", "sha256": HASH, "bytes": 10}]),
    ("card", {"file": "a.safetensors", "sha256": HASH, "bytes": 10}),
    ("patch_kji", [96, 80, 4000]),
    ("overlap", 1.0),
    ("moves", [-1]),
    ("moves", [2.5]),
    ("moves", [65]),
    ("moves", [0, 5]),
    ("flip_left_right", {"swaps": [["femur_left", "kidney_left"]]}),
    ("flip_left_right", {"swaps": [["femur_left", "femur_right"], ["femur_left", "bladder"]]}),
    ("largest_part_only", ["kidney_left"]),
    ("demonstration", "yes"),
    ("surprise", 1),
]
BEYOND_THE_SCHEMA = {
    "moves",
    "flip_left_right",
    "largest_part_only",
    "card",
    "network",
    "members",
    "window_hu",
}


def test_a_manifest_comes_back_as_it_was_written() -> None:
    found = from_plain(Manifest, EXAMPLE)
    assert from_json(Manifest, to_json(found)) == found
    assert found.network.arguments["channels"] == [8, 16]
    assert [f.file for f in found.files] == ["a.safetensors", "calibration.json", "card.md"]


def test_what_need_not_be_said_has_a_default() -> None:
    optional = {
        "patch_kji",
        "overlap",
        "moves",
        "flip_left_right",
        "largest_part_only",
        "calibration",
        "card",
    }
    short = {name: value for name, value in EXAMPLE.items() if name not in optional}
    jsonschema.validate(short, SCHEMA)
    found = from_plain(Manifest, short)
    assert found.patch_kji is None
    assert found.flip_left_right is None


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_refused(field: str, value: Any) -> None:
    with pytest.raises(DamagedFile):
        from_plain(Manifest, {**EXAMPLE, field: value})
    if field not in BEYOND_THE_SCHEMA:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**EXAMPLE, field: value}, SCHEMA)


@pytest.mark.parametrize("field", [name for name in EXAMPLE if name in SCHEMA["required"]])
def test_what_must_be_said_is_missed(field: str) -> None:
    with pytest.raises(DamagedFile, match=field):
        from_plain(Manifest, {name: value for name, value in EXAMPLE.items() if name != field})


def test_the_schema_takes_the_example_and_names_every_field() -> None:
    jsonschema.validate(EXAMPLE, SCHEMA)
    assert set(SCHEMA["properties"]) == set(EXAMPLE)


def test_a_folder_without_a_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match=r"no readable manifest\.json"):
        read_manifest(tmp_path)


def test_a_long_manifest_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_FILE).write_text(" " * (MANIFEST_BYTES + 1))
    with pytest.raises(TooLarge):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1}', "[" * 100000])
def test_what_is_no_manifest_is_refused_with_the_folders_name(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_FILE).write_text(text)
    with pytest.raises(DamagedFile, match=tmp_path.name):
        read_manifest(tmp_path)
