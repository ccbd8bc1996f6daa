"""A user's station as it is, with a window for tests: on SIGUSR1 it writes what its MRML scene holds.

Run as a program in place of `python -m AmlartContourLib.web`. The file is read by `support.seen_scene`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np

from AmlartContourLib.scene.patient_scene import PatientScene
from AmlartContourLib.web import __main__ as station
from AmlartContourLib.web import workstation
from support.seen_scene import FILE_OF

NODES = ("original", "working", "composites")


class WatchedWorkstation(workstation.Workstation):
    """Answers SIGUSR1 on its own event loop, between two other things it does."""

    def _ready(self, tell_port: Callable[[int], None]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._write)
        super()._ready(tell_port)

    def _write(self) -> None:
        path = Path(os.environ[FILE_OF])
        arrays = scene_arrays(self.desk.scene)
        with path.with_suffix(".part").open("wb") as file:
            np.savez(file, **arrays)
        path.with_suffix(".part").replace(path)


def scene_arrays(scene: PatientScene) -> dict[str, np.ndarray]:
    """The CT and every segment, each on the whole grid, as `<node>/<segment id>`; masks packed."""
    from vtk.util import numpy_support

    volume = scene.volume_node
    if volume is None:
        return {}
    i, j, k = volume.GetImageData().GetDimensions()
    hu = numpy_support.vtk_to_numpy(volume.GetImageData().GetPointData().GetScalars()).reshape(k, j, i)
    found = {"hu_kji": hu.astype(np.int16)}
    for name in NODES:
        node = getattr(scene, f"{name}_node")
        for segment_id in node.GetSegmentation().GetSegmentIDs():
            found[f"{name}/{segment_id}"] = np.packbits(_on_grid(node, segment_id, (k, j, i)))
    return found


def _on_grid(node: object, segment_id: str, shape_kji: tuple[int, int, int]) -> np.ndarray:
    """Read by Slicer's own call, not by the code under test."""
    import slicer
    from vtk.util import numpy_support

    whole = np.zeros(shape_kji, dtype=np.bool_)
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segment_id, image)  # type: ignore[attr-defined]
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    if i1 < i0 or j1 < j0 or k1 < k0:
        return whole
    voxels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    block = voxels.reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1) != 0
    whole[k0 : k1 + 1, j0 : j1 + 1, i0 : i1 + 1] = block
    return whole


if __name__ == "__main__":
    workstation.Workstation = WatchedWorkstation  # type: ignore[misc]
    station.main()
