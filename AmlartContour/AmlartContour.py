"""The Slicer module: metadata, the widget's shell, the logic's name and the test entry.

Everything else is in AmlartContourLib and loaded when the module is first shown, so that starting Slicer
loads neither numpy, scipy nor pydicom for it.
"""

import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from AmlartContourLib.widgets.self_test import SelfTest


class AmlartContour(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("AmlartContour")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Radiotherapy")]
        parent.dependencies = ["Segmentations", "SegmentEditor", "SubjectHierarchy", "Markups", "DICOM"]
        parent.contributors = ["The AmlartContour team"]
        parent.helpText = _(
            "Contouring for cervical-cancer radiotherapy with the oncologist in the loop: every substructure"
            " is a segment of its own, and you choose what makes up the CTV. Research use only: every contour"
            " must be reviewed by a clinician."
        )
        parent.acknowledgementText = _("Built on 3D Slicer, MONAI and PyTorch. Licence: Apache 2.0.")
        slicer.app.connect("startupCompleted()", self._after_startup)

    def _after_startup(self):
        from AmlartContourLib.widgets.dicom_plugin import register as register_dicom
        from AmlartContourLib.widgets.sample_data import register as register_samples

        register_dicom()
        register_samples()


class AmlartContourWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The shell: it passes Slicer's calls on to the workbench."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.workbench = None

    def setup(self):
        """Makes the panels."""
        ScriptedLoadableModuleWidget.setup(self)
        from AmlartContourLib.widgets.workbench import Workbench

        self.workbench = Workbench(self.layout, Path(__file__).resolve().parent)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartSaveEvent, self.onSceneStartSave)

    def enter(self):
        """The module comes to the front."""
        self.workbench.enter()

    def exit(self):
        """The module goes to the back."""
        self.workbench.exit()

    def cleanup(self):
        """The module is closed or loaded anew."""
        self.removeObservers()
        if self.workbench is not None:
            self.workbench.end()
            self.workbench = None

    def onReload(self):
        """Loads the library anew too."""
        for name in [n for n in sys.modules if n.split(".")[0] == "AmlartContourLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        """The scene is about to be emptied."""
        self.workbench.scene_closes()

    def onSceneEndImport(self, caller, event):
        """A scene was read: it may hold a session."""
        self.workbench.scene_came()

    def onSceneStartSave(self, caller, event):
        """The scene is about to be saved: the state goes with it."""
        self.workbench.session.keep_state()


class AmlartContourLogic(ScriptedLoadableModuleLogic):
    """Slicer expects the name. What the module does is in AmlartContourLib.session."""


class AmlartContourTest(SelfTest, ScriptedLoadableModuleTest):
    """The self-test, the same here and in the stand-in host of the project's own tests."""
