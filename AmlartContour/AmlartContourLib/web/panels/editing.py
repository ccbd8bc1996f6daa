"""Editing: the chosen structure, the tools of Slicer's segment editor, and steps that can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.session.events import (
    ContoursArrived,
    Event,
    PatientClosed,
    PatientOpened,
    StructuresChanged,
)
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.panels.whole import WholeStructure
from AmlartContourLib.web.views.editor import Editor, Hand

BRUSH_MM = (1, 80)


@dataclass(frozen=True)
class Tool:
    """One button. `hand` is set where the tool works with the mouse in the views."""

    id: str
    text: str
    icon: str
    title: str
    hand: Hand | None = None


TOOLS = (
    Tool("none", "Look", "mdi-cursor-default-outline", "No editing (Esc)"),
    Tool("paint", "Paint", "mdi-brush", "Paint with a round brush (1)", Hand.PAINT),
    Tool("draw", "Draw", "mdi-draw", "Draw round an area on one slice (2)", Hand.DRAW),
    Tool("erase", "Erase", "mdi-eraser", "Erase with a round brush (3)", Hand.ERASE),
    Tool("scissors", "Scissors", "mdi-content-cut", "Cut through all slices (4)", Hand.SCISSORS),
    Tool("between", "Between", "mdi-layers-outline", "Fill between slices (5)"),
    Tool("margin", "Margin", "mdi-arrow-expand-all", "Grow or shrink (6)"),
    Tool("smooth", "Smooth", "mdi-blur", "Smooth the whole structure (7)"),
    Tool("islands", "Islands", "mdi-dots-hexagon", "Keep or remove connected pieces (8)"),
)
SHORTCUTS = (
    ("Esc", "No tool"),
    ("1 … 8", "The tools, in the order of the panel Edit"),
    ("Space", "The tool before, and back"),
    ("Q, W", "The structure before, the next structure"),
    ("Left, Right", "The axial slice below, above"),
    ("+, −", "A larger, a smaller brush"),
    ("Ctrl+Z, Ctrl+Y", "Undo, redo"),
    ("F", "Fix here: point in a view, A asks, Enter accepts, Esc rejects"),
    ("Up, Down", "Move a level border that is chosen by one slice"),
    ("?", "This list"),
)


class EditingPanel:
    """Panel "Edit"."""

    def __init__(self, desk: Desk, editor: Editor) -> None:
        self._desk = desk
        self._editor = editor
        self._whole = WholeStructure(desk)
        self._before = "paint"
        self.on_choosing: Callable[[], None] = lambda: None
        editor.on_edited = desk.notices.guarded(self.take)

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "tool": "none",
            "tools": [{"id": t.id, "text": t.text, "icon": t.icon, "title": t.title} for t in TOOLS],
            "shortcuts": [{"keys": keys, "what": what} for keys, what in SHORTCUTS],
            "editable": [],
            "addable": [],
            "brush_mm": 12,
            "sphere": False,
            "scissors": "ERASE_INSIDE",
            "smooth_mode": "MEDIAN",
            "smooth_mm": 3,
            "margin_mm": 3,
            "limit": {"on": False, "low": -50, "high": 150},
            "undo_label": "",
            "redo_label": "",
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        editing = self._desk.session.editing
        return {
            "choose_structure": self.choose,
            "step_structure": self.step_structure,
            "use_tool": self.use_tool,
            "use_tool_number": lambda number: self.use_tool(TOOLS[int(number)].id),
            "last_tool": lambda: self.use_tool(self._before),
            "set_brush": self.set_brush,
            "step_brush": lambda by: self.set_brush(self._desk.state.brush_mm + 2 * int(by)),
            "set_sphere": self.set_sphere,
            "set_scissors": self.set_scissors,
            "set_limit": self.set_limit,
            "islands": self._whole.islands,
            "smooth": self._whole.smooth,
            "margin": self._whole.margin,
            "fill_between": self._whole.fill_between,
            "reset_structure": lambda: editing.reset(self._desk.active),
            "add_structure": self.add,
            "undo": editing.undo,
            "redo": editing.redo,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        return isinstance(event, PatientOpened | PatientClosed | StructuresChanged | ContoursArrived)

    def opened(self) -> None:
        """A patient was opened."""
        state = self._desk.state
        self._editor.opened()
        self._editor.set_brush(state.brush_mm, state.sphere)
        self._editor.set_scissors(state.scissors)
        state.tool, state.active, state.active_name = "none", "", ""
        self.refresh()

    def choose(self, structure_id: str) -> None:
        """Chooses the structure to look at and edit. A tool in the hand goes on with it, or is put down."""
        state = self._desk.state
        state.active, state.active_name = structure_id, self._desk.name_of(structure_id)
        if state.tool != "none":
            self.use_tool(state.tool)
        self.on_choosing()

    def choose_to_look(self, structure_id: str) -> None:
        """The same for a target too, which no tool can edit: one in the hand is then put down."""
        if structure_id not in self._desk.session.case.structures:
            self.use_tool("none")
        self.choose(structure_id)

    def step_structure(self, by: int) -> None:
        """The next structure that can be edited, or the one before."""
        ids = [row["id"] for row in self._desk.state.editable]
        if ids:
            now = ids.index(self._desk.active) if self._desk.active in ids else -int(by)
            self.choose(ids[(now + int(by)) % len(ids)])

    def use_tool(self, tool_id: str) -> None:
        """Takes a tool up. A composite, which is made of others, cannot be edited: the session refuses."""
        tool = next((t for t in TOOLS if t.id == tool_id), TOOLS[0])
        state = self._desk.state
        if state.tool not in ("none", tool.id):
            self._before = state.tool
        state.tool = "none"
        self._editor.put_down()
        if tool.id == "none":
            return
        if not self._desk.active:
            raise BadSetting("Choose the structure to edit first.", advice="Click its name in the list.")
        self._desk.session.editing.begin(self._desk.active, tool.text)
        if not self._desk.display.is_visible(self._desk.active):  # nobody edits what is not seen
            self._desk.display.set_visible({self._desk.active}, True)
            self.on_choosing()
        if tool.hand:
            self._editor.take_up(tool.hand, self._desk.active)
        state.tool = tool.id

    def put_down_unseen(self) -> None:
        """Something was hidden: a tool in the hand is put down where its structure is not seen any more."""
        if self._desk.active and not self._desk.display.is_visible(self._desk.active):
            self.use_tool("none")

    def take(self) -> None:
        """Takes what the editor did to the scene."""
        if self._desk.session.patient is not None and self._desk.session.editing.working_scene_changed:
            self._desk.session.editing.take()
            self._desk.state.flush()

    def set_brush(self, diameter_mm: float) -> None:
        """The brush's diameter."""
        state = self._desk.state
        state.brush_mm = min(max(round(float(diameter_mm)), BRUSH_MM[0]), BRUSH_MM[1])
        self._editor.set_brush(state.brush_mm, state.sphere)

    def set_sphere(self, on: bool) -> None:
        """A ball, or a disc on one slice."""
        self._desk.state.sphere = bool(on)
        self._editor.set_brush(self._desk.state.brush_mm, bool(on))

    def set_scissors(self, mode: str) -> None:
        """What the scissors do."""
        self._desk.state.scissors = mode
        self._editor.set_scissors(mode)

    def set_limit(self, part: str, value: float) -> None:
        """Limits all tools to CT numbers: whether at all ("on"), or one of the ends ("low", "high").
        Each control tells its own part only, so none takes back what another has just told."""
        limit = dict(self._desk.state.limit)
        limit[part] = bool(value) if part == "on" else float(value)
        self._desk.state.limit = limit
        self._editor.set_limit(limit["on"], *sorted((limit["low"], limit["high"])))

    def add(self, structure_id: str) -> None:
        """An empty structure, to draw it."""
        if structure_id:
            self._desk.session.editing.add(structure_id)
            self.choose(structure_id)

    def refresh(self) -> None:
        """See `Panel`."""
        state, case = self._desk.state, self._desk.case
        editing = self._desk.session.editing
        state.undo_label, state.redo_label = editing.undo_label or "", editing.redo_label or ""
        if case is None:
            state.editable, state.addable = [], []
            return
        name = self._desk.name_of
        state.editable = [{"id": i, "name": name(i)} for i in case.structures.ids]
        drawn = catalogue().with_role(Role.GTV, Role.CTV_PART, Role.NODAL_LEVEL, Role.ORGAN)
        state.addable = [{"id": s.id, "name": s.display_name} for s in drawn if s.id not in case.final]
