"""Pointing for "fix here": with what, whether it belongs, what was pointed at, and how far it reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.prompt import PromptKind
from AmlartContourLib.session.pointing import Mark, Pointed, Reach
from AmlartContourLib.web.desk import Desk
from AmlartContourLib.web.views.arrangement import SLICE_VIEWS

KINDS = {
    PromptKind.POINT: ("Point", "mdi-circle-medium", "P"),
    PromptKind.BOX: ("Box", "mdi-select", "B"),
    PromptKind.SCRIBBLE: ("Scribble", "mdi-gesture", "S"),
    PromptKind.LASSO: ("Lasso", "mdi-lasso", "L"),
}
LEAST_PLACES = {PromptKind.POINT: 1, PromptKind.BOX: 2, PromptKind.SCRIBBLE: 1, PromptKind.LASSO: 3}


class Pointing:
    """`pointed` and `reach` make the prompt. `changed` is called after each change."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk = desk
        self._changed = changed
        self._kinds: tuple[PromptKind, ...] = ()
        self._kind = PromptKind.POINT
        self._belongs = True
        self._placing = False
        self.pointed = Pointed()
        self.reach = Reach()
        self.on_placing: Callable[[], None] = lambda: None

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {
            "fix_place": self.place,
            "fix_stop": self.stop,
            "fix_mark": self.mark,
            "fix_take_back": self.take_back,
            "fix_clear": self.clear,
            "fix_reach": self.set_reach,
        }

    def offer(self, kinds: Sequence[PromptKind]) -> None:
        """What the engine takes."""
        self._kinds = tuple(kind for kind in KINDS if kind in kinds)
        if self._kind not in self._kinds and self._kinds:
            self._kind = self._kinds[0]

    def go_on(self) -> None:
        """Points as it was done last."""
        self.place(self._kind.value, self._belongs)

    def place(self, kind: str, belongs: bool) -> None:
        """What the next thing pointed at is, and whether it belongs to the structure. BadSetting where the
        engine takes no such thing."""
        if PromptKind(kind) not in self._kinds:
            raise BadSetting(f"The engine takes no {kind}.", advice="Choose what it takes.")
        self._kind, self._belongs, self._placing = PromptKind(kind), bool(belongs), True
        self.on_placing()
        self._changed()

    def stop(self) -> None:
        """The mouse scrolls and zooms only."""
        self._placing = False
        self._changed()

    def mark(self, view: str, places: Sequence[Sequence[float]]) -> None:
        """Something was pointed at in a view: places as fractions of its width and height."""
        case = self._desk.case
        fractions = np.asarray(places, dtype=float)
        if case is None or not self._placing or view not in SLICE_VIEWS:
            return
        if fractions.ndim != 2 or fractions.shape[1] != 2 or len(fractions) < LEAST_PLACES[self._kind]:
            raise BadSetting("That was too small.", kept="Nothing was added.", advice="Draw it larger.")
        points_lps = self._desk.views.projection(view).to_lps(fractions)
        made = Mark.at(self._kind, points_lps, case.structures.geometry, belongs=self._belongs)
        self.pointed = self.pointed.added(made)
        self._changed()

    def take_back(self) -> None:
        """Without what was pointed at last."""
        self.pointed = self.pointed.without_last()
        self._changed()

    def clear(self) -> None:
        """Nothing is pointed at."""
        self.pointed = Pointed()
        self._changed()

    def end(self) -> None:
        """Nothing is pointed at, and nothing is waited for."""
        self.pointed, self._placing = Pointed(), False

    def set_reach(self, part: str, mm: str | float) -> None:
        """How far a change may reach: "in_slice_mm" or "across_mm". BadSetting where it is no such number."""
        try:
            self.reach = replace(self.reach, **{part: float(mm)})
        except ValueError as error:
            raise BadSetting("Give a number of mm.", kept="The reach is as it was.") from error
        self._changed()

    def shown(self, *, free: bool) -> dict[str, Any]:
        """What the template reads. `free`: no proposal waits and no engine works, so one can point."""
        return {
            "kinds": [_kind(kind) for kind in self._kinds],
            "kind": self._kind.value,
            "belongs": self._belongs,
            "placing": self._placing and free,
            "marks": len(self.pointed.marks),
            "enough": self.pointed.is_enough,
            "in_slice_mm": self.reach.in_slice_mm,
            "across_mm": self.reach.across_mm,
        }


def _kind(kind: PromptKind) -> dict[str, str]:
    text, icon, key = KINDS[kind]
    return {"id": kind.value, "text": text, "icon": icon, "key": key}
