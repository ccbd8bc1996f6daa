"""Masks to Slicer's label maps and back, exact, cropped to their boxes.

A mask is handed over in its own box: at 512 x 512 x 193 that takes 16 ms where the whole grid takes 193. MRML
works in RAS, so the first two world axes change their sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import right_handed
from AmlartContourLib.domain.mask import Mask

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SAME_MM = 1e-3  # largest difference of two matrices that describe one grid


def ijk_to_ras(geometry: Geometry) -> Any:
    """The vtkMatrix4x4 from voxel indices to RAS millimetres."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((LPS_TO_RAS @ geometry.affine).ravel().tolist())
    return matrix


def geometry_of(volume: Any) -> Geometry:
    """The grid of a vtkMRMLScalarVolumeNode. BadGeometry where it is none that this software uses."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    affine = LPS_TO_RAS @ _array(matrix)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    size = volume.GetImageData().GetDimensions()
    _, geometry = right_handed(
        np.empty(size[::-1], dtype=np.bool_), spacing, affine[:3, 3], affine[:3, :3] / spacing
    )
    return geometry


def image_of(mask: Mask) -> Any:
    """A vtkOrientedImageData that holds a mask that is not empty, in its box."""
    (k0, j0, i0), (k1, j1, i1) = mask.box.start_kji, mask.box.stop_kji
    image = slicer.vtkOrientedImageData()
    image.SetExtent(i0, i1 - 1, j0, j1 - 1, k0, k1 - 1)
    voxels = numpy_support.numpy_to_vtk(mask.block_kji.view(np.uint8).ravel(), deep=True)
    image.GetPointData().SetScalars(voxels)
    image.SetGeometryFromImageToWorldMatrix(ijk_to_ras(mask.geometry))
    return image


def mask_of(image: Any, geometry: Geometry) -> Mask:
    """The voxels of a vtkOrientedImageData on a grid. GeometryMismatch where it lies on another one."""
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    if i1 < i0 or j1 < j0 or k1 < k0:
        return Mask.empty(geometry)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    if np.abs(_array(matrix) - LPS_TO_RAS @ geometry.affine).max() > SAME_MM:
        raise GeometryMismatch(
            "A contour in the scene lies on another grid than the CT.",
            kept="The contour as it was before is kept.",
            advice="Leave the segmentation's reference geometry as it is.",
        )
    block = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    block = block.reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    full = Box((0, 0, 0), geometry.shape_kji)
    box = Box((k0, j0, i0), (k1 + 1, j1 + 1, i1 + 1))
    inside = box.intersection(full)
    return Mask.from_block(block[inside.within(box).slices] != 0, inside, geometry)


def _array(matrix: Any) -> NDArray[np.float64]:
    return np.asarray([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
