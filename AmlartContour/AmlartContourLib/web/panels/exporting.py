"""Export: which files, writing them beside the page, and what was written and verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.export import ALL_FORMATS, Format
from AmlartContourLib.session.events import Event, PatientClosed, PatientOpened
from AmlartContourLib.session.exporting import ExportDone
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.export_zip import ADDRESS

NOTHING: Mapping[str, Any] = {"folder": "", "files": [], "verified": [], "not_written": []}
REPORT = "report"
WORDS = {
    Format.MASKS: ("NIfTI, one file per structure", "Overlapping structures stay whole"),
    Format.LABEL_MAP: (
        "NIfTI, labelled",
        "One file; where structures overlap, a documented priority decides",
    ),
    Format.RTSTRUCT: ("DICOM RTSTRUCT", "Refers to the CT as it came; always UNAPPROVED"),
}


class ExportPanel:
    """Panel "Export". `folder`: where exports are written, one folder each. `last`: where the open patient's
    last export lies, which was read back and agreed; None before there is one."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self._desk = desk
        self._folder = folder
        self._off: set[str] = set()
        self.last: Path | None = None

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {"formats": self._formats(), "export_done": dict(NOTHING), "export_address": ADDRESS}

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {"set_format": self.set_format, "export": self.export}

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        if isinstance(event, PatientOpened | PatientClosed):
            self.last = None
            self._desk.state.export_done = dict(NOTHING)
        return False

    def set_format(self, name: str, on: bool) -> None:
        """Writes a kind of file, or not."""
        (self._off.discard if on else self._off.add)(name)
        self.refresh()

    async def export(self) -> None:
        """Writes, reads back and compares, on another thread; tells what became of it."""
        formats = frozenset(f for f in ALL_FORMATS if f.name not in self._off)
        if not formats:
            raise BadSetting("Choose at least one kind of file.", kept="Nothing was written.")
        patient = self._desk.session.patient
        if patient is None:
            raise BadSetting("No patient is open.", kept="Nothing was written.")
        self._desk.require_idle()
        name = f"{patient.key[:8]}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        job = self._desk.session.exporting.prepare(
            self._folder / name, formats, report=REPORT not in self._off
        )
        with self._desk.busy("Writing the files, reading them back and comparing…"):
            done = await self._desk.beside(job.run)
            self._desk.session.exporting.done(job)
        if self._desk.session.patient is patient:
            self.last = done.folder
        self._tell(done)

    def refresh(self) -> None:
        """See `Panel`."""
        self._desk.state.formats = self._formats()

    def _formats(self) -> list[dict[str, Any]]:
        rows = [(f.name, *WORDS[f]) for f in WORDS]
        rows.append(
            (REPORT, "Report (HTML) with pictures", "Volumes, choices, rule messages, measured editing")
        )
        return [{"id": i, "text": text, "title": title, "on": i not in self._off} for i, text, title in rows]

    def _tell(self, done: ExportDone) -> None:
        agreed = sum(1 for a in done.verified)
        verified = [f"Read back: {agreed} contours compared voxel by voxel, and all agree."] if agreed else []
        self._desk.state.export_done = {
            "folder": str(done.folder),
            "files": _listed([file.path for file in done.files]),
            "verified": verified,
            "not_written": list(done.not_written),
        }
        self._desk.notices.tell(f"{len(done.files)} files written and verified.")


def _listed(paths: list[str]) -> list[str]:
    """Files by name; those of a folder as one line."""
    folders: dict[str, int] = {}
    for path in paths:
        if "/" in path:
            folder = path.split("/")[0]
            folders[folder] = folders.get(folder, 0) + 1
    return [path for path in paths if "/" not in path] + [f"{f}/: {n} files" for f, n in folders.items()]
