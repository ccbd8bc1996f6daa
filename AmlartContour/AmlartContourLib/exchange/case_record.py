"""What is known of a case besides its voxels: told by the caller once, for provenance file and report.

Invariant: no patient data and no file names; inputs are known by their hash, the case by a pseudonym.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
class CaseRecord:
    """How the contours of one case came about.

    `messages` are those of the composition; `findings` sentences for the reader about the scan and about
    what was done; `started` is when the work began; `reviewer` is whoever the user names, and is empty until
    someone has reviewed. All may be absent: what is not known is not said.
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
