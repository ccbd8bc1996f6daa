"""Where the real public CTs lie, if this machine has them. Tests that need them skip, saying so, if not."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("AMLART_TEST_DATA", ROOT.parent / "shared" / "data"))


def real_case(name: str) -> Path:
    """The folder of one public case, or a skip."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the public CT {name!r} is not on this machine (set AMLART_TEST_DATA)")
    return folder


def unpacked(name: str, into: Path) -> Path:
    """The case's DICOM folder, unpacked from its archive into `into`."""
    with tarfile.open(real_case(name) / "dicom.tar.xz") as archive:
        archive.extractall(into, filter="data")
    return into
