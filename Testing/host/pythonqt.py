"""Qt objects as Python code inside Slicer sees them, over PySide.

A wrapper looks a name up as PythonQt does: property value, method, signal, enum; a name that the allow-list
does not hold raises, and so do keyword arguments. Wrapper classes share no base, so `isinstance(button,
qt.QWidget)` is False as it is there. A slot gets at most as many arguments as it declares; what it raises
is a fault.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from host.allow_list import Members, class_names, members
from host.faults import FAULTS

MODAL = {"exec", "exec_"}
BUILT_IN = {"name": "objectName"}
_made: dict[str, type] = {}


def unwrap(value: Any) -> Any:
    """The PySide object of a wrapper, in sequences too."""
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(v) for v in value)
    return getattr(value, "_qt", value) if type(value).__name__ in _made else value


def wrap(value: Any) -> Any:
    """A wrapper of a Qt object, by the nearest class that the allow-list holds; other values as they are.
    String lists come back as tuples."""
    if isinstance(value, list):
        return tuple(wrap(v) for v in value)
    if isinstance(value, QtCore.QByteArray):
        return bytes(value.data())
    for kind in type(value).__mro__:
        if kind.__name__ in _made and _is_qt(value):
            wrapper = object.__new__(_made[kind.__name__])
            object.__setattr__(wrapper, "_qt", value)
            return wrapper
    return value


def _is_qt(value: Any) -> bool:
    return isinstance(value, QtCore.QObject) or type(value).__module__.startswith("PySide6")


class Signal:
    """`widget.clicked`: can be connected (its first overload) and emitted."""

    def __init__(self, qt_object: Any, name: str, known: Members) -> None:
        self._object, self._name, self._known = qt_object, name, known

    def connect(self, slot: Callable[..., Any]) -> bool:
        """Connects the first overload."""
        return connect(self._object, self._known, self._known.signals[self._name][0], slot)

    def emit(self, *values: Any) -> None:
        """Sends it."""
        getattr(self._object, self._name).emit(*unwrap(list(values)))


def adapted(slot: Callable[..., Any], most: int) -> Callable[..., None]:
    """A slot that gets at most as many arguments as it declares, and never lets an exception out."""
    try:
        declared = list(inspect.signature(slot).parameters.values())
    except (TypeError, ValueError):
        declared = []
    open_ended = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in declared)
    taken = most if open_ended else min(most, len(declared))

    def call(*values: Any) -> None:
        try:
            slot(*(wrap(v) for v in values[:taken]))
        except Exception as error:  # noqa: BLE001 - what the application prints and swallows
            FAULTS.exception("slot", error)

    return call


def connect(qt_object: Any, known: Members, signature: str, slot: Callable[..., Any]) -> bool:
    """As `QObject.connect` in Slicer: an unknown signature is only printed there; here it is a fault."""
    if not known.has_signal(signature):
        FAULTS.say("signal", f"{known.name} has no signal {signature}")
        return False
    name, _, types = signature.partition("(")
    most = len([t for t in types.rstrip(")").split(",") if t])
    getattr(qt_object, name).connect(adapted(slot, most))
    return True


def _get(self: Any, name: str) -> Any:
    known, qt_object = type(self).known, self._qt
    name = BUILT_IN.get(name, name)
    if name in known.readable and isinstance(qt_object, QtCore.QObject):
        return wrap(_enum_value(qt_object.property(name)))
    if name == "connect":
        return lambda signature, slot: connect(qt_object, known, signature, slot)
    if name in known.signals and name not in known.methods:
        return Signal(qt_object, name, known)
    if name == "className":
        return lambda: qt_object.metaObject().className()
    if name == "delete":
        return qt_object.deleteLater
    if name in known.enums and name not in known.methods:
        return getattr(type(qt_object), name)
    if not known.has(name):
        raise AttributeError(f"{known.name} has no {name} that Python can use in Slicer")
    method = getattr(qt_object, name, None)
    if method is None:
        raise NotImplementedError(f"the stand-in {known.name} does not have {name}")
    return _method(known, name, method)


def _method(known: Members, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        if name in MODAL:
            FAULTS.dialogs.append(known.name)
            return 0
        return wrap(method(*(unwrap(v) for v in values)))

    return call


def _set(self: Any, name: str, value: Any) -> None:
    known = type(self).known
    name = BUILT_IN.get(name, name)
    if name not in known.writable or not isinstance(self._qt, QtCore.QObject):
        raise AttributeError(f"{known.name} has no property {name} that can be set")
    if self._qt.metaObject().indexOfProperty(name) < 0:
        raise NotImplementedError(f"the stand-in {known.name} does not have the property {name}")
    self._qt.setProperty(name, unwrap(value))


def _enum_value(value: Any) -> Any:
    return value.value if hasattr(value, "value") and type(value).__module__.startswith("PySide6") else value


def class_of(name: str, made_by: Any) -> type:
    """The wrapper class of a listed class; `made_by` is the PySide class, or None where none can be made."""

    def new(cls: type, *values: Any) -> Any:
        if made_by is None:
            raise NotImplementedError(f"the stand-in {name} cannot be constructed")
        wrapper = object.__new__(cls)
        object.__setattr__(wrapper, "_qt", made_by(*(unwrap(v) for v in values)))
        return wrapper

    body = {
        "known": members(name),
        "__new__": new,
        "__getattr__": _get,
        "__setattr__": _set,
        "__eq__": lambda self, other: unwrap(self) is unwrap(other) or self._qt == unwrap(other),
        "__hash__": lambda self: hash(id(self._qt)),
        "__bool__": lambda _self: True,
    }
    kind = _ClosedType(name, (), body)
    _made[name] = kind
    return kind


class _ClosedType(type):
    """Class attributes are the listed enum values, nothing else."""

    def __getattr__(cls, name: str) -> Any:
        known = cls.__dict__["known"]
        source = QtCore.Qt if known.name == "Qt" else getattr(QtWidgets, known.name, None)
        source = source or getattr(QtGui, known.name, None)
        if name not in known.enums or source is None:
            raise AttributeError(f"{known.name} has no {name} that Python can use in Slicer")
        return getattr(source, name)


def qt_class(name: str) -> Any:
    """The PySide class of that name, or None."""
    for module in (QtWidgets, QtGui, QtCore):
        if hasattr(module, name):
            return getattr(module, name)
    return None


def listed(prefix: str) -> list[str]:
    """Listed class names of one toolkit."""
    return sorted(name for name in class_names() if name.startswith(prefix))
