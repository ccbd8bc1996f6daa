"""The backend panel: where contours are made, installing with progress and cancel, start, test, log, stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from AmlartContourLib.client import site as site_module
from AmlartContourLib.client.install import Installation, Plan, check_sums
from AmlartContourLib.client.local_backend import LOG_NAME
from AmlartContourLib.client.site import Compute, Site, environment_python, load_site
from AmlartContourLib.contract.errors import AmlartError, BadSetting, Cancelled, DamagedFile
from AmlartContourLib.exchange.fingerprint import sha256_of
from host.application import Host
from host.clinician import Clinician
from host.installer import Installer


@pytest.fixture
def panel(host: Host) -> Any:
    """The panel of a module that was just set up."""
    return host.load().workbench.backend


def test_the_site_is_kept_in_a_private_file_and_the_key_is_not_shown(panel: Any, tmp_path: Path) -> None:
    panel.ui.placeBox.currentIndex = 1
    panel.ui.urlEdit.text = "https://gpu.example:8642"
    panel.ui.keyEdit.text = "a key"
    panel._use()
    kept = load_site(tmp_path / "home")
    assert (kept.is_local, kept.url, kept.key) == (False, "https://gpu.example:8642", "a key")
    assert (tmp_path / "home" / "site.json").stat().st_mode & 0o077 == 0
    assert "a key" not in repr(kept)
    (tmp_path / "home" / "site.json").chmod(0o644)
    assert load_site(tmp_path / "home") == Site(), "a file that others can read is not trusted"


def test_the_device_is_chosen_in_the_panel_and_kept(
    panel: Any, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_module, "has_gpu", lambda: True)
    assert load_site(tmp_path / "home").devices() == ("cuda:0", "cpu")
    Clinician(host).choose(panel.ui.computeBox, Compute.CPU.value)
    assert load_site(tmp_path / "home").devices() == ("cpu",)
    assert "next start" in panel.ui.statusLabel.text
    again = host.reload().workbench.backend
    assert again.ui.computeBox.currentText == Compute.CPU.value
    Clinician(host).choose(again.ui.computeBox, Compute.GPU.value)
    monkeypatch.setattr(site_module, "has_gpu", lambda: False)
    assert load_site(tmp_path / "home").devices() == ("cpu",), "no GPU is named where none is found"


def test_the_end_of_the_log_is_shown(panel: Any, host: Host, tmp_path: Path) -> None:
    from AmlartContourLib.widgets.backend_panel import LOG_CHARACTERS  # there is a qt once a host is there

    clinician = Clinician(host)
    clinician.press(panel.ui.logButton)
    assert panel.ui.logText.plainText == "The log is empty."
    clinician.press(panel.ui.logButton)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / LOG_NAME).write_text("old\n" * LOG_CHARACTERS + "the last line", encoding="utf-8")
    clinician.press(panel.ui.logButton)
    assert len(panel.ui.logText.plainText) == LOG_CHARACTERS
    assert panel.ui.logText.plainText.endswith("the last line")


def test_an_installation_shows_how_far_it_is_and_can_be_stopped(
    panel: Any, host: Host, installer: Installer
) -> None:
    clinician = Clinician(host)
    installer.hold.touch()
    assert not panel.ui.startButton.enabled
    clinician.press(panel.ui.installButton)
    clinician.wait(
        lambda: panel.ui.statusLabel.text == "Fetching torch", 20, "the installer's words are shown"
    )
    assert panel.ui.installBar.value > 0
    assert not panel.ui.installButton.enabled, "one installation at a time"
    clinician.press(panel.ui.stopInstallButton)
    clinician.wait(lambda: panel.ui.installButton.enabled, 20, "the installation has stopped")
    assert panel.ui.statusLabel.text == ""
    assert environment_python(installer.home).is_file(), "what was finished is kept"


def test_an_installation_that_failed_names_the_host_and_goes_on_where_it_was(
    panel: Any, host: Host, installer: Installer
) -> None:
    clinician = Clinician(host)
    installer.broken.touch()
    clinician.press(panel.ui.installButton)
    clinician.wait(lambda: panel.ui.installButton.enabled, 20, "it has failed")
    said = panel.ui.statusLabel.text
    assert "cause: no such name (download.pytorch.org)" in said
    assert "What was installed so far is kept." in said
    installer.broken.unlink()
    python = Installation(Plan(installer.home, source=installer.home)).run(lambda _done, _words: None)
    assert python.is_file()
    assert installer.asked == ["venv", "pip", "pip", "pip"], "the environment was made once"
    stopped = Installation(Plan(installer.home, source=installer.home))
    stopped.cancel()
    with pytest.raises(Cancelled):
        stopped.run(lambda _done, _words: None)


def test_where_no_python_can_be_fetched_one_of_the_computer_is_taken(installer: Installer) -> None:
    installer.no_python.touch()
    told: list[str] = []
    plan = Plan(installer.home, source=installer.home)
    assert Installation(plan).run(lambda _done, words: told.append(words)).is_file()
    assert installer.asked == ["venv", "venv", "pip"]
    assert any("github.com" in words for words in told), "what was tried first is said"


def test_offline_only_the_python_that_the_wheels_are_for_is_taken(
    installer: Installer, tmp_path: Path
) -> None:
    installer.no_python.touch()
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "requirements.txt").write_text("")
    (packed / "SHA256SUMS").write_text(
        f"{sha256_of(packed / 'requirements.txt')}  requirements.txt\n", encoding="utf-8"
    )
    with pytest.raises(AmlartError, match=r"github\.com"):
        Installation(Plan(installer.home, offline=packed)).run(lambda _done, _words: None)
    assert installer.asked == ["venv"]


@pytest.mark.slow
def test_what_was_installed_is_started_tested_and_stopped(
    panel: Any, host: Host, installer: Installer
) -> None:
    clinician = Clinician(host)
    clinician.press(panel.ui.installButton)
    clinician.wait(lambda: "It computes on: " in panel.ui.statusLabel.text, 120, "the backend answers")
    assert panel.ui.installLabel.text == "The backend is installed on this computer."
    assert panel.ui.installButton.text == "Install again"
    assert host.widget.workbench.contouring.ui.engineBox.count > 1
    clinician.press(panel.ui.stopButton)
    clinician.wait(lambda: panel.ui.statusLabel.text == "The backend has stopped.", 30, "it has stopped")


def test_an_offline_folder_is_used_only_as_it_was_packed(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no offline folder"):
        check_sums(tmp_path)
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"wheel")
    (tmp_path / "SHA256SUMS").write_text(f"{sha256_of(wheel)}  a.whl\n")
    check_sums(tmp_path)
    wheel.write_bytes(b"another")
    with pytest.raises(DamagedFile, match=r"a\.whl"):
        check_sums(tmp_path)
