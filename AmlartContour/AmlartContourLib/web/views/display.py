"""How the contours look in the views: which are visible, how strong their lines are, and in which
colours.

Targets are drawn with the thicker line. Those whose lines lie over those of others are hidden until they are
reviewed, or a person shows them. Contours as they came are never shown by the scene itself: the page draws
them as thin dashed lines over the slices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.scene.patient_scene import PatientScene

PART_LINE, TARGET_LINE = 1, 2  # pixels
START_OPACITY = 1.0
HIDDEN_AT_FIRST = frozenset({"ctv", "ctv_hr", "ptvp", "ptvn"})
# Okabe and Ito's eight colours without black.
SAFE = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


class Display:
    """The look of one patient's contours."""

    def __init__(self, scene: PatientScene) -> None:
        self._scene = scene
        self._hidden: set[str] = set(HIDDEN_AT_FIRST)
        self._nobody_asked = set(HIDDEN_AT_FIRST)
        self.opacity = START_OPACITY
        self.safe_colours = False
        self.on_visibility: Callable[[], None] = lambda: None

    def opened(self) -> None:
        """A new patient: what is hidden at first is hidden, landmarks too."""
        book = catalogue()
        self._hidden = {*HIDDEN_AT_FIRST, *(s.id for s in book.with_role(Role.LANDMARK))}
        self._nobody_asked = set(HIDDEN_AT_FIRST)
        self.apply()

    def is_visible(self, structure_id: str) -> bool:
        """Whether a structure is shown where it is there."""
        return structure_id not in self._hidden

    def show_for_review(self, ids: Iterable[str]) -> None:
        """Shows structures that are hidden only because they are so at first. What a person hid stays so."""
        due = self._nobody_asked.intersection(ids)
        if due:
            self.set_visible(due, True)

    def set_visible(self, ids: Iterable[str], on: bool) -> None:
        """Shows or hides structures."""
        for structure_id in ids:
            self._nobody_asked.discard(structure_id)
            (self._hidden.discard if on else self._hidden.add)(structure_id)
        self.apply()
        self.on_visibility()

    def visible_ids(self) -> tuple[str, ...]:
        """What the views show now."""
        return tuple(i for _, ids in self._shown() for i in ids if self.is_visible(i))

    def apply(self) -> None:
        """Makes it so; also after segments came or went."""
        if self._scene.original_node is None:
            return
        self._scene.original_node.GetDisplayNode().SetVisibility(False)
        for node, ids in self._shown():
            display = node.GetDisplayNode()
            was_modifying = display.StartModify()
            display.SetVisibility2DFill(False)  # hides the CT, is not blended (observed): the page fills
            display.SetVisibility2DOutline(True)
            display.SetOpacity2DOutline(self.opacity)
            thick = TARGET_LINE if node is self._scene.composites_node else PART_LINE
            display.SetSliceIntersectionThickness(thick)
            for structure_id in ids:
                if display.GetSegmentVisibility(structure_id) != self.is_visible(structure_id):
                    display.SetSegmentVisibility(structure_id, self.is_visible(structure_id))
            display.EndModify(was_modifying)
        self._colour()

    def colour_of(self, structure_id: str, own_rgb: tuple[int, int, int]) -> tuple[int, int, int]:
        """The colour a structure is shown in."""
        if not self.safe_colours:
            return own_rgb
        return SAFE[list(catalogue()).index(structure_id) % len(SAFE)]

    def _colour(self) -> None:
        if not self.safe_colours:
            return
        for node, ids in self._shown():
            for structure_id in ids:
                rgb = self.colour_of(structure_id, (0, 0, 0))
                node.GetSegmentation().GetSegment(structure_id).SetColor(*(c / 255 for c in rgb))

    def make_surfaces(self) -> Iterator[None]:
        """Makes what the 3D view shows, and gives the caller a turn in between. Each change then takes up to
        a second more (measured)."""
        for node, _ in self._shown():
            node.CreateClosedSurfaceRepresentation()
            yield

    def drop_surfaces(self) -> None:
        """Takes away what the 3D view shows."""
        for node, _ in self._shown():
            node.RemoveClosedSurfaceRepresentation()

    def recolour(self, colours: dict[str, tuple[int, int, int]]) -> None:
        """The site's own colours again."""
        for node, ids in self._shown():
            for structure_id in ids:
                if structure_id in colours:
                    rgb = colours[structure_id]
                    node.GetSegmentation().GetSegment(structure_id).SetColor(*(c / 255 for c in rgb))

    def _shown(self) -> list[tuple[Any, tuple[str, ...]]]:
        nodes = (self._scene.working_node, self._scene.composites_node)
        return [(node, tuple(node.GetSegmentation().GetSegmentIDs())) for node in nodes if node is not None]
