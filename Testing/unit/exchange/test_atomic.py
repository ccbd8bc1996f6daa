"""A folder or a file is there complete or not at all, and nothing is replaced unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import ExportFailed
from AmlartContourLib.exchange import atomic
from AmlartContourLib.exchange.atomic import IfExists, write_file, write_folder
from AmlartContourLib.exchange.volume_file import write_volume
from support.shapes import grid
from support.source_tree import LIB

resource = pytest.importorskip("resource", reason="limits on file size are POSIX only")


def fill_with(text: str) -> object:
    def fill(folder: Path) -> None:
        (folder / "inner").mkdir()
        (folder / "inner" / "file.txt").write_text(text)

    return fill


def content(folder: Path) -> str:
    return (folder / "inner" / "file.txt").read_text()


@pytest.fixture
def small_files() -> Iterator[None]:
    """The kernel refuses files over 20 kB to this process, as a full disk refuses them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def test_a_folder_appears_complete_and_nothing_else_is_left(tmp_path: Path) -> None:
    final = write_folder(tmp_path / "new" / "case", fill_with("a"))
    assert final == tmp_path / "new" / "case"
    assert content(final) == "a"
    assert [p.name for p in final.parent.iterdir()] == ["case"]


def test_every_file_and_folder_is_on_the_disk_before_the_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed, fsync = set(), os.fsync

    def record(handle: int) -> None:
        assert (tmp_path / "case").exists() == os.path.samestat(os.fstat(handle), tmp_path.stat())
        flushed.add(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", record)
    write_folder(tmp_path / "case", fill_with("a"))
    written = [tmp_path, tmp_path / "case", *(tmp_path / "case").rglob("*")]
    assert {path.stat().st_ino for path in written} == flushed


def test_an_empty_folder_in_place_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    assert content(write_folder(tmp_path / "case", fill_with("a"))) == "a"


def test_an_existing_export_is_refused_before_any_work(tmp_path: Path) -> None:
    write_folder(tmp_path / "case", fill_with("old"))
    called = []
    with pytest.raises(ExportFailed, match="already there"):
        write_folder(tmp_path / "case", called.append)
    assert called == []
    assert content(tmp_path / "case") == "old"


def test_a_file_under_the_name_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "case").write_text("a file")
    with pytest.raises(ExportFailed, match="already there"):
        write_folder(tmp_path / "case", fill_with("a"))
    assert (tmp_path / "case").read_text() == "a file"


def test_an_existing_export_gets_a_numbered_neighbour(tmp_path: Path) -> None:
    for text, name in (("1", "case"), ("2", "case-2"), ("3", "case-3")):
        assert write_folder(tmp_path / "case", fill_with(text), IfExists.VERSION).name == name
    assert [content(tmp_path / name) for name in ("case", "case-2", "case-3")] == ["1", "2", "3"]


@pytest.mark.parametrize("old_is_file", [False, True])
def test_an_existing_export_is_replaced_only_when_asked(tmp_path: Path, old_is_file: bool) -> None:
    if old_is_file:
        (tmp_path / "case").write_text("old")
    else:
        write_folder(tmp_path / "case", fill_with("old"))
    write_folder(tmp_path / "case", fill_with("new"), IfExists.REPLACE)
    assert content(tmp_path / "case") == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


def test_someone_quicker_is_not_overwritten(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "ours.txt").write_text("ours")
        (tmp_path / "case").mkdir()
        (tmp_path / "case" / "theirs.txt").write_text("theirs")

    with pytest.raises(ExportFailed, match="already there"):
        write_folder(tmp_path / "case", fill)
    assert [p.name for p in (tmp_path / "case").iterdir()] == ["theirs.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


def test_an_error_while_filling_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "case", fill)
    assert list(tmp_path.iterdir()) == []


def test_a_rename_that_fails_brings_the_old_export_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "case", fill_with("old"))
    rename = Path.rename

    def fails_for_the_new(self: Path, target: Path) -> Path:
        if atomic.UNFINISHED in self.name and (self / "inner" / "file.txt").read_text() == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(ExportFailed, match="input/output error"):
        write_folder(tmp_path / "case", fill_with("new"), IfExists.REPLACE)
    assert content(tmp_path / "case") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExportFailed, match="disk is full"):
        write_folder(tmp_path / "case", lambda folder: (folder / "big").write_bytes(b"0" * 50_000) and None)
    with pytest.raises(ExportFailed, match="disk is full"):
        write_file(tmp_path / "report.html", b"0" * 50_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd", "mha"])
def test_a_full_disk_is_noticed_though_the_image_library_says_nothing(tmp_path: Path, ending: str) -> None:
    geometry = grid((64, 64, 32))
    array = np.random.default_rng(1).integers(0, 2, geometry.shape_kji).astype(np.uint8)
    array[:, ::2] = np.random.default_rng(2).integers(0, 255, array[:, ::2].shape)  # does not compress
    with pytest.raises(ExportFailed, match="could not be written completely"):
        write_folder(
            tmp_path / "case", lambda folder: write_volume(folder / f"mask.{ending}", array, geometry)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_crash_between_writing_and_renaming_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    program = f"""
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, {str(LIB.parent)!r})
        from AmlartContourLib.exchange.atomic import write_folder
        Path.rename = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
        write_folder(Path({str(tmp_path)!r}) / "case", lambda f: (f / "a").write_text("a") and None)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [p.name.startswith(f".case{atomic.UNFINISHED}") for p in tmp_path.iterdir()] == [True]
    assert content(write_folder(tmp_path / "case", fill_with("next"))) == "next"


def test_a_parent_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportFailed, match="not written"):
        write_folder(tmp_path / "file" / "case", fill_with("a"))


def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(ExportFailed, match="not permitted"):
        write_folder(closed / "case", fill_with("a"))
    with pytest.raises(ExportFailed, match="not permitted"):
        write_file(closed / "report.html", b"")


def test_forbidden_writing_is_said_in_words(tmp_path: Path) -> None:
    def fill(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "SECRET^NAME"))

    with pytest.raises(ExportFailed, match="not permitted") as caught:
        write_folder(tmp_path / "case", fill)
    assert "SECRET" not in str(caught.value)


def test_one_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_file(target, b"old")
    with pytest.raises(ExportFailed, match="already there"):
        write_file(target, b"new")
    assert target.read_bytes() == b"old"
    write_file(target, b"new", replace=True)
    assert target.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
