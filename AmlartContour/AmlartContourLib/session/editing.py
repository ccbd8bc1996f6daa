"""Editing one structure at a time, with undo. What the segment editor did comes in through the scene.

A composite is no structure and cannot be begun. Whatever an editor changed beside the structure that was
begun is put back, so an edit of one leaves all others bit-identical.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from AmlartContourLib.contract.errors import BadSetting, GeometryMismatch
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.session.basis import Change
from AmlartContourLib.session.core import Core
from AmlartContourLib.session.events import ChoicesChanged, Told
from AmlartContourLib.session.history import Drawn, Step

EDITED = "Edited by hand."
EDITOR = "segment editor"


@dataclass(frozen=True)
class Taken:
    """What became of an edit in the scene: of which structure it was (None: of none), whether a voxel
    changed, and which other segments were put back."""

    structure_id: str | None
    changed: bool
    put_back: tuple[str, ...]


class Editing:
    """The use cases of the editor."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._begun: str | None = None
        self._tool = EDITOR

    @property
    def structure_id(self) -> str | None:
        """The structure that edits are of."""
        case = self._core.case_or_none
        return self._begun if case is not None and self._begun in case.structures else None

    @property
    def working_scene_changed(self) -> bool:
        """True while the scene holds changes that `take` has not seen."""
        scene = self._core.scene
        return bool(scene.edited_parts() or scene.edited_originals() or scene.edited_composites())

    @property
    def undo_label(self) -> str | None:
        """What undo would take back."""
        case = self._core.case_or_none
        step = case.history.next_undo if case else None
        return step.label if step else None

    @property
    def redo_label(self) -> str | None:
        """What redo would do again."""
        case = self._core.case_or_none
        step = case.history.next_redo if case else None
        return step.label if step else None

    def begin(self, structure_id: str, tool: str = EDITOR) -> None:
        """The next edits are of this structure. BadSetting where it is no contour of its own."""
        self._require_part(structure_id)
        self._begun, self._tool = structure_id, tool
        self._core.active.acted(self._core.clocks.steady_s())

    def take(self) -> Taken:
        """Takes what an editor did to the scene. See the module's words."""
        core = self._core
        case, edited = core.case, core.scene.edited_parts()
        core.restore_locked()
        meant = self.structure_id or (
            edited[0] if len(edited) == 1 and edited[0] in case.structures else None
        )
        mask = self._read(meant) if meant in edited and meant else None
        put_back = tuple(i for i in edited if (i != meant or mask is None) and self._differs(i))
        if put_back:
            core.scene.show_parts(
                case.structures, put_back, core.looks(i for i in put_back if i in case.structures)
            )
            core.tell(Told("Only the chosen structure can be edited: the others were put back as they were."))
        if meant is None or mask is None:
            return Taken(None, False, put_back)
        change = self._draw(meant, mask, self._tool, in_scene=True)
        return Taken(meant, bool(change.structures), put_back)

    def apply(self, structure_id: str, mask: Mask, tool: str, *, made_from: Mask | None = None) -> bool:
        """A contour made elsewhere, as one step; True where a voxel changed. GeometryMismatch on another
        grid, BadSetting where it is no contour of its own, or is no longer the one it was made from."""
        self._require_part(structure_id)
        self._core.case.structures.geometry.require_same(mask.geometry, "The edited contour")
        if made_from is not None and self._core.case.structures.mask(structure_id) is not made_from:
            raise BadSetting(
                "The contour was changed while the tool was at work.",
                kept="The tool's result was dropped; your other change stays.",
                advice="Use the tool again.",
            )
        return bool(self._draw(structure_id, mask, tool, in_scene=False).structures)

    def add(self, structure_id: str) -> None:
        """An empty contour of a structure that nothing gave, for drawing. BadSetting where it is there, or
        can only be composed."""
        case, entry = self._core.case, self._core.catalogue[structure_id]
        if structure_id in case.final or entry.role.name in ("COMPOSITE", "PTV", "LANDMARK"):
            raise BadSetting(f"{entry.display_name} is there already, or is not for drawing.")
        empty = Contour(structure_id, Mask.empty(case.structures.geometry), Source.DRAWN)
        self._step(f"Add {entry.display_name}", "add", structure_id, case.structures.with_contours(empty))

    def reset(self, structure_id: str) -> None:
        """Back to the contour as it came, as one step. BadSetting where none came."""
        self._require_part(structure_id)
        case = self._core.case
        if structure_id not in case.originals:
            raise BadSetting("No contour of this structure came in: there is nothing to go back to.")
        came = case.originals.contours[structure_id]
        name = self._core.catalogue[structure_id].display_name
        self._step(f"Reset {name}", "reset", structure_id, case.structures.with_contours(came))

    def undo(self) -> bool:
        """Takes the last step back; False where there is none."""
        step = self._core.case.history.undo()
        return step is not None and self._go(step, step.before, "undo")

    def redo(self) -> bool:
        """Does it again; False where nothing was undone."""
        step = self._core.case.history.redo()
        return step is not None and self._go(step, step.after, "redo")

    def _go(self, step: Step, drawn: Drawn, tool: str) -> bool:
        core = self._core
        before = core.case.drawn
        change = core.case.draw(drawn)
        core.log(tool, step.structure_id, before, drawn, change)
        core.show(change)
        if before.borders != drawn.borders:
            core.tell(ChoicesChanged())
        return True

    def _draw(self, structure_id: str, mask: Mask, tool: str, *, in_scene: bool) -> Change:
        case = self._core.case
        now = case.structures.contours[structure_id]
        edited = replace(now, mask=mask, note=_note(now))
        name = self._core.catalogue[structure_id].display_name
        structures = case.structures.with_contours(edited)
        return self._step(f"{tool}: {name}", tool, structure_id, structures, in_scene=in_scene)

    def _step(
        self, label: str, tool: str, structure_id: str, structures: StructureSet, *, in_scene: bool = False
    ) -> Change:
        drawn = replace(self._core.case.drawn, structures=structures)
        return self._core.step(label, tool, structure_id, drawn, in_scene=[structure_id] if in_scene else ())

    def _read(self, structure_id: str) -> Mask | None:
        """The voxels in the scene; None where the segment is gone or on another grid, so it is put back."""
        try:
            return self._core.scene.part(structure_id)
        except GeometryMismatch as error:
            self._core.tell(Told(str(error)))
            return None

    def _differs(self, structure_id: str) -> bool:
        """True where the scene's segment is not the structure; a layer can be touched without a change."""
        case = self._core.case
        mask = self._read(structure_id)
        return (
            mask is None
            or structure_id not in case.structures
            or not mask.same_voxels(case.structures.mask(structure_id))
        )

    def _require_part(self, structure_id: str) -> None:
        if structure_id not in self._core.case.structures:
            name = self._core.catalogue[structure_id].display_name
            raise BadSetting(
                f"{name} is made of other contours and cannot be edited itself.",
                kept="Nothing was changed.",
                advice="Edit the parts it is made of.",
            )


def _note(contour: Contour) -> str:
    if contour.source is Source.DRAWN or EDITED in contour.note:
        return contour.note
    return f"{contour.note} {EDITED}".strip()
