"""Asking other programs to read and write RTSTRUCT; a test that needs an absent one skips, saying so."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.resources import catalogue
from support.programs import runs

PROGRAM = Path(__file__).with_name("rt_peer_program.py")
SYSTEM_PLASTIMATCH = "/usr/bin/plastimatch"
MODULES = {"rt-utils": "rt_utils", "DicomRTTool": "DicomRTTool", "dcmrtstruct2nii": "dcmrtstruct2nii"}
WRITERS = ("plastimatch", "plastimatch of the system", "rt-utils", "DicomRTTool")
READERS = ("plastimatch", "plastimatch of the system", "rt-utils", "DicomRTTool", "dcmrtstruct2nii")


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of the processor, children included, without imports."""

    wall_s: float
    processor_s: float


@lru_cache
def is_here(peer: str) -> bool:
    """True when a peer can be run: it is there, and so are the libraries it links to."""
    if peer == "plastimatch of the system":
        return runs(SYSTEM_PLASTIMATCH)
    if peer == "plastimatch":
        return runs(str(Path(sys.executable).parent / "plastimatch"))
    if importlib.util.find_spec(MODULES[peer]) is None:
        return False
    words = [sys.executable, "-W", "ignore", "-c", f"import {MODULES[peer]}"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def need(peer: str) -> None:
    """Skips the test where a peer is missing."""
    if not is_here(peer):
        pytest.skip(f"{peer} is not on this machine")


def peer_reads(peer: str, rtstruct: Path, ct: Path) -> tuple[dict[str, np.ndarray], Spent]:
    """Masks [k, j, i] by ROI name, and the time it took. RuntimeError, with its words, where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        masks = Path(folder) / "masks.npz"
        spent = _ask("read", peer, rtstruct, ct, masks)
        with np.load(masks) as stored:
            return {name: stored[name] for name in stored.files}, spent


def expect_bug(request: pytest.FixtureRequest, reason: str | None) -> None:
    """Marks the test as an expected failure, for a known bug of a peer; nothing for None."""
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError))


def assert_same_voxels(read: dict[str, np.ndarray], contours: StructureSet) -> None:
    """Every structure with a voxel is in what a peer read, under its name in any case of letters."""
    by_name = {name.casefold(): mask for name, mask in read.items()}
    for contour in contours:
        if not contour.mask.is_empty:
            name = catalogue()[contour.structure_id].roi_name.casefold()
            np.testing.assert_array_equal(by_name[name], contour.mask.to_array(), err_msg=name)


def peer_writes(peer: str, rtstruct: Path, ct: Path, masks: dict[str, np.ndarray]) -> Spent:
    """Writes masks [k, j, i] by ROI name to an RTSTRUCT; the time it took."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "masks.npz", **masks)  # type: ignore[arg-type]
        return _ask("write", peer, rtstruct, ct, Path(folder) / "masks.npz")


def dciodvfy_errors(path: Path) -> list[str]:
    """What dciodvfy calls an error in a DICOM file; a skip where it is missing."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not on this machine")
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "dciodvfy said nothing at all"
    return [line for line in lines if line.startswith("Error")]


def _ask(verb: str, peer: str, *paths: Path) -> Spent:
    words = [sys.executable, "-W", "ignore", str(PROGRAM), verb, peer, *map(str, paths)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    if done.returncode:
        raise RuntimeError(f"{peer} could not {verb}: {done.stderr[-2000:]}")
    wall, processor = done.stdout.rsplit("seconds ", 1)[1].split()
    return Spent(float(wall), float(processor))
