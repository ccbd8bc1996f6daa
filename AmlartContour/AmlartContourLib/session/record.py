"""Everything of a session but its voxels: what was chosen, seen, logged and found. Immutable.

As text it is a table of named parameters, the same in a scene and in a saved session. Names of parameters and
of enum members in them are frozen: they are in saved scenes. A scene drops parameters that are empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.contract.errors import AmlartError, DamagedFile
from AmlartContourLib.contract.frame_header import BorderNote
from AmlartContourLib.contract.strict_json import from_json, from_plain, to_json, to_plain
from AmlartContourLib.domain.edit_log import EditLog
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.review import Review
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.exchange.case_record import AcceptedProposal, Engine

FORM = "amlart-session-1"
T = TypeVar("T")


class Phase(Enum):
    """Where a patient stands, in the words that both faces show. Member names are written to saved sessions:
    never rename one."""

    NEW = "new"
    CONTOURING = "contouring"
    READY = "contours ready"
    IN_REVIEW = "in review"
    DRAFT_EXPORTED = "draft exported"
    APPROVED = "approved"
    EXPORTED = "exported"


@dataclass(frozen=True)
class Record:
    """`preset` is the name or file of the site preset the choices started from; `tolerances_mm` those that
    were changed; `exported_at` is UTC, empty before an export and again after a change; `is_blind` while
    contours that came are held back; `expected` is what the engine said of editing to come; `accepted` the
    proposals of "fix here" that were accepted."""

    selection: Selection
    preset: str = ""
    borders: tuple[LevelBorder, ...] = ()
    review: Review = field(default_factory=Review)
    log: EditLog = field(default_factory=EditLog)
    findings: tuple[str, ...] = ()
    engines: tuple[Engine, ...] = ()
    tolerances_mm: Mapping[str, float] = field(default_factory=dict)
    exported_at: str = ""
    is_blind: bool = False
    expected: ExpectedEffort | None = None
    accepted: tuple[AcceptedProposal, ...] = ()


@dataclass(frozen=True)
class Identity:
    """Which patient a record belongs to: the key of its saved session, its pseudonym, its scan's hash."""

    key: str
    name: str
    scan_sha256: str


def first_engine(record: Record) -> Engine | None:
    """The engine that drew what came, apart from those that only proposed changes; None where there was no
    such one, or several."""
    fixed = {one.engine for one in record.accepted}
    drew = {engine for engine in record.engines if engine not in fixed}
    return drew.pop() if len(drew) == 1 else None


def to_parameters(identity: Identity, record: Record, phase: Phase) -> dict[str, str]:
    """The record as text by parameter name."""
    borders = [_border_note(border) for border in record.borders]
    return {
        "Form": FORM,
        "Key": identity.key,
        "Name": identity.name,
        "ScanSha256": identity.scan_sha256,
        "Phase": phase.name,
        "Selection": json.dumps(record.selection.to_json()),
        "Preset": record.preset,
        "Borders": json.dumps(to_plain(tuple(borders))),
        "Review": to_json(record.review),
        "EditLog": to_json(record.log),
        "Findings": json.dumps(list(record.findings)),
        "Engines": json.dumps(to_plain(record.engines)),
        "TolerancesMm": json.dumps(dict(record.tolerances_mm)),
        "ExportedAt": record.exported_at,
        "IsBlind": "true" if record.is_blind else "false",
        "ExpectedEffort": to_json(record.expected) if record.expected else "",
        "AcceptedProposals": json.dumps(to_plain(record.accepted)) if record.accepted else "",
    }


def identity_of(parameters: Mapping[str, str]) -> Identity:
    """Whose record it is. DamagedFile where it is no record of this form."""
    if parameters.get("Form") != FORM:
        raise DamagedFile(
            "The saved session is of a form that this version does not know.",
            kept="It was left as it is.",
            advice="Open it with the version that wrote it.",
        )
    return Identity(*(_text(parameters, name) for name in ("Key", "Name", "ScanSha256")))


def phase_of(parameters: Mapping[str, str]) -> Phase:
    """The phase that was saved. DamagedFile where it is none."""
    try:
        return Phase[_text(parameters, "Phase")]
    except KeyError:
        raise DamagedFile("The saved session's phase is not known to this version.") from None


def expected_of(parameters: Mapping[str, str]) -> ExpectedEffort | None:
    """What the engine said of editing to come. DamagedFile where it cannot be read."""
    return _expected(parameters.get("ExpectedEffort", ""))


def from_parameters(parameters: Mapping[str, str]) -> Record:
    """The record from its text. DamagedFile, naming the parameter, where it cannot be read."""
    identity_of(parameters)
    try:
        selection = Selection.from_json(_plain(parameters, "Selection"), "The saved selection")
    except AmlartError as error:
        raise DamagedFile(f"The saved selection cannot be used: {error.what}") from error
    return Record(
        selection=selection,
        preset=parameters.get("Preset", ""),
        borders=tuple(_border(n) for n in from_plain(_Borders, {"all": _plain(parameters, "Borders")}).all),
        review=from_json(Review, _text(parameters, "Review")),
        log=from_json(EditLog, _text(parameters, "EditLog")),
        findings=from_plain(_Texts, {"all": _plain(parameters, "Findings")}).all,
        engines=from_plain(_Engines, {"all": _plain(parameters, "Engines")}).all,
        tolerances_mm=from_plain(_Numbers, {"all": _plain(parameters, "TolerancesMm")}).all,
        exported_at=parameters.get("ExportedAt", ""),
        is_blind=_text(parameters, "IsBlind") == "true",
        expected=expected_of(parameters),
        accepted=from_plain(_Accepted, {"all": _accepted(parameters)}).all,
    )


@dataclass(frozen=True)
class _Borders:
    all: tuple[BorderNote, ...]


@dataclass(frozen=True)
class _Texts:
    all: tuple[str, ...]


@dataclass(frozen=True)
class _Engines:
    all: tuple[Engine, ...]


@dataclass(frozen=True)
class _Accepted:
    all: tuple[AcceptedProposal, ...]


@dataclass(frozen=True)
class _Numbers:
    all: Mapping[str, float]


def _expected(text: str) -> ExpectedEffort | None:
    return from_json(ExpectedEffort, text) if text else None


def _accepted(parameters: Mapping[str, str]) -> Any:
    """None in sessions that were saved before there were any."""
    return _plain(parameters, "AcceptedProposals") if parameters.get("AcceptedProposals") else []


def _text(parameters: Mapping[str, str], name: str) -> str:
    try:
        return parameters[name]
    except KeyError:
        raise DamagedFile(f"The saved session lacks {name}.") from None


def _plain(parameters: Mapping[str, str], name: str) -> Any:
    try:
        return json.loads(_text(parameters, name))
    except ValueError as error:
        raise DamagedFile(f"The saved session's {name} is not JSON.") from error


def _border_note(border: LevelBorder) -> BorderNote:
    kind = border.kind.name
    return BorderNote(kind, border.point_lps, border.normal_lps, border.evidence, border.estimated)


def _border(note: BorderNote) -> LevelBorder:
    try:
        kind = BorderKind[note.kind]
    except KeyError:
        raise DamagedFile("The saved session holds a level border that this version does not know.") from None
    return LevelBorder(kind, note.point_lps, note.normal_lps, note.evidence, note.estimated)
