"""The RTSTRUCT of the open patient in Slicer's DICOM export dialog, written by `exchange`.

It is offered for the segmentations of this module only; every other one is left to Slicer and SlicerRT,
which may be installed beside it. RTSTRUCTs are imported by the worklist, not by this plugin.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from DICOMLib import DICOMPlugin
from slicer.i18n import tr as _

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.exchange.export import Format
from AmlartContourLib.scene.roles import COMPOSITES, MODULE, PARTS, STATE_TAG
from AmlartContourLib.widgets.export_panel import free_name

LOAD_TYPE = "AmlartContour RTSTRUCT"


class AmlartContourDICOMPluginClass(DICOMPlugin):  # type: ignore[misc]
    """Offers and writes; examines nothing for import."""

    def __init__(self) -> None:
        super().__init__()
        self.loadType = LOAD_TYPE

    def examineForExport(self, subjectHierarchyItemID: int) -> list[Any]:  # noqa: N802, N803
        """One exportable for a segmentation of this module, none for anything else."""
        tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        node = tree.GetItemDataNode(subjectHierarchyItemID)
        if node is None or not _is_ours(node):
            return []
        exportable = slicer.qSlicerDICOMExportable()
        exportable.name = LOAD_TYPE
        exportable.tooltip = _("The contours and targets of the open patient, read back after writing")
        exportable.subjectHierarchyItemID = subjectHierarchyItemID
        exportable.pluginClass = self.__module__
        exportable.confidence = 1.0
        exportable.setTag("Modality", "RTSTRUCT")
        return [exportable]

    def export(self, exportables: list[Any]) -> str:
        """Writes into the dialog's folder; gives the message of an error, empty where all is well."""
        workbench = slicer.util.getModuleWidget(MODULE).workbench
        folder = Path(exportables[0].directory)
        try:
            name = free_name(folder, "rtstruct")
            workbench.session.exporting.prepare(name, frozenset({Format.RTSTRUCT}), report=False).run()
        except AmlartError as error:
            return str(error)
        return ""


def _is_ours(node: Any) -> bool:
    state = slicer.mrmlScene.GetSingletonNode(STATE_TAG, "vtkMRMLScriptedModuleNode")
    return state is not None and any(state.GetNodeReference(role) is node for role in (PARTS, COMPOSITES))


def register() -> None:
    """Adds the plugin to those of the DICOM module."""
    plugins = getattr(slicer.modules, "dicomPlugins", None)
    if plugins is None:
        plugins = slicer.modules.dicomPlugins = {}
    plugins["AmlartContourDICOMPlugin"] = AmlartContourDICOMPluginClass
