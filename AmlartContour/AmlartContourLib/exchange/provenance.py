"""The provenance file: from what, by what, how and when an export was made, and how well it reads back.

The form is Resources/Provenance/provenance.schema.json. Invariants: no patient data and no paths outside the
export; times in UTC; the approval is always UNAPPROVED, because approval belongs to the planning system.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.contract.strict_json import to_plain
from AmlartContourLib.contract.version import SOFTWARE, VERSION
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.rules import RuleMessage
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.case_record import CaseRecord
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.nifti_out import LabelMapWritten
from AmlartContourLib.exchange.resources import RESOURCES

FORM = "amlart-provenance-1"
SCHEMA = RESOURCES / "Provenance" / "provenance.schema.json"
LIBRARIES = ("numpy", "scipy", "SimpleITK", "pydicom")


@dataclass(frozen=True)
class Agreement:
    """One structure in one written format: voxels given, voxels read back, and voxels that differ."""

    structure_id: str
    format: str
    voxels_written: int
    voxels_read: int
    voxels_different: int

    @classmethod
    def between(cls, structure_id: str, written_as: str, given: Mask, found: Mask) -> Agreement:
        """From what was given and what was read; both on one grid (else GeometryMismatch)."""
        different = (given - found).voxel_count + (found - given).voxel_count
        return cls(structure_id, written_as, given.voxel_count, found.voxel_count, different)


@dataclass(frozen=True)
class WrittenFile:
    """One file of the export: its path within it, its size, its SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Provenance:
    """All that the file says; `to_json` gives it in the form of the schema."""

    record: CaseRecord
    structures: StructureSet
    catalogue: Catalogue
    written: datetime
    files: tuple[WrittenFile, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    label_map: LabelMapWritten | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values in the form of the schema."""
        record = self.record
        return {
            "form": FORM,
            "notice": RESEARCH_ONLY,
            "approval": "UNAPPROVED",
            "reviewer": record.reviewer or None,
            "case": record.pseudonym or None,
            "times_utc": {
                "started": _utc(record.started) if record.started else None,
                "written": _utc(self.written),
            },
            "software": software_versions(),
            "inputs": [asdict(item) for item in record.inputs],
            "engines": [asdict(engine) for engine in record.engines],
            "grid": _grid(self.structures.geometry),
            "catalogue_version": self.catalogue.version,
            "preset": _preset(record.preset) if record.preset else None,
            "selection": record.selection.to_json() if record.selection else None,
            "structures": [_structure(contour, self.catalogue) for contour in self.structures],
            "derived": [c.structure_id for c in self.structures if c.source is Source.DERIVED],
            "level_borders": [border_json(border) for border in record.borders],
            "rule_messages": [message_json(message) for message in record.messages],
            "findings": list(record.findings),
            "accepted_proposals": to_plain(record.accepted),
            "label_map": _label_map(self.label_map) if self.label_map else None,
            "files": [asdict(file) for file in self.files],
            "read_back": [asdict(agreement) for agreement in self.agreements],
        }

    def to_bytes(self) -> bytes:
        """The file's content: JSON in UTF-8."""
        return (json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n").encode()


def written_files(folder: Path) -> tuple[WrittenFile, ...]:
    """Every file under a folder, with its hash, sorted by path."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return tuple(WrittenFile(p.relative_to(folder).as_posix(), p.stat().st_size, sha256_of(p)) for p in files)


def software_versions() -> dict[str, object]:
    """Names and versions of this software and of what it computes with. No host or user name."""
    libraries = {name: _version(name) for name in LIBRARIES}
    return {
        "name": SOFTWARE,
        "version": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "libraries": libraries,
    }


def border_json(border: LevelBorder) -> dict[str, object]:
    """One level border, with how it was found."""
    return {
        "kind": border.kind.name,
        "meaning": border.kind.value,
        "point_lps_mm": list(border.point_lps),
        "normal_lps": list(border.normal_lps),
        "evidence": border.evidence,
        "estimated": border.estimated,
    }


def message_json(message: RuleMessage) -> dict[str, object]:
    """One message of the rules."""
    return {
        "rule": message.rule.name if message.rule else None,
        "severity": message.severity.name,
        "text": message.text,
        "structures": list(message.ids),
        "volume_cc": message.volume_cc,
        "kept": message.kept_id,
        "trimmed": message.trimmed_id,
        "place": asdict(message.place) if message.place else None,
    }


def _structure(contour: Contour, catalogue: Catalogue) -> dict[str, object]:
    entry = catalogue[contour.structure_id]
    return {
        "id": entry.id,
        "name": entry.display_name,
        "tg263_name": entry.tg263_name,
        "source": contour.source.name,
        "note": contour.note,
        "voxels": contour.mask.voxel_count,
        "volume_cc": contour.mask.volume_cc,
    }


def _preset(preset: SitePreset) -> dict[str, object]:
    return {
        "id": preset.id,
        "version": preset.version,
        "title": preset.title,
        "verified": preset.verified,
        "status": preset.status,
        "sources": list(preset.sources),
    }


def _label_map(written: LabelMapWritten) -> dict[str, object]:
    return {
        "labels": dict(written.labels),
        "priority": list(written.priority),
        "lost_to_overlap": [asdict(loss) for loss in written.losses],
    }


def _grid(geometry: Geometry) -> dict[str, object]:
    return {"size_ijk": list(geometry.size_ijk), "spacing_mm": list(geometry.spacing_mm)}


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def texts_of(agreements: Iterable[Agreement]) -> tuple[str, ...]:
    """A sentence for each structure that did not come back as it was given."""
    return tuple(
        f"{a.structure_id} in {a.format}: {a.voxels_different} of {a.voxels_written} voxels differ"
        for a in agreements
        if a.voxels_different
    )
