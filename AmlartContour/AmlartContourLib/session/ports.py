"""What a session needs of the world outside: a scene that shows it, and clocks.

`scene.patient_scene.PatientScene` is the scene of both faces. The session never sees a node: it gives and
takes masks, so it can be read without knowing MRML.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.scene.look import Look


class SceneContent(Protocol):
    """What a scene from a file holds: the CT, the contours and the state that was kept with them."""

    @property
    def hu_kji(self) -> NDArray[np.int16]:
        """The CT in HU."""

    @property
    def geometry(self) -> Geometry:
        """Its grid."""

    @property
    def originals(self) -> StructureSet:
        """The contours as they came."""

    @property
    def parts(self) -> StructureSet:
        """The contours as they are now."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """The state."""


class Scene(Protocol):
    """The scene of one patient. All calls from the face's own thread."""

    def show_patient(self, name: str, hu_kji: NDArray[np.int16], geometry: Geometry) -> None:
        """A new patient: everything of the one before goes."""

    def show_originals(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """The contours as they came: those of the ids that the set holds are written, the others are taken
        away."""

    def show_parts(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """The same for parts."""

    def show_composites(self, contours: StructureSet, ids: Iterable[str], looks: Mapping[str, Look]) -> None:
        """The same for composites."""

    def edited_parts(self) -> tuple[str, ...]:
        """Ids of parts that something else than these calls has changed, added or taken away."""

    def edited_originals(self) -> tuple[str, ...]:
        """The same for the contours as they came."""

    def edited_composites(self) -> tuple[str, ...]:
        """The same for composites."""

    def part(self, structure_id: str) -> Mask | None:
        """The voxels of a part as the scene holds them; None where it has no such segment."""

    def keep_state(self, parameters: Mapping[str, str]) -> None:
        """Writes the state into the scene, so that it is saved with it."""

    def found_state(self) -> Mapping[str, str] | None:
        """The state that the scene holds, of whichever patient; None where it holds none."""

    def content(self) -> SceneContent | None:
        """What a scene from a file holds, taken over as this patient; None where it holds no session."""

    def let_go(self) -> None:
        """The patient's nodes stay in the scene and are this patient's no longer."""

    def is_there(self) -> bool:
        """True while every node of the patient is still in the scene."""

    def clear(self) -> None:
        """Takes everything of the patient out of the scene."""


@dataclass(frozen=True)
class Clocks:
    """A steady clock in seconds, and the time of day in UTC."""

    steady_s: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def stamp(self) -> str:
        """UTC in ISO form, to the second."""
        return self.now().isoformat(timespec="seconds")
