"""Editing with Slicer's own segment editor: one structure at a time, every other left as it is.

The editor works on the segmentation "Contours" only. What it did is taken by the session, which also
undoes; so the editor's own undo and its keys are off, and there is one history.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.session.events import ChoicesChanged, PatientClosed, PatientOpened, StructuresChanged
from AmlartContourLib.widgets.panel import Desk, Panel, silent

EDITOR_TAG = "AmlartContourSegmentEditor"
UNDO_KEYS, REDO_KEYS = ("Ctrl+Z", "Z"), ("Ctrl+Y", "Ctrl+Shift+Z", "Y")  # as in Slicer's segment editor
DRAWN_ROLES = (Role.COMPOSITE, Role.PTV, Role.LANDMARK)


class EditorPanel(Panel):
    """The embedded editor with its buttons."""

    UI = "Editor"
    FOLLOWS = (PatientOpened, PatientClosed, StructuresChanged, ChoicesChanged)

    def __init__(self, desk: Desk, scene: PatientScene) -> None:
        super().__init__(desk)
        self._scene = scene
        self._node: Any = None
        self._addable: list[str] = []
        self._keys: list[Any] = []
        self.on("clicked()", self.ui.undoButton, self.session.editing.undo)
        self.on("clicked()", self.ui.redoButton, self.session.editing.redo)
        self.on("clicked()", self.ui.resetButton, self._reset)
        self.on("clicked()", self.ui.addButton, self._add)
        self.on("currentSegmentIDChanged(QString)", self.ui.editor, self._segment_chosen)

    def enter(self, window: Any) -> None:
        """The module came to the front. Keys work while `window`, a widget of the module, is shown."""
        self._attach()
        self.ui.editor.setupViewObservations()
        self.ui.editor.installKeyboardShortcuts(window)
        self._take_keys(window)

    def put_down(self) -> None:
        """No effect works with the mouse in the views."""
        self.ui.editor.setActiveEffect(None)

    def exit(self) -> None:
        """The module went to the back: no effect stays active in the views."""
        self.ui.editor.setActiveEffect(None)
        for shortcut in self._keys:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._keys = []
        self.ui.editor.uninstallKeyboardShortcuts()
        self.ui.editor.removeViewObservations()

    def close(self) -> None:
        """Lets go of the scene."""
        self.exit()
        self.detach()

    def detach(self) -> None:
        """Before the scene closes."""
        self.ui.editor.setActiveEffect(None)
        self.ui.editor.setMRMLSegmentEditorNode(None)
        self.ui.editor.setMRMLScene(None)
        self._node = None

    def _take_keys(self, window: Any) -> None:
        """The undo keys of the editor become those of the session: two of the same key would fire neither."""
        for child in window.children():
            if child.inherits("QShortcut") and child.key.toString() in (*UNDO_KEYS, *REDO_KEYS):
                child.setEnabled(False)
        for keys, button in ((UNDO_KEYS, self.ui.undoButton), (REDO_KEYS, self.ui.redoButton)):
            for key in keys:
                shortcut = qt.QShortcut(qt.QKeySequence(key), window)
                for signal in ("activated()", "activatedAmbiguously()"):
                    shortcut.connect(signal, partial(_press, button))
                self._keys.append(shortcut)

    def poll(self) -> None:
        """Takes what the editor did since the last look."""
        if self.desk.is_open and self.session.editing.working_scene_changed:
            self.session.editing.take()

    def refresh(self) -> None:
        """Draws the buttons, and puts the patient's nodes into the editor."""
        editing, is_open = self.session.editing, self.desk.is_open
        undo, redo = (editing.undo_label, editing.redo_label) if is_open else (None, None)
        for button, label in ((self.ui.undoButton, undo), (self.ui.redoButton, redo)):
            button.enabled = label is not None
            button.toolTip = label or ""
        part = is_open and self.chosen in self.session.case.structures
        self.ui.resetButton.enabled = part and self.chosen in self.session.case.originals
        self.ui.structureLabel.text = self._words(part)
        self._draw_addable()
        self._attach()
        if part:
            self.session.editing.begin(self.chosen)
            self.ui.editor.setCurrentSegmentID(self.chosen)

    def _words(self, part: bool) -> str:
        if part:
            name = catalogue()[self.chosen].display_name
            return _("Editing {name}. Only this structure changes.").format(name=name)
        if self.chosen and self.desk.is_open:
            return _("This one is made of other contours: edit the parts it is made of.")
        return _("Choose a structure to edit. Only that structure changes.")

    def _attach(self) -> None:
        """The real scene and nodes; masks so that painting reaches no other segment."""
        segmentation = self._scene.working_node if self.desk.is_open else None
        if segmentation is None:
            self.ui.editor.setSegmentationNode(None)
            return
        if self._node is None:
            self._node = _editor_node()
            self.ui.editor.setMRMLScene(slicer.mrmlScene)
            self.ui.editor.setMRMLSegmentEditorNode(self._node)
        self._node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
        if self.ui.editor.segmentationNode() is not segmentation:
            self.ui.editor.setSegmentationNode(segmentation)
            self.ui.editor.setSourceVolumeNode(self._scene.volume_node)

    def _segment_chosen(self, structure_id: str) -> None:
        if structure_id and structure_id != self.chosen and self.desk.is_open:
            self.desk.choose(structure_id)

    def _reset(self) -> None:
        self.session.editing.reset(self.chosen)

    def _draw_addable(self) -> None:
        there = self.session.case.structures if self.desk.is_open else None
        book = catalogue()
        self._addable = (
            [i for i in book if i not in there and book[i].role not in DRAWN_ROLES]
            if there is not None
            else []
        )
        with silent(self.ui.addBox):
            self.ui.addBox.clear()
            self.ui.addBox.addItems([book[i].display_name for i in self._addable])
        self.ui.addButton.enabled = bool(self._addable)

    def _add(self) -> None:
        structure_id = self._addable[self.ui.addBox.currentIndex]
        self.session.editing.add(structure_id)
        self.desk.choose(structure_id)


def _press(button: Any) -> None:
    button.click()


def _editor_node() -> Any:
    """The parameter node of this editor, apart from that of the Segment Editor module."""
    node = slicer.mrmlScene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is not None:
        return node
    node = slicer.vtkMRMLSegmentEditorNode()
    node.SetSingletonTag(EDITOR_TAG)
    return slicer.mrmlScene.AddNode(node)
