"""What the CTV is made of: parts, presets, lengths, margins, rules and level borders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.border_move import MOVABLE, move_borders, require_possible
from AmlartContourLib.domain.levels import BorderKind, Point
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.parts import CTVP_PARTS, NODAL_IDS, PARAMETRIUM_IDS, leaves
from AmlartContourLib.domain.rules import Rule
from AmlartContourLib.domain.selection import SELECTABLE, Selection
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.domain.vagina import VaginaLength
from AmlartContourLib.exchange.presets import list_presets
from AmlartContourLib.session.core import Core, preset_named
from AmlartContourLib.session.events import ChoicesChanged
from AmlartContourLib.session.history import Drawn

PRIMARY, PARAMETRIUM, NODAL, ORGANS, TARGETS = "CTVp", "Parametrium", "Nodal", "Organs", "Targets"


@dataclass(frozen=True)
class PartRow:
    """One line of the tree of components.

    `parent_id` is the structure it is a side or a sub-level of, where that has a line too. `included`: it is
    in the CTV, by itself or within a larger part. `present`: it is there, itself or as its pieces. It is
    `editable` where it is a contour of its own. `volume_cc` is that of the part as it is, not as it is
    used; None where it is not there.
    """

    structure_id: str
    name: str
    colour_rgb: tuple[int, int, int]
    group: str
    parent_id: str | None
    selectable: bool
    included: bool
    present: bool
    editable: bool
    volume_cc: float | None
    source: str
    note: str


class Choices:
    """The use cases of the component tree."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def presets(self) -> tuple[str, ...]:
        """Names of the site presets that ship."""
        return list_presets()

    def choose(self, selection: Selection) -> None:
        """Any other selection: composites, volumes and messages follow."""
        self._choose(selection)

    def use_preset(self, name_or_path: str) -> None:
        """The choices a preset starts with. BadSetting where it cannot be read."""
        self._choose(preset_named(name_or_path).selection, name_or_path)

    def include(self, ids: Iterable[str], on: bool) -> None:
        """Takes parts into the CTV, or out of it. BadSetting for what can be no part of one."""
        selection = self._core.case.selection
        self._choose(selection.including(*ids) if on else selection.without(*ids))

    def set_vagina(self, length: VaginaLength) -> None:
        """How much of the vagina is included."""
        self._choose(replace(self._core.case.selection, vagina=length))

    def set_edit_back(self, on: bool) -> None:
        """Whether the parametrium is edited back to the vagina that is included."""
        self._choose(replace(self._core.case.selection, edit_back_parametrium=on))

    def set_ptv(self, target: str, margin: Margin | None) -> None:
        """The margin of ctvp, ctvn or ctv; None: no PTV of it."""
        margins = {t: m for t, m in self._core.case.selection.ptv.items() if t != target}
        if margin is not None:
            margins[target] = margin
        self._choose(replace(self._core.case.selection, ptv=margins))

    def set_disjoint(self, on: bool) -> None:
        """Whether rule 1 moves voxels of the composites."""
        off = frozenset() if on else frozenset({Rule.DISJOINT})
        self._choose(replace(self._core.case.selection, rules_off=off))

    def move_border(self, kind: BorderKind, point_lps: Point) -> float:
        """Moves a border's plane to a point, as one step; gives the cm3 that changed their level.

        BadSetting for a border that is not there or tells no levels apart, and for a place past another
        border or outside the scan.
        """
        case = self._core.case
        border = next((b for b in case.borders if b.kind is kind), None)
        if border is None or kind not in MOVABLE:
            raise BadSetting(
                f"The {kind.value} cannot be moved: it is not there, or tells no levels apart.",
                kept="Nothing was changed.",
            )
        before = case.drawn
        after = tuple(border.moved_to(point_lps) if b.kind is kind else b for b in before.borders)
        require_possible(before.borders, after, before.structures.geometry)
        moved = move_borders(before.structures, before.rest, before.borders, after)
        label = f"Move the {kind.value}"
        self._core.step(label, "level border", "", Drawn(moved.structures, moved.rest, after))
        return moved.moved_cc

    def rows(self) -> tuple[PartRow, ...]:
        """The tree: parts that are there or chosen, organs, and the composites."""
        case = self._core.case
        book = self._core.catalogue
        there = {i for i in book if i in case.structures or i in case.selection.included}
        wholes = {i for i in SELECTABLE if any(leaves(j) < leaves(i) for j in there)}
        shown = [i for i in book if i in there | wholes]
        rows = [self._row(i, set(shown)) for i in shown]
        return (*rows, *(self._composite_row(i) for i in case.composition.composites.ids))

    def _choose(self, selection: Selection, preset: str | None = None) -> None:
        core = self._core
        core.active.acted(core.clocks.steady_s())
        core.show(core.case.choose(selection, preset))
        core.tell(ChoicesChanged())

    def _row(self, structure_id: str, shown: set[str]) -> PartRow:
        case, entry = self._core.case, self._core.catalogue[structure_id]
        own = case.structures.contours.get(structure_id)
        pieces = [i for i in case.structures.ids if leaves(i) < leaves(structure_id)]
        volume = own.mask.volume_cc if own else None
        if own is None and pieces:
            volume = sum(case.structures.mask(i).volume_cc for i in pieces)
        chosen = frozenset().union(*(leaves(i) for i in case.selection.included))
        selectable = structure_id in SELECTABLE
        return PartRow(
            structure_id=structure_id,
            name=entry.display_name,
            colour_rgb=self._core.looks([structure_id])[structure_id].colour_rgb,
            group=_group(structure_id, entry.role),
            parent_id=_parent(structure_id, shown),
            selectable=selectable,
            included=selectable and leaves(structure_id) <= chosen,
            present=bool(own) or bool(pieces),
            editable=own is not None,
            volume_cc=volume,
            source=own.source.value if own else "",
            note=own.note if own else "",
        )

    def _composite_row(self, structure_id: str) -> PartRow:
        contour = self._core.case.composition.composites.contours[structure_id]
        entry = self._core.catalogue[structure_id]
        return PartRow(
            structure_id=structure_id,
            name=entry.display_name,
            colour_rgb=self._core.looks([structure_id])[structure_id].colour_rgb,
            group=TARGETS,
            parent_id=None,
            selectable=False,
            included=True,
            present=True,
            editable=False,
            volume_cc=contour.mask.volume_cc,
            source=contour.source.value,
            note=contour.note,
        )


def _group(structure_id: str, role: Role) -> str:
    if structure_id in CTVP_PARTS or structure_id == "ctvp":
        return PRIMARY
    if structure_id in PARAMETRIUM_IDS:
        return PARAMETRIUM
    return NODAL if structure_id in NODAL_IDS or structure_id in ("gtvn", "ctvn") else ORGANS


def _parent(structure_id: str, shown: set[str]) -> str | None:
    """The smallest shown structure that this one is a piece of."""
    wholes = [i for i in shown if leaves(structure_id) < leaves(i)]
    return min(wholes, key=lambda i: (len(leaves(i)), i), default=None)
