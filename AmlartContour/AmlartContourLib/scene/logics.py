"""The MRML scene and the one module logic that contours need, from whichever application holds them.

In trame-slicer: `SceneLogics(app.scene, app.segmentations_logic)`. In Slicer: `SceneLogics(slicer.mrmlScene,
slicer.modules.segmentations.logic())`. Without any application: `headless_logics()`.
"""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import slicer

from AmlartContourLib.contract.passing_folder import passing_folder


@dataclass(frozen=True)
class SceneLogics:
    """A vtkMRMLScene and its vtkSlicerSegmentationsModuleLogic. `others` are kept alive with them."""

    scene: Any
    segmentations: Any
    others: tuple[Any, ...] = field(default=(), repr=False)


def headless_logics(cache: Path | None = None) -> SceneLogics:
    """A scene of its own, able to read and write scene files. `cache`: folder for what file logics unpack.

    The order matters: colours before everything, the segmentations logic before the first segmentation, and
    the file logics last, or a scene file reads back incomplete without an error.
    """
    scene = slicer.vtkMRMLScene()
    app = slicer.vtkSlicerApplicationLogic()
    app.SetMRMLScene(scene)
    app.GetColorLogic().SetMRMLScene(scene)
    app.GetColorLogic().AddDefaultColorNodes()
    logics = {
        "Volumes": slicer.vtkSlicerVolumesLogic(),
        "Segmentations": slicer.vtkSlicerSegmentationsModuleLogic(),
        "SubjectHierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic(),
        "Markups": slicer.vtkSlicerMarkupsLogic(),
    }
    for name, logic in logics.items():
        logic.SetMRMLScene(scene)
        logic.SetMRMLApplicationLogic(app)
        app.SetModuleLogic(name, logic)
    folder = cache or _until_the_end()
    files = slicer.vtkMRMLRemoteIOLogic()
    files.SetMRMLScene(scene)
    files.SetMRMLApplicationLogic(app)
    files.GetCacheManager().SetRemoteCacheDirectory(str(folder))
    data = slicer.vtkDataIOManagerLogic()
    data.SetMRMLScene(scene)
    data.SetMRMLApplicationLogic(app)
    data.SetAndObserveDataIOManager(files.GetDataIOManager())
    files.AddDataIOToScene()
    return SceneLogics(scene, logics["Segmentations"], (app, logics, files, data))


def _until_the_end() -> Path:
    """A folder that goes with the process."""
    staying = ExitStack()
    atexit.register(staying.close)
    return staying.enter_context(passing_folder("scene"))
