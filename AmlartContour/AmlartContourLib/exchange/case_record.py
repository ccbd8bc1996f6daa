"""What is known of a case besides its voxels: told by the caller once, for provenance file and report.

Invariant: no patient data and no file names; inputs are known by their hash, the case by a pseudonym.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from AmlartContourLib.contract.prompt import Prompt
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.rules import RuleMessage
from AmlartContourLib.domain.selection import Selection


@dataclass(frozen=True)
class Input:
    """One input: what it was used as ("CT", "organ masks"), its SHA-256, and its file format."""

    role: str
    sha256: str
    format: str = ""


@dataclass(frozen=True)
class Engine:
    """What made contours: its name, its version, and for a network the hash of its weights."""

    name: str
    version: str
    weights_sha256: str = ""


@dataclass(frozen=True)
class AcceptedProposal:
    """A change of one structure that an engine proposed for a prompt and a person accepted, at a time (UTC,
    ISO). It stays here when it is undone: the edit log tells that."""

    at: str
    structure_id: str
    engine: Engine
    prompt: Prompt
    accepted_by: str
    added_voxels: int
    removed_voxels: int


@dataclass(frozen=True)
class CaseRecord:
    """How the contours of one case came about.

    `messages` are those of the composition; `findings` sentences for the reader about the scan and about
    what was done; `started` is when the work began; `reviewer` is whoever the user names, and is empty until
    someone has reviewed; `accepted` what was accepted of "fix here". All may be absent: what is not known is
    not said.
    """

    pseudonym: str = ""
    inputs: tuple[Input, ...] = ()
    engines: tuple[Engine, ...] = ()
    preset: SitePreset | None = None
    selection: Selection | None = None
    messages: tuple[RuleMessage, ...] = ()
    borders: tuple[LevelBorder, ...] = ()
    findings: tuple[str, ...] = ()
    started: datetime | None = None
    reviewer: str = ""
    accepted: tuple[AcceptedProposal, ...] = ()
