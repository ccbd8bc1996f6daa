"""Undo and redo by the keys of Slicer's segment editor, which installs some of the same keys itself."""

from __future__ import annotations

from typing import Any

import pytest
import slicer
from PySide6 import QtCore, QtWidgets
from PySide6.QtTest import QTest

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.scene.labelmaps import image_of
from host import pythonqt
from host.application import Host

Key, Modifier = QtCore.Qt.Key, QtCore.Qt.KeyboardModifier
PLAIN, CONTROL = Modifier.NoModifier, Modifier.ControlModifier


@pytest.fixture
def window(bench: Any, host: Host) -> QtWidgets.QWidget:
    """The module in front, in a window that has the keyboard. The section Edit is collapsed."""
    window = pythonqt.unwrap(host.parent)
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    host.widget.enter()
    return window


def _cut_a_slice(bench: Any, structure_id: str) -> None:
    """Takes the lowest slice off a structure, as an editor does it."""
    bench.choose(structure_id)
    bench.tick()
    mask = bench.session.case.structures.mask(structure_id)
    full = mask.to_array().copy()
    full[mask.box.start_kji[0]] = False
    logic = slicer.modules.segmentations.logic()
    image = image_of(Mask.from_array(full, mask.geometry))
    logic.SetBinaryLabelmapToSegment(image, bench.scene.working_node, structure_id, logic.MODE_REPLACE)
    bench.tick()


@pytest.mark.parametrize(
    ("undo", "redo"),
    [((Key.Key_Z, CONTROL), (Key.Key_Y, CONTROL)), ((Key.Key_Z, PLAIN), (Key.Key_Y, PLAIN))],
    ids=["with control", "plain"],
)
def test_the_keys_of_slicers_segment_editor_undo_and_redo_in_the_sessions_history(
    bench: Any, window: QtWidgets.QWidget, undo: Any, redo: Any
) -> None:
    before = bench.session.case.structures.mask("bladder")
    _cut_a_slice(bench, "bladder")
    edited = bench.session.case.structures.mask("bladder")
    bench.tick()
    QTest.keyClick(window, *undo)
    assert bench.session.case.structures.mask("bladder").same_voxels(before)
    bench.tick()
    QTest.keyClick(window, *redo)
    assert bench.session.case.structures.mask("bladder").same_voxels(edited)


def test_after_the_module_went_to_the_back_no_key_of_it_works(
    bench: Any, window: QtWidgets.QWidget, host: Host
) -> None:
    _cut_a_slice(bench, "bladder")
    bench.tick()
    host.widget.exit()
    QTest.keyClick(window, Key.Key_Z, CONTROL)
    assert bench.editor.ui.redoButton.enabled is False
    assert bench.session.editing.undo_label is not None


def test_a_letter_typed_into_a_field_is_no_shortcut(bench: Any, window: QtWidgets.QWidget) -> None:
    _cut_a_slice(bench, "bladder")
    bench.tick()
    name = pythonqt.unwrap(bench.review.ui.reviewerEdit)
    name.setFocus()
    QTest.keyClicks(name, "Dr Zeynep")
    assert name.text() == "Dr Zeynep"
    assert bench.session.editing.undo_label is not None
