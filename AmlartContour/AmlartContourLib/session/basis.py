"""What a change of a case leads to, worked out from its values alone.

Nothing here changes a case, so any thread may do it: the window goes on while contours of an engine are
worked in. The face's thread then takes the outcome over in one quick step (`Case.accept`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass

from AmlartContourLib.domain.axial import AxialSlices, changed_slices
from AmlartContourLib.domain.live_composition import LiveComposition, Step
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.session.history import Drawn


@dataclass(frozen=True)
class Change:
    """Ids of the structures and of the composites whose voxels changed, that came, or that went."""

    structures: tuple[str, ...]
    composites: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Basis:
    """The drawn parts of a case, their composition, and both together as they are reviewed. `live` is stepped
    on copies only."""

    drawn: Drawn
    live: LiveComposition
    final: StructureSet
    axial: AxialSlices

    @classmethod
    def of(cls, drawn: Drawn, selection: Selection, catalogue: Catalogue, axial: AxialSlices) -> Basis:
        """That of a case that begins."""
        return cls._with(drawn, LiveComposition(drawn.structures, selection, catalogue), axial)

    def drawing(self, drawn: Drawn) -> Outcome:
        """After structures, the nodal rest or borders changed."""
        live = copy(self.live)
        step = live.take(drawn.structures)
        return self._outcome(_differing(self.drawn.structures, drawn.structures), step, drawn, live)

    def choosing(self, selection: Selection) -> Outcome:
        """After another choice of parts, lengths, margins or rules."""
        live = copy(self.live)
        return self._outcome((), live.choose(selection), self.drawn, live)

    @classmethod
    def _with(cls, drawn: Drawn, live: LiveComposition, axial: AxialSlices) -> Basis:
        final = drawn.structures.with_contours(*live.composition.composites)
        return cls(drawn, live, final, axial)

    def _outcome(
        self, structures: tuple[str, ...], step: Step, drawn: Drawn, live: LiveComposition
    ) -> Outcome:
        had, have = self.live.composition.composites.ids, live.composition.composites.ids
        change = Change(structures, _composites_changed(had, have, step.changed))
        after = self._with(drawn, live, self.axial)
        ids = {*change.structures, *change.composites}
        return Outcome(self, after, change, _slices_changed(self.final, after.final, ids, self.axial))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a change leads to: from which basis to which, the ids that change, and by id the axial slices in
    which the final contours differ."""

    before: Basis
    after: Basis
    change: Change
    touched: Mapping[str, Collection[int]]


def _composites_changed(
    had: tuple[str, ...], have: tuple[str, ...], changed: Iterable[str]
) -> tuple[str, ...]:
    """Those whose voxels changed, and those that came or went without a voxel."""
    return tuple(dict.fromkeys((*changed, *sorted(set(had) ^ set(have)))))


def _differing(before: StructureSet, after: StructureSet) -> tuple[str, ...]:
    """Ids whose voxels differ, that came, or that went."""
    ids = dict.fromkeys((*before.ids, *after.ids))
    return tuple(
        i
        for i in ids
        if (i in before) != (i in after)
        or not (before.mask(i) is after.mask(i) or before.mask(i).same_voxels(after.mask(i)))
    )


def _slices_changed(
    before: StructureSet, after: StructureSet, ids: Iterable[str], axial: AxialSlices
) -> Mapping[str, Collection[int]]:
    """The axial slices in which the final contours differ, by id; those without a difference are left out."""
    found: dict[str, Collection[int]] = {}
    for structure_id in ids:
        one, other = before.mask(structure_id), after.mask(structure_id)
        slices = () if one is other else changed_slices(one, other, axial)
        if slices:
            found[structure_id] = slices
    return found
