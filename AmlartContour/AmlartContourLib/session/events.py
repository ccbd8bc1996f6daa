"""What a session tells its listeners, on the face's own thread, after all that it tells has happened."""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.contract.errors import AmlartError


@dataclass(frozen=True)
class PatientOpened:
    """A patient is open; everything is to be drawn anew."""

    recovered: bool


@dataclass(frozen=True)
class PatientClosed:
    """No patient is open."""


@dataclass(frozen=True)
class StructuresChanged:
    """Parts, levels or organs whose voxels changed, that came, or that went."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class CompositesChanged:
    """Composites that changed, came or went. The rule messages may have changed with them."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class ChoicesChanged:
    """The selection, the preset, a border or a tolerance."""


@dataclass(frozen=True)
class ReviewChanged:
    """What was seen, marked or approved; or the phase of the patient."""


@dataclass(frozen=True)
class ProgressChanged:
    """The running job got further."""


@dataclass(frozen=True)
class ContoursArrived:
    """Contours of an engine are here. `ids` were taken; `kept` stayed as they were, because a person had
    drawn, edited or imported them."""

    ids: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class ContouringEnded:
    """The job ended without contours: with an error, or because it was cancelled (None)."""

    error: AmlartError | None


@dataclass(frozen=True)
class ProposalChanged:
    """A change that a prompt asked for is proposed, was accepted or rejected, or could not be made."""


@dataclass(frozen=True)
class Saved:
    """Everything up to a moment is on the disk."""


@dataclass(frozen=True)
class SaveFailed:
    """Saving failed; it will be tried again."""

    error: AmlartError


@dataclass(frozen=True)
class Told:
    """A sentence for the user that no other event carries."""

    text: str


Event = (
    PatientOpened
    | PatientClosed
    | StructuresChanged
    | CompositesChanged
    | ChoicesChanged
    | ReviewChanged
    | ProgressChanged
    | ContoursArrived
    | ContouringEnded
    | ProposalChanged
    | Saved
    | SaveFailed
    | Told
)
