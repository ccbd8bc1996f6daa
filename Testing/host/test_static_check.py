"""The static check finds every trap of PythonQt that is planted, and nothing in what is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.static_check import check_python, check_ui, ui_classes
from support.source_tree import ROOT

MODULE = ROOT / "AmlartContour"
UI_FILES = sorted((MODULE / "Resources" / "UI").glob("*.ui"))
SOURCES = [MODULE / "AmlartContour.py", *sorted((MODULE / "AmlartContourLib" / "widgets").rglob("*.py"))]
UI = {"button": "QPushButton", "section": "ctkCollapsibleButton", "editor": "qMRMLSegmentEditorWidget"}

TRAPS = {
    "a property called as a method": ("ui.button.text()", "is a value"),
    "a value of a table called": ("t = qt.QTableWidget()\nn = t.rowCount()", "is a value"),
    "a CTK method that is not exposed": ("ui.section.setCollapsed(True)", "no setCollapsed"),
    "an unknown member": ("ui.button.nonsense()", "no nonsense"),
    "an unknown attribute that is set": ("ui.button.foo = 1", "no property foo"),
    "a property that is only read": ("t = qt.QTimer()\nt.active = True", "no property active"),
    "a keyword argument to a constructor": ("qt.QPushButton(text='a')", "keyword"),
    "a keyword argument to a method": ("ui.button.setText(text='a')", "keyword"),
    "a signal with the wrong types": ("ui.button.connect('clicked(int)', f)", "no signal"),
    "a signal that no class has": ("anything.connect('clickd()', f)", "no signal"),
    "a lambda's default on a signal": ("ui.button.connect('clicked(bool)', lambda i=i: f(i))", "default"),
    "isinstance on a Qt base": ("isinstance(ui.button, qt.QWidget)", "inherits"),
    "isinstance on several": ("isinstance(b, (int, qt.QObject))", "inherits"),
    "a PySide import": ("from PySide6 import QtWidgets", "not in Slicer"),
    "a PyQt import": ("import PyQt5.QtCore", "not in Slicer"),
    "the main window of the application": ("slicer.app.mainWindow()", "mainWindow"),
    "a class that only Qt 5 has": ("qt.QRegExp('a')", "not listed"),
    "a method that only Qt 5 has": ("b = qt.QVBoxLayout()\nb.setMargin(0)", "gone in Qt 6"),
    "an observer that cleanup cannot undo": ("node.AddObserver('ModifiedEvent', f)", "VTKObservationMixin"),
    "a widget that no .ui file has": ("ui.btn.click()", "no .ui file"),
    "an enum value that is not there": ("qt.Qt.Ticked", "no Ticked"),
    "a sentence formatted before it is translated": ("_(f'{n} files')", "translate"),
}


FAIR = """
import qt
timer = qt.QTimer()
timer.interval = 100
timer.connect("timeout()", poll)
ui.button.text = _("{n} files").format(n=3)
ui.button.connect("clicked()", partial(go, 3))
ui.section.collapsed = True
if ui.button.isChecked() and ui.button.enabled and timer.active:
    ui.editor.setCurrentSegmentID("bladder")
table = qt.QTableWidget()
table.setRowCount(table.rowCount + 1)
table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
"""


def _check(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "panel.py"
    file.write_text(text, encoding="utf-8")
    return check_python(file, UI)


@pytest.mark.parametrize("trap", TRAPS)
def test_a_planted_trap_is_found(tmp_path: Path, trap: str) -> None:
    text, words = TRAPS[trap]
    found = _check(tmp_path, text)
    assert any(words in line for line in found), found


def test_code_that_works_in_slicer_has_no_finding(tmp_path: Path) -> None:
    assert _check(tmp_path, FAIR) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_what_is_shipped_has_no_finding(source: Path) -> None:
    ui = {name: kind for file in UI_FILES for name, kind in ui_classes(file).items()}
    assert check_python(source, ui) == []


@pytest.mark.parametrize("file", UI_FILES, ids=lambda p: p.name)
def test_a_ui_file_has_no_finding(file: Path) -> None:
    assert check_ui(file) == []


def test_an_unknown_class_or_property_in_a_ui_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "x.ui"
    file.write_text(
        '<ui version="4.0"><widget class="QWidget" name="a"><property name="textt"/>'
        '<widget class="ctkDirectoryButton" name="b"/><widget class="QQuickView" name="c"/></widget></ui>'
    )
    assert [line.split(": ", 1)[1] for line in check_ui(file)] == [
        "QWidget has no textt",
        "ctkDirectoryButton is not among the custom widgets",
        "QQuickView is not listed",
    ]
