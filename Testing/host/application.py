"""The Slicer application as far as this module asks for it: closed, over a genuine MRML scene."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import slicer
import slicer.util
from PySide6 import QtCore, QtUiTools, QtWidgets

from AmlartContourLib.scene.logics import headless_logics
from host import pythonqt, scripted, toolkit
from host.allow_list import class_names
from host.faults import watch_observers

SLICES = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


class Closed:
    """Named things and nothing else: another name is an AttributeError."""

    def __init__(self, what: str, **named: Any) -> None:
        self.__dict__.update(named, _what=what)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self._what} has no {name} in the stand-in host")


class UiLoader(QtUiTools.QUiLoader):
    """Reads .ui files with the stand-ins in place of CTK and qMRML widgets."""

    def createWidget(self, kind: str, parent: Any = None, name: str = "") -> Any:
        """One widget of a .ui file."""
        if kind not in toolkit.STAND_INS:
            return super().createWidget(kind, parent, name)
        widget = toolkit.STAND_INS[kind](parent)
        widget.setObjectName(name)
        return widget


def qt_application() -> QtWidgets.QApplication:
    """The one of this process."""
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication(["host", "-platform", "offscreen"])


def toolkit_modules() -> dict[str, types.ModuleType]:
    """The modules `qt` and `ctk`."""
    made = {"qt": types.ModuleType("qt"), "ctk": types.ModuleType("ctk")}
    for name in sorted(class_names()):
        kind = pythonqt.class_of(name, toolkit.STAND_INS.get(name) or pythonqt.qt_class(name))
        if name.startswith("Q"):
            setattr(made["qt"], name, kind)
        elif name.startswith("ctk"):
            setattr(made["ctk"], name, kind)
        else:
            setattr(slicer, name, kind)
    return made


class Host:
    """One application with one module in `folder`. `widget` is the module's, once it was loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.qt = qt_application()
        self.logics = headless_logics()
        self.scene = self.logics.scene
        self.module: Any = None
        self.widget: Any = None
        self.parent: Any = None
        self.settings: dict[str, Any] = {}
        self._add_views()
        self._install()

    def load(self) -> Any:
        """Reads the module's file, makes its module object and its widget, and sets it up."""
        spec = importlib.util.spec_from_file_location("AmlartContour", scripted.module_file(self.folder))
        assert spec
        assert spec.loader
        self.module = importlib.util.module_from_spec(spec)
        sys.modules["AmlartContour"] = self.module
        spec.loader.exec_module(self.module)
        self.about = self.module.AmlartContour(Closed("a module", path=str(spec.origin)))
        if self.parent is None:
            self.parent = sys.modules["qt"].QWidget()
            self.parent.setLayout(sys.modules["qt"].QVBoxLayout())
        self.widget = self.module.AmlartContourWidget(self.parent)
        self.widget.setup()
        return self.widget

    def reload(self) -> Any:
        """What "Reload" does: cleanup, the old panels away, the file read anew, setup."""
        self.widget.cleanup()
        self._empty_parent()
        return self.load()

    def close(self) -> None:
        """What the end of the application does to the module."""
        if self.widget is not None:
            self.widget.cleanup()
        self._empty_parent()
        self.widget = None

    def spin(self, seconds: float) -> None:
        """Lets the event loop run."""
        loop = QtCore.QEventLoop()
        QtCore.QTimer.singleShot(int(seconds * 1000), loop.quit)
        loop.exec()

    def _connect(self, signature: str, slot: Any) -> bool:
        """Signals of the application; what follows its start happens at once."""
        assert signature == "startupCompleted()", signature
        slot()
        return True

    def _empty_parent(self) -> None:
        layout = pythonqt.unwrap(self.parent).layout()
        while layout.count():
            widget = layout.takeAt(0).widget()
            if widget is not None:
                widget.deleteLater()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)
        self.qt.processEvents()

    def _add_views(self) -> None:
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene)
        for name, orientation in SLICES.items():
            node = self.scene.CreateNodeByClass("vtkMRMLSliceNode")
            node.SetName(name)
            node.SetLayoutName(name)
            node.SetSingletonTag(name)
            node.SetOrientation(orientation)
            node.SetMappedInLayout(1)
            self.scene.AddNode(node)
            composite = slicer.vtkMRMLSliceCompositeNode()
            composite.SetLayoutName(name)
            composite.SetSingletonTag(name)
            self.scene.AddNode(composite)

    def _install(self) -> None:
        """Puts the names into `slicer`, `qt` and `ctk`."""
        watch_observers()
        app_logic = self.logics.others[0]
        sys.modules.update(toolkit_modules())
        slicer.mrmlScene = self.scene
        slicer.host = self
        slicer.app = Closed(
            "slicer.app",
            applicationLogic=lambda: app_logic,
            processEvents=self.qt.processEvents,
            mrmlScene=lambda: self.scene,
            temporaryPath=QtCore.QDir.tempPath(),
            mainApplicationName="Stand-in host",
            applicationVersion="0",
            userSettings=lambda: Settings(self.settings),
            connect=self._connect,
        )
        slicer.modules = Closed(
            "slicer.modules",
            segmentations=Closed("a module", logic=lambda: self.logics.segmentations),
            markups=Closed("a module", logic=lambda: self.logics.others[1]["Markups"]),
            dicomPlugins={},
        )
        slicer.dicomDatabase = None
        slicer.qSlicerDICOMExportable = Exportable
        slicer.util.loadUI = load_ui
        slicer.util.getModuleWidget = lambda _name: self.widget
        scripted_module = types.ModuleType("slicer.ScriptedLoadableModule")
        for name in ("", "Widget", "Logic", "Test"):
            full = f"ScriptedLoadableModule{name}"
            setattr(scripted_module, full, getattr(scripted, full))
        i18n = types.ModuleType("slicer.i18n")
        i18n.tr = lambda text: text
        i18n.translate = lambda _context, text: text
        sys.modules["slicer.ScriptedLoadableModule"] = slicer.ScriptedLoadableModule = scripted_module
        sys.modules["slicer.i18n"] = slicer.i18n = i18n
        dicom, samples = types.ModuleType("DICOMLib"), types.ModuleType("SampleData")
        dicom.DICOMPlugin = type("DICOMPlugin", (), {})
        self.samples: list[dict[str, Any]] = []
        samples.SampleDataLogic = Closed(
            "SampleDataLogic", registerCustomSampleDataSource=lambda **given: self.samples.append(given)
        )
        sys.modules.update({"DICOMLib": dicom, "SampleData": samples})


class Exportable:
    """In place of `qSlicerDICOMExportable`: values and tags."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}

    def setTag(self, name: str, value: str) -> None:
        self.tags[name] = value


class Settings:
    """`slicer.app.userSettings()` in memory."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def value(self, key: str, otherwise: Any = None) -> Any:
        return self._values.get(key, otherwise)

    def setValue(self, key: str, value: Any) -> None:
        self._values[key] = value


def load_ui(path: str) -> Any:
    """In place of `slicer.util.loadUI`, which needs Qt classes that no panel uses."""
    file = QtCore.QFile(path)
    if not file.open(QtCore.QIODevice.OpenModeFlag.ReadOnly):
        raise RuntimeError(f"Could not load UI file: {path}")
    widget = UiLoader().load(file)
    file.close()
    if widget is None:
        raise RuntimeError(f"Could not load UI file: {path}")
    return pythonqt.wrap(widget)
