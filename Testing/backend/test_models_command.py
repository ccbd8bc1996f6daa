"""`amlart models`, as a user types it: from a trained folder to an engine that is listed, and away again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from AmlartContourLib.contract.home import HOME_VARIABLE
from support.amlart import amlart
from support.nnunet_folders import Folder, make_folder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trained folder, and a home of its own."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "höme"))
    labels = {"background": 0, "urinary_bladder": 1, "liver": 2}
    return make_folder(tmp_path / "Dataset007_Pelvis" / "nnUNetTrainer__p__3d_fullres", Folder(labels=labels))


def engine() -> dict[str, object]:
    """The engine "ward" as `amlart engines` lists it."""
    listed = {one["id"]: one for one in amlart("engines", "--json").json["engines"]}
    found: dict[str, object] = listed["ward"]
    return found


def test_a_model_is_added_accepted_verified_listed_and_removed(source: Path) -> None:
    added = amlart(
        "models", "add", source, "--id", "ward", "--axes", "LPS", "--licence", "CC BY-NC", "--research-only"
    )
    assert added.code == 0, added.err
    assert "gives bladder" in added.err
    assert "Left out, unknown to the catalogue: liver" in added.err
    assert engine()["available"] is False
    assert engine()["mend"] == "amlart models accept ward"
    accepted = amlart("models", "accept", "ward", "--by", "Dr A")
    assert "forbids commercial use" in accepted.err
    assert engine()["available"] is True
    assert engine()["licence"] == "CC BY-NC (no commercial use)"
    (row,) = amlart("models", "list", "--json").json["models"]
    assert (row["id"], row["accepted"], row["structures"]) == ("ward", "Dr A", 1)
    assert "ward" in amlart("models", "list").out
    assert amlart("models", "verify").code == 0
    assert amlart("models", "remove", "ward", "--yes").code == 0
    assert amlart("models", "list", "--json").json["models"] == []


def test_verify_finds_a_changed_file_and_says_so(source: Path) -> None:
    assert amlart("models", "add", source, "--id", "ward", "--axes", "RAS", "--licence", "own").code == 0
    weights = Path(os.environ[HOME_VARIABLE]) / "models" / "ward" / "part-1-fold_0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    ran = amlart("models", "verify", "ward", "--json")
    assert ran.code == 1
    assert "another content" in json.loads(ran.out)["models"][0]["fault"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("accept", "unheard-of"), "There are none yet"),
        (("remove", "unheard-of", "--yes"), "There are none yet"),
        (("add", ".", "--id", "ward", "--axes", "LPS", "--like", "x.nii.gz"), "say the same"),
        (("add", ".", "--id", "ward", "--map", "Bladder"), "names no label"),
    ],
)
@pytest.mark.usefixtures("source")
def test_what_cannot_be_is_refused(words: tuple[str, ...], told: str) -> None:
    ran = amlart("models", *words)
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.usefixtures("source")
def test_the_embedded_model_cannot_be_removed() -> None:
    assert amlart("models", "remove", "amlart-demo", "--yes").code == 2
