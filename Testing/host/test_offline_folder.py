"""Packing the folder from which a computer without a network installs: by the real pip, with small wheels."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from AmlartContourLib.client.install import check_sums
from AmlartContourLib.client.offline_folder import EXTRA, pack_offline
from AmlartContourLib.contract.errors import AmlartError, BadSetting
from inference_backend.cli import main

pytestmark = pytest.mark.slow  # pip takes some seconds each time


def wheel(folder: Path, name: str, needs: tuple[str, ...] = ()) -> Path:
    """A wheel of one empty module."""
    info = f"{name}-1.0.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nProvides-Extra: {EXTRA}\n"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": about + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(inner, text)
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Where pip finds what the backend needs, in place of the network."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, "amlart_small_network")
    wheel(folder, "uv")
    return folder


def pack(backend: Path, folder: Path, index: Path) -> tuple[Path, ...]:
    return pack_offline(backend, folder, pip=("--no-index", "--find-links", str(index)))


def test_a_packed_folder_holds_all_that_is_needed_and_installs_by_its_hashes(
    tmp_path: Path, index: Path
) -> None:
    backend = wheel(tmp_path, "amlart_small_backend", (f"amlart-small-network; extra == '{EXTRA}'",))
    folder = tmp_path / "packed"
    files = {path.name for path in pack(backend, folder, index)}
    named = {f"{name}-1.0-py3-none-any.whl" for name in ("amlart_small_backend", "amlart_small_network")}
    assert named < files
    assert {"requirements.txt", "SHA256SUMS"} < files
    check_sums(folder)
    install = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(folder)]
    into = ["--require-hashes", "--no-deps", "--target", str(tmp_path / "there")]
    command = [*install, *into, "-r", str(folder / "requirements.txt")]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "there" / "amlart_small_network.py").is_file()
    wheel(folder, "amlart_small_network", ("something-else",))
    done = subprocess.run([*command, "--upgrade"], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "HASHES" in done.stderr.upper()


def test_where_something_cannot_be_had_no_folder_is_left(tmp_path: Path, index: Path) -> None:
    backend = wheel(tmp_path, "amlart_small_backend", ("amlart-not-there",))
    with pytest.raises(AmlartError, match="amlart-not-there"):
        pack(backend, tmp_path / "packed", index)
    assert not (tmp_path / "packed").exists()
    with pytest.raises(BadSetting):
        pack(tmp_path / "nothing", tmp_path / "packed", index)


def test_the_command_packs_and_says_how_much(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    backend = wheel(tmp_path, "amlart_small_backend", (f"amlart-small-network; extra == '{EXTRA}'",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    folder = tmp_path / "packed"
    assert main(["pack-offline", str(folder), "--source", str(backend)]) == 0
    told = capfd.readouterr()
    assert f"{len(list(folder.iterdir()))} files, 0.00 GB" in told.out + told.err
    check_sums(folder)
