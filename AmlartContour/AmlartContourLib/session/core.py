"""What every use case of a session shares: the open case, the scene that shows it, and whom to tell.

Order of a change: the case first, the scene second, the listeners last, so a listener sees all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import inf

from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.domain.axial import changed_slices
from AmlartContourLib.domain.edit_log import ActiveTime, Edit
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.scene.look import Look
from AmlartContourLib.session.backlog import Backlog, Layer
from AmlartContourLib.session.basis import Change
from AmlartContourLib.session.case import Case
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
SHOW_S = 0.015  # of one turn of the event loop; the segment that is being written then is the last


class Core:
    """The open case, shown and told of."""

    def __init__(self, scene: Scene, clocks: Clocks) -> None:
        self.scene = scene
        self.clocks = clocks
        self.active = ActiveTime()
        self.case_or_none: Case | None = None
        self.backlog = Backlog()
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
        already = set(in_scene)
        self.backlog.shown(Layer.PARTS, already)
        self._write(Layer.PARTS, [i for i in change.structures if i not in already])
        self._write(Layer.COMPOSITES, change.composites)
        self.tell(*_events_of(change))

    def show_by_and_by(self, change: Change, *events: Event) -> None:
        """The same by turns of `show_some`, and all contours as they came with it. Listeners are told of the
        change, then `events`, once all of it is shown."""
        self.backlog.add(Layer.PARTS, change.structures)
        self.backlog.add(Layer.COMPOSITES, change.composites)
        self.backlog.add(Layer.ORIGINALS, self._original_ids())
        self.backlog.then(*_events_of(change), *events)

    def show_some(self, for_s: float = SHOW_S) -> None:
        """Shows of what waits as much as a turn has time for. Once nothing waits, the next turn tells of it,
        because listeners take their time too."""
        until = self.clocks.steady_s() + for_s
        if (waiting := self.backlog.next()) is None:
            self.tell(*self.backlog.told())
        while waiting is not None:
            layer, structure_id = waiting
            self._write(layer, [structure_id])
            waiting = self.backlog.next() if self.clocks.steady_s() < until else None

    def show_rest(self) -> None:
        """Shows all that waits, and tells."""
        while not self.backlog.is_empty:
            self.show_some(inf)

    def _write(self, layer: Layer, ids: Sequence[str]) -> None:
        """Writes segments as the case has them, and takes away those it has not."""
        case = self.case
        self.backlog.shown(layer, ids)
        if not ids:
            return
        if layer is Layer.PARTS:
            write, contours = self.scene.show_parts, case.structures
        elif layer is Layer.COMPOSITES:
            write, contours = self.scene.show_composites, case.composition.composites
        else:
            write, contours = self.scene.show_originals, self._shown_originals()
        write(contours, ids, self.looks(i for i in ids if i in contours))

    def restore_locked(self) -> None:
        """Writes again what of the composites and of the contours as they came was changed by others."""
        self._write(Layer.COMPOSITES, self.scene.edited_composites())
        self._write(Layer.ORIGINALS, self.scene.edited_originals())

    def show_all(self) -> None:
        """Everything of the case into the scene, which holds its CT already."""
        case = self.case
        self.backlog.clear()
        self._write(Layer.ORIGINALS, self._original_ids())
        self._write(Layer.PARTS, case.structures.ids)
        self._write(Layer.COMPOSITES, case.composition.composites.ids)
        self.keep_state()

    def _shown_originals(self) -> StructureSet:
        """The contours as they came, landmarks apart."""
        case = self.case
        return case.originals.only(i for i in case.originals.ids if i in case.structures)

    def _original_ids(self) -> tuple[str, ...]:
        """Those, and what the scene holds beside them."""
        return tuple(dict.fromkeys((*self.case.originals.ids, *self.scene.edited_originals())))

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


def _events_of(change: Change) -> tuple[Event, ...]:
    events: list[Event] = []
    if change.structures:
        events.append(StructuresChanged(change.structures))
    if change.composites:
        events.append(CompositesChanged(change.composites))
    return (*events, ReviewChanged()) if events else ()


def _count(mask: Mask) -> int:
    return mask.voxel_count


@lru_cache(maxsize=8)
def preset_named(name: str) -> SitePreset:
    """A preset, read once. BadSetting where it cannot be."""
    return load_preset(name)
