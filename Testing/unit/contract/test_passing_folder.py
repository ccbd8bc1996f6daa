"""Temporary folders go with their user, and after a process that was killed with the next one's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from AmlartContourLib.contract import passing_folder as module
from AmlartContourLib.contract.passing_folder import passing_folder

HOLDING = """
import sys
from AmlartContourLib.contract.passing_folder import passing_folder
with passing_folder("kind") as folder:
    (folder / "work").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "YOUNG_S", -1.0)
    return tmp_path


def test_a_folder_is_private_empty_and_gone_afterwards(place: Path) -> None:
    with passing_folder("kind") as folder:
        assert place in folder.parents
        assert list(folder.iterdir()) == []
        assert (folder.parent.stat().st_mode & 0o077) == 0
    assert list(place.iterdir()) == []


def test_the_folder_of_a_killed_process_goes_with_the_next_and_that_of_a_living_one_stays(
    place: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    theirs = Path(process.stdout.readline().strip())
    with passing_folder("kind"):
        assert (theirs / "work").exists()
    process.kill()
    process.wait()
    assert (theirs / "work").exists()
    with passing_folder("kind"):
        assert not theirs.parent.exists()
    process.stdin.close()
    process.stdout.close()


def test_a_folder_of_another_kind_a_young_one_and_a_link_are_left_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "amlart-other-1").mkdir()
    (place / "elsewhere").mkdir()
    (place / "amlart-kind-link").symlink_to(place / "elsewhere")
    with passing_folder("kind"):
        pass
    assert {path.name for path in place.iterdir()} == {"amlart-other-1", "elsewhere", "amlart-kind-link"}
    (place / "amlart-kind-2").mkdir()
    monkeypatch.setattr(module, "YOUNG_S", 60.0)
    with passing_folder("kind"):
        assert (place / "amlart-kind-2").exists()
