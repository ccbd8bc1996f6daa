"""The backend: on this computer or the hospital's server; installing, starting, stopping, testing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from slicer.i18n import tr as _

from AmlartContourLib.client.diagnosis import ConnectionReport
from AmlartContourLib.client.install import Installation, Plan
from AmlartContourLib.client.local_backend import LOG_NAME
from AmlartContourLib.client.site import Compute, Place, Site, SiteBackend, installed_python
from AmlartContourLib.contract.errors import AmlartError, Cancelled
from AmlartContourLib.contract.messages import Capabilities
from AmlartContourLib.widgets.panel import Desk, Panel, silent

LOG_CHARACTERS = 20_000
TO_INSTALL = (
    "The backend goes into a folder of its own, some GB large. Slicer's own Python stays as it is."
    " Files come from pypi.org, pytorch.org and github.com; nothing of a patient is sent."
)
INSTALLED = "The backend is installed on this computer."


class BackendPanel(Panel):
    """`offer` is told what a backend can do when one has answered. `source`: the backend's own folder."""

    UI = "Backend"

    def __init__(
        self, desk: Desk, backend: SiteBackend, source: Path | None, offer: Callable[[Capabilities], None]
    ) -> None:
        super().__init__(desk)
        self._backend, self._source, self._offer = backend, source, offer
        self._installation: Installation | None = None
        self._step: tuple[float, str] = (0.0, "")
        self._testing = False
        self._read_site()
        for box in (self.ui.placeBox, self.ui.computeBox):
            self.on("currentTextChanged(QString)", box, self._use)
        for edit in (self.ui.urlEdit, self.ui.keyEdit):
            self.on("editingFinished()", edit, self._use)
        self.on("currentPathChanged(QString)", self.ui.caEdit, self._use)
        self.on("clicked()", self.ui.installButton, self._install)
        self.on("clicked()", self.ui.stopInstallButton, self._stop_install)
        self.on("clicked()", self.ui.startButton, self.test)
        self.on("clicked()", self.ui.testButton, self.test)
        self.on("clicked()", self.ui.stopButton, self._stop)
        self.on("clicked()", self.ui.logButton, self._show_log)
        self.refresh()

    @property
    def is_ready(self) -> bool:
        """True where a test can succeed without installing or typing first."""
        site = self._backend.site
        return installed_python(self._backend.home) is not None if site.is_local else bool(site.key)

    def refresh(self) -> None:
        """Which group is shown, and which buttons can be pressed."""
        local, installing = self._backend.site.is_local, self._installation is not None
        there = installed_python(self._backend.home) is not None
        self.ui.localGroup.setVisible(local)
        self.ui.serverGroup.setVisible(not local)
        self.ui.installLabel.text = _(INSTALLED) if there else _(TO_INSTALL)
        self.ui.installButton.enabled = not installing
        self.ui.installButton.text = _("Install again") if there else _("Install on this computer")
        self.ui.stopInstallButton.enabled = installing
        self.ui.installBar.setVisible(installing)
        self.ui.startButton.enabled = there and not self._testing
        self.ui.stopButton.enabled = there
        self.ui.testButton.enabled = not self._testing

    def poll(self) -> None:
        """Shows how far an installation is."""
        if self._installation is not None:
            fraction, words = self._step
            self.ui.installBar.value = int(fraction * 1000)
            self.ui.statusLabel.text = words

    def close(self) -> None:
        """Stops an installation; what it finished stays."""
        self._stop_install()

    def test(self) -> None:
        """Asks the backend who it is, starting a local one; then what it can do."""
        self._testing = True
        self.refresh()
        self.ui.statusLabel.text = _("Testing the connection.")
        self.desk.background.run(self._asked, self._answered, self._failed)

    def _asked(self) -> tuple[ConnectionReport, Capabilities | None]:
        """On a thread."""
        report = self._backend.check()
        if not report.ok:
            return report, None
        client = self._backend.connect()
        try:
            return report, client.capabilities()
        finally:
            client.close()

    def _answered(self, answer: tuple[ConnectionReport, Capabilities | None]) -> None:
        report, found = answer
        self._testing = False
        words = [report.message]
        if found is not None:
            devices = ", ".join(device.name for device in found.devices)
            words.append(_("It computes on: {devices}.").format(devices=devices))
            self._offer(found)
        self.ui.statusLabel.text = " ".join(words)
        self.refresh()

    def _failed(self, error: AmlartError) -> None:
        self._testing, self._installation = False, None
        self.ui.statusLabel.text = "" if isinstance(error, Cancelled) else str(error)
        self.refresh()

    def _read_site(self) -> None:
        site = self._backend.site
        self.ui.placeBox.currentIndex = 0 if site.is_local else 1
        self.ui.computeBox.currentIndex = 1 if site.compute == Compute.CPU.name else 0
        self.ui.urlEdit.text, self.ui.keyEdit.text = site.url, site.key
        self.ui.caEdit.currentPath = site.ca_file

    def _use(self) -> None:
        """Keeps what the fields say."""
        place = Place.LOCAL if self.ui.placeBox.currentIndex == 0 else Place.SERVER
        compute = Compute.GPU if self.ui.computeBox.currentIndex == 0 else Compute.CPU
        url, key = self.ui.urlEdit.text.strip(), self.ui.keyEdit.text.strip()
        site = Site(place.name, url, key, self.ui.caEdit.currentPath, compute.name)
        before = self._backend.site
        if site != before:
            self._backend.use(site)
            other_device = site.is_local and site.compute != before.compute
            words = _("It counts from the next start: stop the backend, then start it.")
            self.ui.statusLabel.text = words if other_device else _("Not tested yet.")
        self.refresh()

    def _install(self) -> None:
        offline = self.ui.offlineEdit.currentPath
        plan = Plan(
            home=self._backend.home,
            source=self._source,
            offline=Path(offline) if offline else None,
            proxy=self.ui.proxyEdit.text.strip(),
        )
        self._installation = Installation(plan)
        self.refresh()
        self.desk.background.run(partial(self._installation.run, self._told), self._installed, self._failed)

    def _told(self, fraction: float, words: str) -> None:
        """From the installing thread: one assignment, which `poll` reads."""
        self._step = (fraction, words)

    def _installed(self, _python: Path) -> None:
        self._installation = None
        self.refresh()
        self.test()

    def _stop_install(self) -> None:
        if self._installation is not None:
            self._installation.cancel()

    def _stop(self) -> None:
        self.desk.background.run(self._stop_local, self._stopped, self._failed)

    def _stop_local(self) -> bool:
        """On a thread."""
        return self._backend.local().stop()

    def _stopped(self, was_ours: bool) -> None:
        text = (
            _("The backend has stopped.") if was_ours else _("The backend was started by hand: end it there.")
        )
        self.ui.statusLabel.text = text

    def _show_log(self) -> None:
        self.ui.logText.setVisible(self.ui.logButton.checked)
        path = self._backend.home / LOG_NAME
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        with silent(self.ui.logText):
            self.ui.logText.plainText = text[-LOG_CHARACTERS:] or _("The log is empty.")
