"""The stand-in host for tests: one application, and for each test a fresh module and an empty scene."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6", reason="PySide6-Essentials is missing: the panels' host cannot run")
pytest.importorskip("slicer", reason="slicer-core is missing: the panels' host cannot run")

from AmlartContourLib.widgets.self_test import write_block_patient
from host.application import Host
from host.faults import FAULTS
from host.installer import Installer, put_installer
from support.backend_process import wait_for
from support.source_tree import ROOT


@pytest.fixture(scope="session")
def application() -> Host:
    """The application, without the module loaded."""
    return Host(ROOT / "AmlartContour")


@pytest.fixture
def host(
    application: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Host]:
    """The application with an empty scene and settings. Fails where anything was swallowed."""
    monkeypatch.setenv("AMLART_HOME", str(tmp_path / "home"))
    application.scene.Clear(0)
    application.settings.clear()
    FAULTS.clear()
    yield application
    application.close()
    unexpected = [r.getMessage() for r in caplog.get_records("call") if r.levelname == "ERROR"]
    assert not unexpected, unexpected
    assert not FAULTS.found, "\n".join(FAULTS.found)
    assert not FAULTS.dialogs, f"a modal dialog would have waited: {FAULTS.dialogs}"


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """The stand-in for the program that installs, in the home folder of `host`."""
    monkeypatch.delenv("AMLART_BACKEND_PYTHON", raising=False)
    return put_installer(tmp_path)


@pytest.fixture
def bench(host: Host, tmp_path: Path) -> Any:
    """The module's workbench with the block patient open."""
    bench = host.load().workbench
    write_block_patient(tmp_path / "patients" / "Block patient")
    bench.worklist.ui.folderButton.directory = str(tmp_path / "patients")
    bench.worklist.ui.table.selectRow(0)
    bench.worklist.ui.openButton.click()
    wait_for(lambda: host.spin(0.05) or bench.session.patient, 60, "the patient is open")
    bench.tick()
    return bench
