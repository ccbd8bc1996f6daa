"""The component tree: what makes the CTV, its margins, rules and level borders, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.parts import leaves
from AmlartContourLib.domain.rules import Rule
from AmlartContourLib.domain.vagina import VaginaRecipe
from AmlartContourLib.session.choices import PartRow
from AmlartContourLib.session.events import (
    ChoicesChanged,
    CompositesChanged,
    ContoursArrived,
    Event,
    PatientOpened,
    StructuresChanged,
)
from AmlartContourLib.web.desk import Desk, css, number_of_mm
from AmlartContourLib.web.views.display import START_OPACITY

TITLES = {
    "CTVp": "CTVp: primary target",
    "Parametrium": "Parametrium",
    "Nodal": "CTVn: nodes and levels",
    "Targets": "Targets, made of the parts",
    "Organs": "Organs",
}
PTV_NAMES = {"ctvp": "CTVp to PTVp", "ctvn": "CTVn to PTVn", "ctv": "CTV to PTV"}


class ComponentsPanel:
    """Panel "Components"."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.on_visibility: Callable[[], None] = lambda: None

    def start_state(self) -> Mapping[str, Any]:
        """See `Panel`."""
        return {
            "active": "",
            "active_name": "",
            "groups": [],
            "messages": [],
            "borders": [],
            "ptv": [],
            "preset": "",
            "presets": list(self._desk.session.choices.presets()),
            "vagina": {"recipe": "WHOLE", "length_mm": 20.0},
            "edit_back": True,
            "disjoint": True,
            "opacity": round(100 * START_OPACITY),
            "safe_colours": False,
        }

    def triggers(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        choices = self._desk.session.choices
        return {
            "include": lambda structure_id, on: choices.include([structure_id], bool(on)),
            "use_preset": self.use_preset,
            "set_vagina": self.set_vagina,
            "set_vagina_length": self.set_vagina_length,
            "set_edit_back": lambda on: choices.set_edit_back(bool(on)),
            "set_disjoint": lambda on: choices.set_disjoint(bool(on)),
            "set_ptv": self.set_ptv,
            "set_visible": self.set_visible,
            "set_opacity": self.set_opacity,
            "set_safe_colours": self.set_safe_colours,
        }

    def watched(self) -> Mapping[str, Callable[..., Any]]:
        """See `Panel`."""
        return {}

    def heard(self, event: Event) -> bool:
        """See `Panel`."""
        kinds = PatientOpened | StructuresChanged | CompositesChanged | ChoicesChanged | ContoursArrived
        return isinstance(event, kinds)

    def use_preset(self, name: str) -> None:
        """Another site preset."""
        if name not in self._desk.session.choices.presets():  # a name, never a path, comes from the page
            raise BadSetting("There is no site preset of that name.", kept="Nothing was changed.")
        self._desk.session.choices.use_preset(name)

    def set_vagina(self, recipe: str) -> None:
        """How much of the vagina is included."""
        now = self._desk.session.case.selection.vagina
        self._desk.session.choices.set_vagina(replace(now, recipe=VaginaRecipe[recipe]))

    def set_vagina_length(self, length_mm: float) -> None:
        """How long that is."""
        now = self._desk.session.case.selection.vagina
        self._desk.session.choices.set_vagina(replace(now, length_mm=float(length_mm or 0)))

    def set_ptv(self, target: str, margin_mm: str | float) -> None:
        """One margin to all sides; empty: no PTV."""
        empty = margin_mm in ("", None)
        margin = None if empty else Margin.isotropic(number_of_mm(margin_mm))
        self._desk.session.choices.set_ptv(target, margin)

    def set_visible(self, structure_id: str, on: bool) -> None:
        """Shows or hides a structure, with the sides and sub-levels it is made of."""
        shown = {row.structure_id for row in self._desk.session.choices.rows()}
        ids = [i for i in shown if leaves(i) <= leaves(structure_id)] or [structure_id]
        self._desk.display.set_visible({*ids, structure_id}, bool(on))
        self.on_visibility()
        self.refresh()

    def set_opacity(self, percent: float) -> None:
        """How strong the lines of the contours are."""
        self._desk.state.opacity = percent
        self._desk.display.opacity = min(max(float(percent), 0.0), 100.0) / 100
        self._desk.display.apply()

    def set_safe_colours(self, on: bool) -> None:
        """Colours that everybody can tell apart, or the site's own."""
        self._desk.display.safe_colours = bool(on)
        self._desk.state.safe_colours = bool(on)
        self._desk.display.apply()
        if not on:
            own = {row.structure_id: row.colour_rgb for row in self._desk.session.choices.rows()}
            self._desk.display.recolour(own)
        self.refresh()

    def refresh(self) -> None:
        """See `Panel`."""
        case, state = self._desk.case, self._desk.state
        if case is None:
            state.groups, state.messages, state.borders = [], [], []
            return
        rows = self._desk.session.choices.rows()
        state.groups = [group for group in (self._group(name, rows) for name in TITLES) if group["rows"]]
        state.messages = [
            {
                "text": m.text,
                "severity": m.severity.name,
                "place": list(m.place.centroid_lps) if m.place else None,
            }
            for m in case.messages
        ]
        state.borders = [_border(border) for border in case.borders if border.kind is not BorderKind.MIDLINE]
        state.preset = case.record.preset or state.preset
        chosen = case.selection
        state.vagina = {"recipe": chosen.vagina.recipe.name, "length_mm": chosen.vagina.length_mm}
        state.edit_back = chosen.edit_back_parametrium
        state.disjoint = Rule.DISJOINT not in chosen.rules_off
        state.ptv = [_ptv(target, chosen.ptv.get(target)) for target in PTV_NAMES]

    def _group(self, name: str, rows: tuple[PartRow, ...]) -> dict[str, Any]:
        own = [row for row in rows if row.group == name]
        tree = _in_order(own)
        return {"name": name, "title": TITLES[name], "rows": [self._row(r, depth, own) for r, depth in tree]}

    def _row(self, row: PartRow, depth: int, group: list[PartRow]) -> dict[str, Any]:
        pieces = [r for r in group if leaves(r.structure_id) < leaves(row.structure_id)]
        whole = next((r.name for r in group if r.structure_id == row.parent_id), "")
        title = f"{row.name}. {row.source} {row.note}".strip() if row.present else f"{row.name}: not there"
        return {
            "id": row.structure_id,
            "name": row.name,
            "short": short_name(row.name, whole),
            "depth": depth,
            "colour": css(self._desk.display.colour_of(row.structure_id, row.colour_rgb)),
            "selectable": row.selectable,
            "included": row.included,
            "partly": not row.included and any(r.included for r in pieces),
            "present": row.present,
            "visible": self._desk.display.is_visible(row.structure_id),
            "volume": "" if row.volume_cc is None else f"{row.volume_cc:.1f} cm³",
            "title": title,
        }


def _in_order(rows: list[PartRow]) -> list[tuple[PartRow, int]]:
    """Each part followed by its pieces, with its depth."""
    ids = {row.structure_id for row in rows}
    found: list[tuple[PartRow, int]] = []

    def add(parent: str | None, depth: int) -> None:
        for row in rows:
            if (row.parent_id if row.parent_id in ids else None) == parent:
                found.append((row, depth))
                add(row.structure_id, depth + 1)

    add(None, 0)
    return found


def short_name(name: str, whole: str) -> str:
    """What a part's name adds to that of the whole it is listed under: "Left" of "Pelvic nodes, left"."""
    own = name.removeprefix(f"{whole}, ") if whole else name
    return own[0].upper() + own[1:]


def border_label(border: LevelBorder) -> str:
    """A border's name as a label."""
    return border.kind.value[0].upper() + border.kind.value[1:]


def _border(border: LevelBorder) -> dict[str, Any]:
    return {
        "kind": border.kind.name,
        "label": border_label(border),
        "estimated": border.estimated,
        "evidence": border.evidence,
        "mm": f"{border.point_lps[2]:.0f}",
        "place": [float(v) for v in np.asarray(border.point_lps)],
    }


def _ptv(target: str, margin: Margin | None) -> dict[str, Any]:
    mm = "" if margin is None else f"{margin.largest_mm:g}"
    text = (
        "" if margin is None or margin.is_isotropic else ", ".join(f"{v:g}" for v in asdict(margin).values())
    )
    return {"target": target, "name": PTV_NAMES[target], "mm": mm, "text": text}
