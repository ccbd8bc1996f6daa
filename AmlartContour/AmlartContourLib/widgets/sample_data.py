"""The synthetic patient in Slicer's Sample Data module: made on this computer by the installed backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from AmlartContourLib.client.site import installed_python
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.widgets.worklist_panel import PRACTICE, make_practice

CATEGORY = "AmlartContour"
ICON = Path(__file__).resolve().parents[2] / "Resources" / "Icons" / "AmlartContour.png"


def register() -> None:
    """Adds the category and its one patient. Nothing is downloaded."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName="Synthetic pelvis",
        thumbnailFileName=str(ICON),
        customDownloader=open_practice,
    )


def open_practice(_source: Any = None) -> None:
    """Makes the patient where it is not there yet, and shows it in this module's list."""
    python = installed_python(default_home())
    if python is None:
        raise BadSetting(
            _("The synthetic patient is made by the backend, which is not installed on this computer."),
            advice=_("Open the module AmlartContour and install it."),
        )
    folder = make_practice(python, default_home() / PRACTICE)
    slicer.util.selectModule("AmlartContour")
    slicer.util.getModuleWidget("AmlartContour").workbench.worklist.use_folder(str(folder))
