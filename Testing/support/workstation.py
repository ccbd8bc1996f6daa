"""A session on a real MRML scene and a small patient, for tests. Time is moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.contract.errors import BackendUnreachable
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.scene.logics import SceneLogics, headless_logics
from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.session.events import Event
from AmlartContourLib.session.patient import PatientFiles, PatientSource
from AmlartContourLib.session.ports import Clocks
from AmlartContourLib.session.session import Session
from AmlartContourLib.session.store import SessionStore
from support.shapes import ball, block, grid

SIZE = (64, 60, 40)
SPACING_MM = (2.0, 2.0, 3.0)
CENTRE = (0.0, 0.0, 0.0)


@dataclass
class HandClock:
    """A clock that a test moves."""

    seconds: float = 1000.0
    start: datetime = field(default_factory=lambda: datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))

    def clocks(self) -> Clocks:
        """As a session takes it."""
        return Clocks(lambda: self.seconds, lambda: self.start + timedelta(seconds=self.seconds))


def no_backend() -> BackendClient:
    """For sessions that never contour."""
    raise BackendUnreachable("There is no backend in this test.", "refused")


def pelvis(direction: str = "head first supine") -> Geometry:
    """A small grid with anisotropic voxels, centred on the origin."""
    return grid(SIZE, SPACING_MM, direction, CENTRE)


def parts(geometry: Geometry) -> dict[str, Mask]:
    """Simple forms in the places of a pelvis, some of them overlapping."""
    return {
        "bladder": ball(geometry, (0, -30, -20), 16),
        "anorectum": block(geometry, (-8, 28, -50), (8, 44, 20)),
        "cervix": ball(geometry, (0, 0, -20), 11),
        "uterus": ball(geometry, (0, -4, 2), 17),
        "vagina": block(geometry, (-8, 2, -54), (8, 16, -24)),
        "parametrium_left": block(geometry, (10, -6, -32), (34, 10, -8)),
        "parametrium_right": block(geometry, (-34, -6, -32), (-10, 10, -8)),
        "ctvn": block(geometry, (-44, 6, -40), (-24, 34, 54)) | block(geometry, (24, 6, -40), (44, 34, 54)),
    }


def borders() -> tuple[LevelBorder, ...]:
    """Planes at z = 30 (aortic) and z = 6 (common iliac, both sides), the aortic one estimated."""
    up = (0.0, 0.0, 1.0)
    return (
        LevelBorder(BorderKind.AORTIC_BIFURCATION, (0.0, 0.0, 30.0), up, "from vertebrae", True),
        LevelBorder(BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, (34.0, 20.0, 6.0), up, "from vessels", False),
        LevelBorder(BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, (-34.0, 20.0, 6.0), up, "from vessels", False),
    )


def contours(geometry: Geometry | None = None) -> Contours:
    """What an engine gives for that patient."""
    geometry = geometry or pelvis()
    made = [Contour(i, mask, Source.MODEL) for i, mask in parts(geometry).items()]
    return Contours(
        StructureSet.of(geometry, made), borders=borders(), engine="test engine", engine_version="1"
    )


def files(geometry: Geometry | None = None, name: str = "CASE-1", **came_in: Mask) -> PatientFiles:
    """A patient of noise, with contours that came with it."""
    geometry = geometry or pelvis()
    noise = np.random.default_rng(7).normal(40, 30, geometry.shape_kji)
    sha = "".join(f"{byte:02x}" for byte in name.encode()).ljust(64, "0")[:64]
    scan = CtScan(noise.astype(np.int16), geometry, source_sha256=sha)
    given = StructureSet.of(geometry, (Contour(i, mask, Source.IMPORTED) for i, mask in came_in.items()))
    return PatientFiles(PatientSource.at(Path("/patients") / name, name=name), scan, given, (), ())


@dataclass
class Desk:
    """A session, what it is made of, and what it told."""

    home: Path
    clock: HandClock = field(default_factory=HandClock)
    connect: Callable[[], BackendClient] = no_backend
    logics: SceneLogics = field(default_factory=headless_logics)

    def __post_init__(self) -> None:
        self.scene = PatientScene(self.logics)
        self.store = SessionStore(self.home)
        self.session = Session(self.scene, self.store, self.connect, clocks=self.clock.clocks())
        self.told: list[Event] = []
        self.session.subscribe(self.told.append)

    def with_contours(self, name: str = "CASE-1", geometry: Geometry | None = None) -> Session:
        """The session, its patient open and contoured."""
        self.session.open(files(geometry, name))
        self.session.contouring.take(contours(geometry))
        return self.session

    def wait(self, seconds: float) -> None:
        """Time goes on."""
        self.clock.seconds += seconds

    def kinds(self) -> list[str]:
        """Names of the events told so far."""
        return [type(event).__name__ for event in self.told]


def painted(mask: Mask, centre_lps: tuple[float, float, float], radius_mm: float, add: bool = True) -> Mask:
    """A mask after a stroke of a round brush."""
    dab = ball(mask.geometry, centre_lps, radius_mm)
    return mask | dab if add else mask - dab
