"""One CT through the whole loop: scan and contours in, nodal levels, derived parts, composites, messages.

    read_ct -> read_merged_contours -> check_labels -> contour_nodal, or an engine -> derive -> compose

After an engine that gives vessels or bones and no nodal levels, contour_nodal draws those from them.

Contours that came in go before those that are made: a nodal CTV that came in whole is divided at the borders
found, and the guideline's own levels are then not used. Every step returns a new value. What each step has to
say reaches the reader through the record's findings and messages. Writing the result is `exchange.export` and
`exchange.report`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from AmlartContourLib.contract.errors import NothingToContour
from AmlartContourLib.domain.composition import Composition, compose
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.derivation import derive
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.parts import NODAL_IDS
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.rules import check_labels
from AmlartContourLib.domain.selection import SELECTABLE, Selection
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.case_record import CaseRecord, Engine, Input
from AmlartContourLib.exchange.contours_merged import read_merged_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.guideline.margins_preset import GuidelineMargins
from inference_backend.guideline.nodal import contour_nodal

Progress = Callable[[float, str], None]
Contourer = Callable[[CtScan, StructureSet, Progress], Contours]
"""Takes a scan, the contours that came in and whom to tell of progress; may raise NothingToContour."""


@dataclass(frozen=True)
class Request:
    """What to do with one CT.

    `contours` are folders of masks, label maps or RTSTRUCT files; of two that hold one structure the first
    counts. `engine` contours instead of the guideline, wherever it runs. Without it, `guideline` None leaves
    the nodal levels to the contours that come in.
    """

    ct: Path
    contours: tuple[Path, ...]
    preset: SitePreset
    selection: Selection
    pseudonym: str
    guideline: GuidelineMargins | None = None
    engine: Contourer | None = None
    series_uid: str | None = None
    resample_tilt: bool = False


@dataclass(frozen=True, eq=False)
class Case:
    """One CT with its parts, its composites, and how they came about."""

    scan: CtScan
    structures: StructureSet
    composition: Composition
    record: CaseRecord

    @cached_property
    def exported(self) -> StructureSet:
        """Parts, levels, organs and composites; not the vessels, bones and muscles they were made from."""
        book = catalogue()
        whole = self.structures.with_contours(*self.composition.composites)
        return whole.only(sorted((i for i in whole.ids if book[i].role is not Role.LANDMARK), key=_rank))


def run(request: Request, progress: Progress) -> Case:
    """The whole loop. Raises the refusals of its steps; NothingToContour where no target comes of it."""
    started = datetime.now(UTC)
    progress(0.0, "Reading the CT")
    scan = read_ct(request.ct, series_uid=request.series_uid, resample_tilt=request.resample_tilt)
    progress(0.2, "Reading contours")
    came_in = read_merged_contours(request.contours, scan, request.pseudonym)
    progress(0.3, "Contouring")
    nodal = _made(request, scan, came_in.structures, lambda f, stage: progress(0.3 + 0.5 * f, stage))
    progress(0.8, "Composing")
    structures = derive(nodal.structures, nodal.borders)
    composition = compose(structures, request.selection, catalogue())
    _require_a_target(composition)
    record = CaseRecord(
        pseudonym=request.pseudonym,
        inputs=(Input("CT", scan.source_sha256), *came_in.inputs),
        engines=nodal.engines,
        preset=request.preset,
        selection=request.selection,
        messages=(*check_labels(came_in.structures), *composition.messages),
        borders=nodal.borders,
        findings=(*scan.findings, *came_in.findings, *nodal.findings),
        started=started,
    )
    return Case(scan, structures, composition, record)


@dataclass(frozen=True)
class _WithNodes:
    structures: StructureSet
    borders: tuple[LevelBorder, ...] = ()
    engines: tuple[Engine, ...] = ()
    findings: tuple[str, ...] = ()


def _made(request: Request, scan: CtScan, came_in: StructureSet, progress: Progress) -> _WithNodes:
    """The contours that came in with what the engine or the guideline makes; what came in goes before it.

    Where a whole CTVn came in, its borders are used and the nodal levels are not. Where there is nothing to
    work on, that is a refusal only if no target came in either.
    """
    guideline = _by_guideline(request.guideline)
    contour = request.engine or guideline
    if contour is None:
        return _WithNodes(came_in)
    try:
        made = contour(scan, came_in, progress)
    except NothingToContour as refusal:
        if any(came_in.has(i) for i in (*SELECTABLE, "ctvp", "ctvn")):
            return _WithNodes(came_in, findings=(str(refusal),))
        raise
    if request.engine and guideline and _lacks_levels_only(made.masks.with_contours(*came_in)):
        return _with_levels(made, guideline, scan, came_in)
    engines = (Engine(made.engine, made.engine_version),)
    if came_in.has("ctvn") and not any(came_in.has(i) for i in NODAL_IDS):
        findings = (
            *made.findings,
            "A CTVn came in: it is divided at these borders, its voxels stay as they are.",
        )
        book = catalogue()
        others = made.masks.only(i for i in made.masks.ids if book[i].role is not Role.NODAL_LEVEL)
        return _WithNodes(others.with_contours(*came_in), made.borders, engines, findings)
    own = came_in.only(i for i in came_in.ids if came_in.has(i))
    return _WithNodes(made.masks.with_contours(*own), made.borders, engines, made.findings)


def _lacks_levels_only(structures: StructureSet) -> bool:
    """True where vessels or bones are there to draw nodal levels from, and no level or CTVn is."""
    book = catalogue()
    if any(i in structures for i in (*NODAL_IDS, "ctvn")):
        return False
    return any(book[i].role is Role.LANDMARK and structures.has(i) for i in structures.ids)


def _with_levels(made: Contours, guideline: Contourer, scan: CtScan, came_in: StructureSet) -> _WithNodes:
    """An engine's organs, vessels and bones with the guideline's nodal levels round them."""
    own = came_in.only(i for i in came_in.ids if came_in.has(i))
    structures = made.masks.with_contours(*own)
    engines = (Engine(made.engine, made.engine_version),)
    try:
        levels = guideline(scan, structures, lambda _fraction, _stage: None)
    except NothingToContour as refusal:
        return _WithNodes(structures, made.borders, engines, (*made.findings, str(refusal)))
    return _WithNodes(
        levels.masks.with_contours(*structures),
        levels.borders,
        (*engines, Engine(levels.engine, levels.engine_version)),
        (*made.findings, *levels.findings),
    )


def _by_guideline(margins: GuidelineMargins | None) -> Contourer | None:
    """The guideline's nodal levels, made in this process."""
    if margins is None:
        return None

    def contour(scan: CtScan, came_in: StructureSet, progress: Progress) -> Contours:
        made = contour_nodal(scan, came_in, margins, progress)
        return Contours(
            made.structures,
            borders=made.borders,
            findings=made.messages,
            engine=f"guideline {margins.id}, para-aortic margins {margins.para_aortic.id}",
            engine_version=margins.version,
        )

    return contour


def _require_a_target(composition: Composition) -> None:
    if composition.composites.has("ctv"):
        return
    raise NothingToContour(
        "No target comes of this scan, these contours and this selection.",
        kept="Nothing was written.",
        advice=f"Give contours of, or include, some of: {', '.join(sorted(SELECTABLE))}.",
    )


def _rank(structure_id: str) -> tuple[int, int]:
    """Targets first, organs after them, each in the catalogue's order."""
    book = catalogue()
    order = (Role.PTV, Role.COMPOSITE, Role.GTV, Role.CTV_PART, Role.NODAL_LEVEL, Role.ORGAN)
    return order.index(book[structure_id].role), list(book).index(structure_id)
