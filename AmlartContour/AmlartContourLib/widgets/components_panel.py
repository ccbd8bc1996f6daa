"""What the CTV is made of: the tree of parts, preset, vaginal length, margins, rules and level borders."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from AmlartContourLib.domain.border_move import MOVABLE
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.rules import Rule
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from AmlartContourLib.session.choices import NODAL, ORGANS, PARAMETRIUM, PRIMARY, TARGETS, PartRow
from AmlartContourLib.session.events import (
    ChoicesChanged,
    CompositesChanged,
    PatientClosed,
    PatientOpened,
    StructuresChanged,
)
from AmlartContourLib.widgets.panel import ID_ROLE, Desk, Panel, silent

RECIPES = (VaginaRecipe.WHOLE, VaginaRecipe.UPPER, VaginaRecipe.BELOW_TUMOUR)  # in the order of the .ui file
GROUPS = (PRIMARY, PARAMETRIUM, NODAL, TARGETS, ORGANS)  # from above: what is chosen first
PTV_TARGETS = ("ctv", "ctvp", "ctvn")
ICON_PX = 14


class ComponentsPanel(Panel):
    """Every change goes to the session; what is drawn comes from it."""

    UI = "Components"
    FOLLOWS = (PatientOpened, PatientClosed, StructuresChanged, CompositesChanged, ChoicesChanged)

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._is_stale = False
        header = self.ui.tree.header()
        header.setSectionResizeMode(0, qt.QHeaderView.ResizeToContents)
        self.ui.presetBox.addItems(self.session.choices.presets())
        self.on("itemChanged(QTreeWidgetItem*,int)", self.ui.tree, self._toggled)
        self.on("itemClicked(QTreeWidgetItem*,int)", self.ui.tree, self._clicked)
        self.on("textActivated(QString)", self.ui.presetBox, self.session.choices.use_preset)
        self.on("activated(int)", self.ui.vaginaBox, self._vagina)
        self.on("editingFinished()", self.ui.vaginaSpin, self._vagina)
        self.on("clicked()", self.ui.editBackCheck, self._edit_back)
        self.on("clicked()", self.ui.disjointCheck, self._disjoint)
        self.on("activated(int)", self.ui.ptvBox, self.refresh)
        self.on("editingFinished()", self.ui.ptvSpin, self._ptv)
        self.on("clicked()", self.ui.borderButton, self._move_border)
        self.refresh()

    def refresh(self) -> None:
        """Draws the tree and the settings."""
        self._is_stale = False
        is_open = self.desk.is_open
        for widget in (self.ui.tree, self.ui.presetBox, self.ui.vaginaBox, self.ui.vaginaSpin):
            widget.enabled = is_open
        for widget in (self.ui.ptvSpin, self.ui.editBackCheck, self.ui.disjointCheck):
            widget.enabled = is_open
        self.ui.borderButton.enabled = is_open and bool(self._borders())
        with silent(self.ui.tree):
            self.ui.tree.clear()
            if is_open:
                self._draw_tree(self.session.choices.rows())
        if is_open:
            self._draw_settings()
        else:
            self.ui.messages.plainText = ""

    def _draw_tree(self, rows: tuple[PartRow, ...]) -> None:
        items: dict[str, Any] = {}
        for group in sorted({row.group for row in rows}, key=GROUPS.index):
            top = qt.QTreeWidgetItem()
            top.setText(0, group)
            self.ui.tree.addTopLevelItem(top)
            items[group] = top
        for row in rows:
            items[row.structure_id] = _item(row)
        for row in rows:
            items[row.parent_id or row.group].addChild(items[row.structure_id])
        self.ui.tree.expandAll()

    def _draw_settings(self) -> None:
        case, ui = self.session.case, self.ui
        selection = case.selection
        with silent(
            ui.presetBox, ui.vaginaBox, ui.vaginaSpin, ui.ptvSpin, ui.editBackCheck, ui.disjointCheck
        ):
            ui.presetBox.setCurrentText(case.record.preset)
            ui.vaginaBox.currentIndex = RECIPES.index(selection.vagina.recipe)
            ui.vaginaSpin.value = selection.vagina.length_mm
            ui.vaginaSpin.enabled = selection.vagina.recipe is not VaginaRecipe.WHOLE
            margin = selection.ptv.get(self._target())
            ui.ptvSpin.value = margin.left_mm if margin else 0.0
            ui.editBackCheck.checked = selection.edit_back_parametrium
            ui.disjointCheck.checked = Rule.DISJOINT not in selection.rules_off
        ui.messages.plainText = "\n".join(message.text for message in case.messages)
        self._draw_borders()

    def _draw_borders(self) -> None:
        with silent(self.ui.borderBox):
            chosen = self.ui.borderBox.currentIndex
            self.ui.borderBox.clear()
            for border in self._borders():
                estimated = _(" (estimated)") if border.estimated else ""
                self.ui.borderBox.addItem(f"{border.kind.value}{estimated}")
            self.ui.borderBox.currentIndex = max(chosen, 0) if self._borders() else -1

    def _toggled(self, item: Any, _column: int) -> None:
        structure_id = str(item.data(0, ID_ROLE) or "")
        self._is_stale = True
        if structure_id:
            self.session.choices.include([structure_id], item.checkState(0) == qt.Qt.Checked)

    def poll(self) -> None:
        """Draws a tick anew that was refused. Never in the signal: that deletes the item it is of."""
        if self._is_stale:
            self.refresh()

    def _clicked(self, item: Any, _column: int) -> None:
        structure_id = str(item.data(0, ID_ROLE) or "")
        if structure_id:
            self.desk.choose(structure_id)

    def _vagina(self) -> None:
        recipe = RECIPES[self.ui.vaginaBox.currentIndex]
        self.session.choices.set_vagina(VaginaLength(recipe, self.ui.vaginaSpin.value))

    def _edit_back(self) -> None:
        self.session.choices.set_edit_back(self.ui.editBackCheck.checked)

    def _disjoint(self) -> None:
        self.session.choices.set_disjoint(self.ui.disjointCheck.checked)

    def _target(self) -> str:
        return PTV_TARGETS[self.ui.ptvBox.currentIndex]

    def _ptv(self) -> None:
        mm = self.ui.ptvSpin.value
        margin = Margin.isotropic(mm) if mm > 0 else None
        if self.desk.is_open and self.session.case.selection.ptv.get(self._target()) != margin:
            self.session.choices.set_ptv(self._target(), margin)

    def _borders(self) -> tuple[Any, ...]:
        borders = self.session.case.borders if self.desk.is_open else ()
        return tuple(border for border in borders if border.kind in MOVABLE)

    def _move_border(self) -> None:
        patient, borders = self.session.patient, self._borders()
        index = self.ui.borderBox.currentIndex
        if patient is None or not 0 <= index < len(borders):
            return
        axial_k = self.desk.views.current(patient.axial)
        if axial_k is None:
            self.desk.tell(_("No axial view shows the scan: the border stays where it is."))
            return
        moved_cc = self.session.choices.move_border(borders[index].kind, patient.axial.centre_lps(axial_k))
        self.desk.tell(_("{cc:.1f} cm³ changed their level.").format(cc=moved_cc))


def _item(row: PartRow) -> Any:
    item = qt.QTreeWidgetItem()
    item.setText(0, row.name)
    item.setText(1, "" if row.volume_cc is None else f"{row.volume_cc:.1f}")
    item.setText(2, row.note)
    item.setToolTip(2, row.note)
    item.setData(0, ID_ROLE, row.structure_id)
    picture = qt.QPixmap(ICON_PX, ICON_PX)
    picture.fill(qt.QColor(*row.colour_rgb))
    item.setIcon(0, qt.QIcon(picture))
    if row.selectable:
        item.setCheckState(0, qt.Qt.Checked if row.included else qt.Qt.Unchecked)
    item.setDisabled(not row.present and not row.included)
    return item
