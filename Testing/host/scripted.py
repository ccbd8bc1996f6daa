"""Stand-ins for the bases of a scripted module, with what Slicer's own do for this module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer


class ScriptedLoadableModule:
    """Metadata lands on `parent`."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def getDefaultModuleDocumentationLink(self) -> str:
        """A link for the help text."""
        return ""


class ScriptedLoadableModuleWidget:
    """Gives `parent`, `layout` and `logic`; names come from the class's own."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.layout = parent.layout()
        self.moduleName = type(self).__name__.removesuffix("Widget")

    def setup(self) -> None:
        """The real one adds the reload section in developer mode."""

    def cleanup(self) -> None:
        """Nothing of its own."""

    def resourcePath(self, name: str) -> str:
        """A file of the module's resources."""
        return str(slicer.host.folder / "Resources" / name)

    def onReload(self) -> None:
        """Loads the module's file anew and makes a new widget in the same parent."""
        slicer.host.reload()


class ScriptedLoadableModuleLogic:
    """The real one offers the parameter node, which this module does not use."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__.removesuffix("Logic")


class ScriptedLoadableModuleTest:
    """Runs every method whose name holds "test", as Slicer's own `runTest` does; a failure is raised."""

    def setUp(self) -> None:
        """Clears the scene."""
        slicer.mrmlScene.Clear(0)

    def tearDown(self) -> None:
        """Nothing."""

    def delayDisplay(self, message: str, *_: Any) -> None:
        """The real one shows it."""

    def runTest(self) -> None:
        """All tests."""
        for name in sorted(n for n in dir(self) if n.startswith("test")):
            self.setUp()
            try:
                getattr(self, name)()
            finally:
                self.tearDown()


def module_file(folder: Path) -> Path:
    """The module's own file."""
    return folder / f"{folder.name}.py"
