"""What every use case of a session shares: the open case, the scene that shows it, and whom to tell.

Order of a change: the case first, the scene second, the listeners last, so a listener sees all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.domain.axial import changed_slices
from AmlartContourLib.domain.edit_log import ActiveTime, Edit
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.scene.look import Look
from AmlartContourLib.session.case import Case, Change
from AmlartContourLib.session.events import (
    ChoicesChanged,
    CompositesChanged,
    Event,
    ReviewChanged,
    StructuresChanged,
)
from AmlartContourLib.session.history import Drawn, Step
from AmlartContourLib.session.ports import Clocks, Scene
from AmlartContourLib.session.record import Identity, to_parameters

Listener = Callable[[Event], None]


class Core:
    """The open case, shown and told of."""

    def __init__(self, scene: Scene, clocks: Clocks) -> None:
        self.scene = scene
        self.clocks = clocks
        self.active = ActiveTime()
        self.case_or_none: Case | None = None
        self._listeners: list[Listener] = []

    @property
    def case(self) -> Case:
        """The open case. BadSetting where no patient is open."""
        if self.case_or_none is None:
            raise BadSetting("No patient is open.", advice="Open a patient first.")
        return self.case_or_none

    @property
    def catalogue(self) -> Catalogue:
        """The structures this version knows."""
        return catalogue()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tells a listener of everything from now on; the answer ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self, *events: Event) -> None:
        """Tells every listener. What a listener raises reaches the caller, after the change is complete."""
        for event in events:
            for listener in tuple(self._listeners):
                listener(event)

    def preset(self) -> SitePreset | None:
        """The site preset the choices started from, None where there is none or its file is gone."""
        name = self.case.record.preset
        try:
            return preset_named(name) if name else None
        except AmlartError:
            return None

    def looks(self, ids: Iterable[str]) -> Mapping[str, Look]:
        """Name, colour and codes of structures, in the colours of the site."""
        preset, book = self.preset(), self.catalogue
        found = {}
        for structure_id in ids:
            entry = book[structure_id]
            colour = preset.colour_rgb(structure_id, book) if preset else entry.colour_rgb
            found[structure_id] = Look(entry.display_name, colour, entry.category, entry.code)
        return found

    def show(self, change: Change, *, in_scene: Iterable[str] = ()) -> None:
        """Shows a change and tells of it. `in_scene`: structures that the scene shows already."""
        case = self.case
        parts = [i for i in change.structures if i not in set(in_scene)]
        if parts:
            self.scene.show_parts(case.structures, parts, self.looks(parts))
        if change.composites:
            composites = case.composition.composites
            self.scene.show_composites(composites, change.composites, self.looks(change.composites))
        if change.structures:
            self.tell(StructuresChanged(change.structures))
        if change.composites:
            self.tell(CompositesChanged(change.composites))
        if change.structures or change.composites:
            self.tell(ReviewChanged())

    def restore_locked(self) -> None:
        """Writes again what of the composites and of the contours as they came was changed by others."""
        case, scene = self.case, self.scene
        if ids := scene.edited_composites():
            composites = case.composition.composites
            scene.show_composites(composites, ids, self.looks(i for i in ids if i in composites))
        if scene.edited_originals():
            self.restore_originals()

    def restore_originals(self) -> None:
        """Writes the contours as they came."""
        case = self.case
        shown = case.originals.only(i for i in case.originals.ids if i in case.structures)
        self.scene.show_originals(shown, self.looks(shown.ids))

    def show_all(self) -> None:
        """Everything of the case into the scene, which holds its CT already."""
        case = self.case
        composites = case.composition.composites
        self.restore_originals()
        self.scene.show_parts(case.structures, case.structures.ids, self.looks(case.structures.ids))
        self.scene.show_composites(composites, composites.ids, self.looks(composites.ids))
        self.keep_state()

    def step(
        self, label: str, tool: str, structure_id: str, drawn: Drawn, *, in_scene: Iterable[str] = ()
    ) -> Change:
        """One undoable step, logged, shown and told of. Nothing happens where no voxel and border differs."""
        case = self.case
        before = case.drawn
        change = case.draw(drawn)
        if not change.structures and before.borders == drawn.borders and before.rest is drawn.rest:
            return change
        case.history.did(Step(label, structure_id, before, case.drawn))
        self.log(tool, structure_id, before, case.drawn, change)
        self.show(change, in_scene=in_scene)
        if before.borders != drawn.borders:
            self.tell(ChoicesChanged())
        return change

    def log(self, tool: str, structure_id: str, before: Drawn, after: Drawn, change: Change) -> None:
        """An entry for each structure that changed; the active time goes to the one that was meant."""
        case, at = self.case, self.clocks.stamp()
        active_s = self.active.taken(self.clocks.steady_s())
        log = case.record.log
        meant = structure_id if structure_id in change.structures else next(iter(change.structures), "")
        for changed in change.structures:
            one, other = before.structures.mask(changed), after.structures.mask(changed)
            slices = changed_slices(one, other, case.patient.axial)
            entry = Edit(
                at=at,
                tool=tool,
                structure_id=changed,
                first_k=slices[0] if slices else None,
                last_k=slices[-1] if slices else None,
                added_voxels=_count(other - one),
                removed_voxels=_count(one - other),
                active_s=active_s if changed == meant else 0.0,
            )
            log = log.added(entry)
        case.note(replace(case.record, log=log))

    def keep_state(self) -> None:
        """Writes the state into the scene, where both are there."""
        if self.case_or_none is not None and self.scene.is_there():
            self.scene.keep_state(self.parameters())

    def parameters(self) -> Mapping[str, str]:
        """The record of the case as text."""
        case = self.case
        patient = case.patient
        identity = Identity(patient.key, patient.name, patient.scan.source_sha256)
        return to_parameters(identity, case.record, case.phase)


def _count(mask: Mask) -> int:
    return mask.voxel_count


@lru_cache(maxsize=8)
def preset_named(name: str) -> SitePreset:
    """A preset, read once. BadSetting where it cannot be."""
    return load_preset(name)
