"""Stand-ins for the CTK and qMRML widgets that the panels use, as PySide widgets.

Only what the panels need has behaviour. What a real one keeps in MRML, this one keeps in MRML too.
"""

from __future__ import annotations

from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal

from host.faults import FAULTS

HEADER_PX = 24


class ctkCollapsibleButton(QtWidgets.QAbstractButton):  # noqa: N801
    """A header over its children, which it hides when collapsed."""

    contentsCollapsed = Signal(bool)  # noqa: N815

    def __init__(self, *values: Any) -> None:
        super().__init__(*[v for v in values if not isinstance(v, str)])
        for text in (v for v in values if isinstance(v, str)):
            self.setText(text)
        self._collapsed = False
        self.setContentsMargins(0, HEADER_PX, 0, 0)
        self.clicked.connect(lambda: self._collapse(not self._collapsed))

    def _collapse(self, on: bool) -> None:
        if on != self._collapsed:
            self._collapsed = on
            self.setMaximumHeight(HEADER_PX if on else 16777215)
            for child in self.findChildren(
                QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly
            ):
                child.setVisible(not on)
            self.contentsCollapsed.emit(on)

    collapsed = Property(bool, lambda self: self._collapsed, _collapse)

    def sizeHint(self) -> QtCore.QSize:
        """Room for the header and the layout."""
        inner = self.layout().sizeHint() if self.layout() and not self._collapsed else QtCore.QSize(200, 0)
        return QtCore.QSize(inner.width(), max(inner.height(), HEADER_PX))

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        """The header."""
        painter = QtGui.QPainter(self)
        painter.fillRect(0, 0, self.width(), HEADER_PX - 2, self.palette().button())
        mark = "▸" if self._collapsed else "▾"
        painter.drawText(6, 16, f"{mark} {self.text()}")


class ctkDirectoryButton(QtWidgets.QPushButton):  # noqa: N801
    """A button that shows a folder."""

    directoryChanged = Signal(str)  # noqa: N815
    directorySelected = Signal(str)  # noqa: N815

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self._folder = ""

    def _choose(self, folder: str) -> None:
        if folder != self._folder:
            self._folder = folder
            self.setText(folder)
            self.directoryChanged.emit(folder)

    directory = Property(str, lambda self: self._folder, _choose)


class ctkPathLineEdit(QtWidgets.QLineEdit):  # noqa: N801
    """A line that holds a path."""

    currentPathChanged = Signal(str)  # noqa: N815
    validInputChanged = Signal(bool)  # noqa: N815

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self._filters, self._names = 0, []
        self.textChanged.connect(self.currentPathChanged)

    currentPath = Property(str, lambda self: self.text(), lambda self, p: self.setText(p))  # noqa: N815
    filters = Property(int, lambda self: self._filters, lambda self, f: setattr(self, "_filters", f))
    nameFilters = Property(  # noqa: N815
        list, lambda self: self._names, lambda self, n: setattr(self, "_names", n)
    )


def _kept(name: str, kind: type) -> Property:
    key = f"_kept_{name}"
    return Property(kind, lambda self: getattr(self, key, kind()), lambda self, v: setattr(self, key, v))


class qMRMLSegmentEditorWidget(QtWidgets.QFrame):  # noqa: N801
    """Keeps segmentation, source volume and segment in the segment editor node, as the real one does."""

    currentSegmentIDChanged = Signal(str)  # noqa: N815
    segmentationNodeChanged = Signal(object)  # noqa: N815
    sourceVolumeNodeChanged = Signal(object)  # noqa: N815
    segmentationNodeSelectorVisible = _kept("segmentationNodeSelectorVisible", bool)  # noqa: N815
    sourceVolumeNodeSelectorVisible = _kept("sourceVolumeNodeSelectorVisible", bool)  # noqa: N815
    switchToSegmentationsButtonVisible = _kept("switchToSegmentationsButtonVisible", bool)  # noqa: N815
    addRemoveSegmentButtonsVisible = _kept("addRemoveSegmentButtonsVisible", bool)  # noqa: N815
    specifyGeometryButtonVisible = _kept("specifyGeometryButtonVisible", bool)  # noqa: N815
    show3DButtonVisible = _kept("show3DButtonVisible", bool)  # noqa: N815
    maskingSectionVisible = _kept("maskingSectionVisible", bool)  # noqa: N815
    undoEnabled = _kept("undoEnabled", bool)  # noqa: N815
    readOnly = _kept("readOnly", bool)  # noqa: N815

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self._scene = self._node = None
        self.observing = False
        self._shortcuts: list[QtGui.QShortcut] = []
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(QtWidgets.QLabel("(Slicer's segment editor)"))

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        self._node = node

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        if self._node is not None:
            self._node.SetAndObserveSegmentationNode(node)

    def segmentationNode(self) -> Any:
        return self._node.GetSegmentationNode() if self._node else None

    def setSourceVolumeNode(self, node: Any) -> None:
        if self._node is not None:
            self._node.SetAndObserveSourceVolumeNode(node)

    def setCurrentSegmentID(self, segment: str) -> None:
        if self._node is not None and self._node.GetSelectedSegmentID() != segment:
            self._node.SetSelectedSegmentID(segment)
            self.currentSegmentIDChanged.emit(segment)

    def currentSegmentID(self) -> str:
        return (self._node.GetSelectedSegmentID() or "") if self._node else ""

    def setActiveEffect(self, effect: Any) -> None:
        self.effect = effect

    def setActiveEffectByName(self, name: str) -> None:
        self.effect = name

    def setupViewObservations(self) -> None:
        self.observing = True

    def removeViewObservations(self) -> None:
        self.observing = False

    def installKeyboardShortcuts(self, parent: QtWidgets.QWidget) -> None:
        """The undo keys of the real one. Its default parent is the main window, which there need not be."""
        standard = QtGui.QKeySequence.StandardKey
        for key in ("Z", standard.Undo, "Y", standard.Redo):
            shortcut = QtGui.QShortcut(QtGui.QKeySequence(key), parent)
            shortcut.activated.connect(self._own_undo)
            self._shortcuts.append(shortcut)

    def uninstallKeyboardShortcuts(self) -> None:
        for shortcut in self._shortcuts:
            shiboken6.delete(shortcut)
        self._shortcuts = []

    def _own_undo(self) -> None:
        FAULTS.say("editor", "its own undo was asked for, beside the session's history")


class qMRMLWidget(QtWidgets.QWidget):  # noqa: N801
    """A widget that is told the scene."""

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene

    def mrmlScene(self) -> Any:
        return getattr(self, "_scene", None)


STAND_INS = {
    kind.__name__: kind
    for kind in (
        ctkCollapsibleButton,
        ctkDirectoryButton,
        ctkPathLineEdit,
        qMRMLSegmentEditorWidget,
        qMRMLWidget,
    )
}
