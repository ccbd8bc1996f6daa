"""`amlart models`, as a user types it: from a trained folder to an engine that is listed, and away again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from AmlartContourLib.contract.home import HOME_VARIABLE
from support.amlart import amlart
from support.box_cohort import write_box_cohort
from support.few_shot_models import write_weights as few_shot_weights
from support.nnunet_folders import Folder, make_folder
from support.prompted_models import write_weights as prompted_weights


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


@pytest.mark.slow
def test_weights_of_one_file_are_added_as_a_user_types_it(tmp_path: Path, source: Path) -> None:
    """`source` gives a home of its own."""
    assert source.exists()
    weights = prompted_weights(tmp_path / "medsam_vit_b.pth")
    added = amlart("models", "add-prompted", weights, "--id", "medsam", "--structures", "bladder,Rectum")
    assert added.code == 0, added.err
    assert "boxes and points for 2 structures" in added.err
    few = few_shot_weights(tmp_path / "universeg_v1_made_here.pt")
    cohort = write_box_cohort(tmp_path / "cohort", 2)
    added = amlart(
        "models", "add-few-shot", few, "--cases", cohort, "--all-cases", "--id", "few", "--support-size", "8"
    )
    assert added.code == 0, added.err
    assert "forbids commercial use" in added.err
    assert "gives anorectum, bladder, by 2 examples" in added.err
    rows = {row["id"]: row for row in amlart("models", "list", "--json").json["models"]}
    assert (rows["few"]["kind"], rows["medsam"]["kind"]) == ("few-shot, 2 examples", "prompted, medsam")
    assert rows["few"]["licence"] == "OpenRAIL++-M (no commercial use)"
    assert amlart("models", "accept", "few", "--by", "Dr A").code == 0
    listed = {one["id"]: one for one in amlart("engines", "--json").json["engines"]}
    assert (listed["few"]["available"], listed["few"]["gpu"]) == (True, "advised")
    assert listed["few"]["working_bytes"] == 8 * 4 << 20
    assert listed["medsam"]["reason"] == "Its licence has not been accepted: Apache-2.0."
    assert "advised" in amlart("engines").out
    assert amlart("models", "verify").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add-prompted", "own.pth", "--id", "x", "--licence", "own"), "--look medsam"),
        (("add-prompted", "medsam_vit_b.pth", "--id", "x"), "cannot be read"),
        (("add-few-shot", "own.pt", "--cases", ".", "--id", "x"), "licence is not told"),
    ],
)
@pytest.mark.usefixtures("source")
def test_what_is_not_told_of_weights_is_asked_for(words: tuple[str, ...], told: str) -> None:
    ran = amlart("models", *words)
    assert ran.code in (2, 3)  # a word that cannot be, or a file
    assert told in " ".join(ran.err.split())
