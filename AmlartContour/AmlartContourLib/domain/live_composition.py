"""A composition that follows the hand: a choice or an edited part in, new composites and their changes out.

There is one implementation of the rules, `compose`, and it is fast enough to run whole at each step; what is
kept between steps is only what lets others follow cheaply. A composite or a part as used that holds the same
voxels as before stays the same object, its counted volume with it; of every other composite the box that
holds the change is told. Parts are never edited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.composition import Composition, compose
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, StructureSet
from AmlartContourLib.domain.structures import Catalogue


@dataclass(frozen=True)
class Step:
    """What a step led to: the composition, and by id of every composite that changed the tightest box round
    its changed voxels. A composite that came or went changed where it holds or held voxels."""

    composition: Composition
    changed: Mapping[str, Box]


class LiveComposition:
    """Structures, a selection and what they make, kept together. `composition` always equals `compose`."""

    def __init__(self, structures: StructureSet, selection: Selection, catalogue: Catalogue) -> None:
        self._structures = structures
        self._selection = selection
        self._catalogue = catalogue
        self._composition = compose(structures, selection, catalogue)

    @property
    def structures(self) -> StructureSet:
        """The structures as last given."""
        return self._structures

    @property
    def selection(self) -> Selection:
        """The selection as last given."""
        return self._selection

    @property
    def composition(self) -> Composition:
        """What they make."""
        return self._composition

    def choose(self, selection: Selection) -> Step:
        """After another choice of parts, lengths, margins or rules."""
        return self._step(self._structures, selection)

    def edit(self, *contours: Contour) -> Step:
        """After these were edited or added. GeometryMismatch, and nothing changes, on another grid."""
        return self._step(self._structures.with_contours(*contours), self._selection)

    def take(self, structures: StructureSet) -> Step:
        """After any other change of the structures: some removed, an edit undone, another case."""
        return self._step(structures, self._selection)

    def _step(self, structures: StructureSet, selection: Selection) -> Step:
        before, made = self._composition, compose(structures, selection, self._catalogue)
        if before.composites.geometry == structures.geometry:
            composites, changed = _kept_where_same(made.composites, before.composites)
            used, _ = _kept_where_same(made.used, before.used)
            made = replace(made, composites=composites, used=used)
        else:
            changed = _boxes(made.composites)
        self._structures, self._selection, self._composition = structures, selection, made
        return Step(made, MappingProxyType(changed))


def _kept_where_same(now: StructureSet, before: StructureSet) -> tuple[StructureSet, dict[str, Box]]:
    """The set with the masks of before where no voxel differs, and the boxes of what does."""
    kept: list[Contour] = []
    changed: dict[str, Box] = {}
    for contour in now:
        mask = before.mask(contour.structure_id)
        box = contour.mask.changed_box(mask)
        if not box.is_empty:
            changed[contour.structure_id] = box
        elif contour.structure_id in before:
            contour = replace(contour, mask=mask)
        kept.append(contour)
    gone = before.only(i for i in before.ids if i not in now)
    return StructureSet.of(now.geometry, kept), changed | _boxes(gone)


def _boxes(structures: StructureSet) -> dict[str, Box]:
    return {c.structure_id: c.mask.box for c in structures if not c.mask.is_empty}
