"""Can this machine draw? Asked in a process of its own, because without a GL driver VTK ends the
process that asks."""

from __future__ import annotations

import subprocess
import sys

from AmlartContourLib.contract.errors import BadSetting

PACKAGES = ("libegl1", "libgl1-mesa-dri")
WAIT_S = 60.0
DRAWS = """
from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkRenderer
import vtkmodules.vtkRenderingOpenGL2
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(16, 16)
window.AddRenderer(vtkRenderer())
window.Render()
"""


def can_draw() -> bool:
    """True where an image can be drawn off the screen."""
    try:
        done = subprocess.run([sys.executable, "-c", DRAWS], capture_output=True, check=False, timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def require_gl() -> None:
    """BadSetting, with the one command that mends it, where no image can be drawn."""
    if not can_draw():
        raise BadSetting(
            "This machine has no driver to draw images with.",
            kept="The workstation was not started.",
            advice=f"Install it: sudo apt-get install {' '.join(PACKAGES)}",
        )
