"""A clinician at the module: presses buttons, chooses, waits, and counts the clicks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.scene.labelmaps import image_of
from host import pythonqt
from host.application import Host


class Clinician:
    """Works on the module that a host has loaded. `clicks` are those made so far."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.bench = host.widget.workbench
        self.clicks = 0

    def press(self, button: Any) -> None:
        """A click on a button that can be pressed."""
        assert button.enabled, f"{button.text} cannot be pressed"
        self.clicks += 1
        button.click()

    def choose(self, box: Any, text: str, number: int = 0) -> None:
        """An entry of a box, by the words it begins with, and which of those."""
        qt_box = pythonqt.unwrap(box)
        found = [n for n in range(qt_box.count()) if qt_box.itemText(n).startswith(text)]
        assert found, f"no {text} among {[qt_box.itemText(n) for n in range(qt_box.count())]}"
        self.clicks += 2
        qt_box.setCurrentIndex(found[number])
        qt_box.activated.emit(found[number])
        qt_box.textActivated.emit(qt_box.itemText(found[number]))

    def type(self, edit: Any, text: str) -> None:
        """Writes into a field and leaves it."""
        edit.text = text
        pythonqt.unwrap(edit).editingFinished.emit()

    def row(self, table: Any, number: int = 0) -> None:
        """A click on a row."""
        self.clicks += 1
        table.selectRow(number)
        pythonqt.unwrap(table).cellClicked.emit(number, 0)

    def ask_server(self, url: str, token: str) -> None:
        """Types where the hospital's server is, and tests it."""
        ui = self.bench.backend.ui
        self.choose(ui.placeBox, "on the hospital's server")
        self.type(ui.urlEdit, url)
        self.type(ui.keyEdit, token)
        self.press(ui.testButton)

    def part(self, name: str) -> Any:
        """The line of a part in the tree of components."""
        return tree_line(self.bench.components.ui.tree, name)

    def is_ticked(self, name: str) -> bool:
        """Whether a part is chosen in the tree."""
        import qt

        return self.part(name).checkState(0) == qt.Qt.Checked

    def tick(self, name: str, on: bool) -> None:
        """The box of a part in the tree."""
        import qt

        self.clicks += 1
        self.part(name).setCheckState(0, qt.Qt.Checked if on else qt.Qt.Unchecked)
        self.host.spin(0.25)

    def wait(self, true: Callable[[], Any], seconds: float, what: str) -> None:
        """The window goes on until something is true."""
        until = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < until, f"waited {seconds} s in vain: {what}; {self.said()}"
            self.host.spin(0.05)

    def said(self) -> str:
        """What the window says."""
        return f"{self.bench.ui.noticeLabel.text} {self.bench.backend.ui.statusLabel.text}"

    def open_folder(self, folder: Path, number: int = 0) -> None:
        """Opens a patient of a folder."""
        self.bench.worklist.ui.folderButton.directory = str(folder)
        self.open_row(number)

    def open_row(self, number: int = 0) -> None:
        """Opens a patient of the list."""
        worklist, before = self.bench.worklist, self.bench.session.patient
        self.row(worklist.ui.table, number)
        self.press(worklist.ui.openButton)
        self.wait(lambda: self.bench.session.patient not in (None, before), 120, "the patient is open")
        self.host.spin(0.25)

    def start(self, engine: str, number: int = 0) -> None:
        """Begins to contour the open patient."""
        self.choose(self.bench.contouring.ui.engineBox, engine, number)
        self.press(self.bench.contouring.ui.contourButton)

    def contour(self, engine: str, seconds: float = 180.0) -> None:
        """Contours the open patient and waits for the contours."""
        self.start(engine)
        session = self.bench.session
        self.wait(
            lambda: not session.contouring.running and not session.is_catching_up, seconds, "the job ends"
        )
        self.host.spin(0.25)

    def look_at(self, structure_id: str, axial_k: int | None = None) -> None:
        """Makes a structure the chosen one, and goes to a slice."""
        self.bench.choose(structure_id)
        if axial_k is not None:
            self.bench.desk.views.jump(self.bench.session.patient.axial, axial_k)
        self.host.spin(0.25)

    def paint(self, structure_id: str, added: Mask) -> None:
        """Adds voxels with Slicer's own segment editor logic, on the editor's own node."""
        self.look_at(structure_id)
        node = self.bench.editor.ui.editor.mrmlSegmentEditorNode()
        assert node.GetSelectedSegmentID() == structure_id
        logic = slicer.vtkSlicerSegmentEditorLogic()
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.SetSegmentEditorNode(node)
        segmentation = node.GetSegmentationNode()
        add = logic.ModificationModeAdd
        logic.ModifySegmentByLabelmap(segmentation, structure_id, image_of(added), add, False, False)
        logic.SetSegmentEditorNode(None)
        self.host.spin(0.25)


def dab(mask: Mask, axial_k: int, reach: int = 4) -> Mask:
    """A square of paint at the edge of a contour in one slice, partly outside it."""
    flat = mask.to_array()[axial_k]
    j, i = (int(v) for v in np.argwhere(flat)[-1])
    full = np.zeros(mask.geometry.shape_kji, dtype=np.bool_)
    full[axial_k, max(0, j - reach) : j + reach + 1, max(0, i - reach) : i + reach + 1] = True
    return Mask.from_array(full, mask.geometry)


def tree_line(tree: Any, name: str) -> Any:
    """The line of that name, wherever in a tree."""
    todo = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount)]
    while todo:
        item = todo.pop()
        if item.text(0) == name:
            return item
        todo += [item.child(n) for n in range(item.childCount())]
    raise AssertionError(f"no line {name}")
