"""One image volume in one file: NIfTI, NRRD or MetaImage, read with its place in the patient and written.

Reading refuses what cannot be trusted. NIfTI files are checked for wholeness (nifti_check), before reading
because ITK does not ask, and after writing because ITK says nothing of a full disk.
Grids are right-handed after reading: a left-handed file (common in NIfTI) has its slices reversed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadGeometry, DamagedFile, ExportFailed, InputRefused, TooLarge
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import onto, right_handed, towards
from AmlartContourLib.exchange.nifti_check import require_whole_nifti

VOLUME_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
MAX_VOXELS = 2**30  # 1024 x 1024 x 1024: more than any planning CT, and 2 GB as int16


def itk_name(path: Path) -> str:
    """A path as ITK takes it. InputRefused where it is not UTF-8: ITK ends the process then (observed)."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputRefused(
            "The name of the file, or of a folder it lies in, is not UTF-8 and cannot be read.",
            kept="Nothing was read.",
            advice="Give it a plain name.",
        ) from error
    return name


def is_volume(path: Path) -> bool:
    """True for a file name that this module reads; hidden files (such as ._x of macOS) are none."""
    return path.name.lower().endswith(VOLUME_ENDINGS) and not path.name.startswith(".")


def stem(path: Path) -> str:
    """The file's name without folder and ending: "Bladder" of "Bladder.nii.gz"."""
    name = path.name
    for ending in VOLUME_ENDINGS:
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def volumes_in(folder: Path) -> list[Path]:
    """The volume files that lie directly in a folder, sorted by name."""
    return sorted((p for p in folder.iterdir() if p.is_file() and is_volume(p)), key=lambda p: p.name)


def read_volume(path: Path) -> tuple[NDArray[Any], Geometry]:
    """The voxels [k, j, i] and their right-handed grid.

    Raises InputRefused, naming the file: DamagedFile, BadGeometry, TooLarge, or for an image that is not one
    three-dimensional volume of single numbers.
    """
    header = _header(path)
    return right_handed(_voxels(path, header), *_placement(header))


def read_volume_on(path: Path, wanted: Geometry) -> NDArray[Any]:
    """The voxels [k, j, i] in the axis order of `wanted`: axes swapped and flipped, never interpolated.

    The header is compared first, so a file of another grid is refused (GeometryMismatch, naming the file)
    before it is read. Other errors as `read_volume`.
    """
    header = _header(path)
    grid = _grid(header)
    wanted.require_same(towards(grid, wanted.direction_matrix).geometry(grid), path.name)
    array, grid = right_handed(_voxels(path, header), *_placement(header))
    return onto(array, grid, wanted, path.name)


def read_grid(path: Path) -> Geometry:
    """The right-handed grid of a file, from its header alone. Errors as `read_volume`."""
    return _grid(_header(path))


def write_volume(path: Path, array_kji: NDArray[Any], geometry: Geometry) -> None:
    """One volume, compressed where the format can. ExportFailed where the file is not complete afterwards."""
    image = sitk.GetImageFromArray(array_kji)
    image.SetSpacing(geometry.spacing_mm)
    image.SetOrigin(geometry.origin_lps)
    image.SetDirection(geometry.direction)
    try:
        sitk.WriteImage(image, itk_name(path), useCompression=True)
        _require_whole(path)
    except (RuntimeError, OSError, DamagedFile) as error:
        raise ExportFailed(
            f"{path.name} could not be written completely.",
            kept="Nothing that was there before was changed.",
            advice="Check that the disk is not full and that the folder may be written to.",
        ) from error


def _header(path: Path) -> sitk.ImageFileReader:
    """The file's header, checked, without its voxels."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(itk_name(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if not path.is_file():
            raise InputRefused(f"{path.name} is not there.", advice="Check the path.") from error
        if "orthonormal" in str(error):
            raise BadGeometry(f"{path.name}: its axes are not at right angles to each other.") from error
        raise _damaged(path, "cannot be read as an image") from error
    size = reader.GetSize()
    if len(size) < 3 or any(n != 1 for n in size[3:]) or reader.GetNumberOfComponents() != 1:
        shape = "x".join(str(n) for n in size)
        raise InputRefused(f"{path.name} is not one volume of single numbers (size {shape}).")
    if int(np.prod(size, dtype=np.int64)) > MAX_VOXELS:
        raise TooLarge(
            f"{path.name} holds {'x'.join(str(n) for n in size)} voxels; the limit is {MAX_VOXELS}.",
            advice="Crop it to the pelvis and abdomen.",
        )
    return reader


def _placement(header: sitk.ImageFileReader) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Spacing, origin and 3x3 direction, of a file that may carry more axes of length 1."""
    axes = header.GetDimension()
    direction: NDArray[np.float64] = np.array(header.GetDirection()).reshape(axes, axes)[:3, :3]
    return np.array(header.GetSpacing()[:3]), np.array(header.GetOrigin()[:3]), direction


def _grid(header: sitk.ImageFileReader) -> Geometry:
    nothing = np.broadcast_to(np.zeros((), dtype=np.bool_), header.GetSize()[2::-1])
    return right_handed(nothing, *_placement(header))[1]


def _voxels(path: Path, header: sitk.ImageFileReader) -> NDArray[Any]:
    _require_whole(path)
    try:
        array: NDArray[Any] = sitk.GetArrayFromImage(header.Execute())
    except (RuntimeError, OSError) as error:
        raise _damaged(path, "cannot be read to its end") from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _damaged(path, "holds voxels that are not finite numbers")
    return array.reshape(header.GetSize()[2::-1])


def _require_whole(path: Path) -> None:
    """NIfTI only: the readers of the other formats notice a cut themselves."""
    if path.name.lower().endswith((".nii", ".nii.gz")):
        require_whole_nifti(path)


def _damaged(path: Path, how: str) -> DamagedFile:
    return DamagedFile(f"{path.name} {how}.", kept="Nothing was changed.", advice="Copy or export it again.")
