"""Reads the panels' source and .ui files against the allow-list, without running them.

What a name is, is known where it is made (`x = qt.QTimer()`), where a .ui file declares it (`ui.name`), or
where its annotation says so. Everything else is left alone: this check has no false findings, and may miss
some.
"""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from host.allow_list import Members, class_names, members
from host.pythonqt import qt_class

TOOLKITS = {"qt", "ctk", "slicer"}
FOREIGN = ("PySide", "PyQt", "shiboken")
GONE = {"mainWindow": "there is no slicer.app.mainWindow()"}
MADE_BY = {
    "horizontalHeader": "QHeaderView",
    "verticalHeader": "QHeaderView",
    "topLevelItem": "QTreeWidgetItem",
}


@dataclass
class Known:
    """Which class a name or an attribute has, in one file."""

    ui: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)

    def class_of(self, node: ast.expr) -> str | None:
        """The listed class of an expression, None where it is not known."""
        if isinstance(node, ast.Call):
            return made_class(node) or self._returned(node)
        if isinstance(node, ast.Attribute) and _is_ui(node.value):
            return self.ui.get(node.attr)
        return self.names.get(ast.unparse(node))

    def _returned(self, node: ast.Call) -> str | None:
        known = isinstance(node.func, ast.Attribute) and self.class_of(node.func.value)
        return MADE_BY.get(node.func.attr) if known and isinstance(node.func, ast.Attribute) else None


def check_python(path: Path, ui: dict[str, str]) -> list[str]:
    """Findings of one file, each with its line. `ui`: classes by object name of the .ui files it loads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = Known(ui)
    for node in ast.walk(tree):
        _learn(node, known)
    found = [(n.lineno, text) for n in ast.walk(tree) for text in _findings(n, known) if hasattr(n, "lineno")]
    return [f"{path.name}:{line}: {text}" for line, text in sorted(set(found))]


def ui_classes(path: Path) -> dict[str, str]:
    """Classes by object name of a .ui file."""
    return {w.get("name", ""): w.get("class", "") for w in ET.parse(path).iter("widget")}


def check_ui(path: Path) -> list[str]:
    """Findings of one .ui file: classes and properties that are not there, classes without header."""
    tree = ET.parse(path)
    headers = {w.findtext("class") for w in tree.iter("customwidget")}
    found = []
    for widget in tree.iter("widget"):
        kind = widget.get("class", "")
        if kind not in class_names():
            found.append(f"{path.name}: {kind} is not listed")
            continue
        if not kind.startswith("Q") and kind not in headers:
            found.append(f"{path.name}: {kind} is not among the custom widgets")
        names = [p.get("name", "") for p in widget.findall("property")]
        found += [f"{path.name}: {kind} has no {n}" for n in names if n not in members(kind).readable]
    return found


def made_class(node: ast.Call) -> str | None:
    """The class that `qt.X(...)`, `ctk.X(...)` or `slicer.qX(...)` makes."""
    func = node.func
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in TOOLKITS:
        return func.attr if func.attr in class_names() else None
    return None


def _learn(node: ast.AST, known: Known) -> None:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        kind = known.class_of(node.value)
        if kind:
            known.names[ast.unparse(node.targets[0])] = kind
    if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
        kind = ast.unparse(node.annotation).strip("'\"").rpartition(".")[2]
        if kind in class_names():
            known.names[node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)] = kind


def _findings(node: ast.AST, known: Known) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _imports(node)
    elif isinstance(node, ast.Call):
        yield from _call(node, known)
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node, known)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _assignment(target, known)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    yield from (f"{name} is not in Slicer" for name in names if name.startswith(FOREIGN))


def _call(node: ast.Call, known: Known) -> Iterator[str]:
    func = node.func
    if isinstance(func, ast.Name) and func.id == "isinstance" and _names_a_class(node.args[1]):
        yield f"isinstance is False for {ast.unparse(node.args[1])}: use inherits"
    if isinstance(func, ast.Name) and func.id == "_" and any(isinstance(a, ast.JoinedStr) for a in node.args):
        yield "translate the sentence, then format it"
    if made_class(node) and node.keywords:
        yield f"{ast.unparse(func)} takes no keyword arguments"
    if not isinstance(func, ast.Attribute):
        return
    if func.attr == "AddObserver":
        yield "observe through VTKObservationMixin, which cleanup can undo"
    kind = known.class_of(func.value)
    if kind:
        if node.keywords:
            yield f"{kind}.{func.attr} takes no keyword arguments"
        if func.attr in members(kind).readable:
            yield f"{kind}.{func.attr} is a value, not a method"
    if func.attr == "connect":
        yield from _connection(node, func, kind, known)


def _connection(node: ast.Call, func: ast.Attribute, kind: str | None, known: Known) -> Iterator[str]:
    slot = node.args[-1] if node.args else None
    if isinstance(slot, ast.Lambda) and slot.args.defaults:
        yield "a default of a lambda is filled with the signal's argument: use functools.partial"
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        kinds = [kind] if kind else sorted(class_names())
        if not any(members(k).has_signal(first.value) for k in kinds):
            yield f"{kind or 'no class'} has no signal {first.value}"


def _attribute(node: ast.Attribute, known: Known) -> Iterator[str]:
    if isinstance(node.value, ast.Name) and node.value.id in ("qt", "ctk") and node.attr not in class_names():
        yield f"{node.value.id}.{node.attr} is not listed"
    if ast.unparse(node.value) == "slicer.app" and node.attr in GONE:
        yield GONE[node.attr]
    if _is_ui(node.value) and known.ui and node.attr not in known.ui:
        yield f"no .ui file has a widget {node.attr}"
    kind = known.class_of(node.value) or _class_itself(node.value)
    if kind and isinstance(node.ctx, ast.Load):
        listed = members(kind)
        if not listed.has(node.attr):
            yield f"{kind} has no {node.attr} for Python"
        elif not _in_qt6(listed, node.attr):
            yield f"{kind}.{node.attr} is gone in Qt 6"


def _assignment(target: ast.expr, known: Known) -> Iterator[str]:
    if isinstance(target, ast.Attribute):
        kind = known.class_of(target.value)
        if kind and target.attr not in members(kind).writable:
            yield f"{kind} has no property {target.attr} that can be set"


def _in_qt6(listed: Members, name: str) -> bool:
    kind = qt_class(listed.name)
    known = kind is None or name in listed.enums or name not in listed.methods
    return known or hasattr(kind, name)


def _names_a_class(node: ast.expr) -> bool:
    names = [ast.unparse(n) for n in (node.elts if isinstance(node, ast.Tuple) else [node])]
    return any(n.startswith(("qt.", "ctk.")) for n in names)


def _class_itself(node: ast.expr) -> str | None:
    """`qt.QFrame` in `qt.QFrame.Box`."""
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("qt", "ctk")
    ):
        return node.attr if node.attr in class_names() else None
    return None


def _is_ui(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "ui") or (
        isinstance(node, ast.Attribute) and node.attr in ("ui", "_ui")
    )
