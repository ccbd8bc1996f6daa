"""What a module must not leave behind: observers, widgets, timers, threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from PySide6 import QtCore, QtWidgets


@dataclass(frozen=True)
class Count:
    """How many there are of each at a moment."""

    observers: int
    widgets: int
    timers: int
    threads: frozenset[str]

    @classmethod
    def now(cls, scene: Any) -> Count:
        """Of the scene and all nodes that are in it, of this process's Qt, and of its threads."""
        nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
        slices = [node for node in nodes if node.IsA("vtkMRMLSliceNode")]
        return cls(
            observers=sum(_observers(o) for o in (scene, *slices)),
            widgets=len(QtWidgets.QApplication.allWidgets()),
            timers=sum(
                isinstance(o, QtCore.QTimer) and o.isActive()
                for w in QtWidgets.QApplication.allWidgets()
                for o in w.findChildren(QtCore.QTimer)
            ),
            threads=frozenset(t.name for t in threading.enumerate()),
        )


def _observers(vtk_object: Any) -> int:
    """How many observers an object has, by what it prints of itself."""
    return str(vtk_object).count("vtkObserver (")
