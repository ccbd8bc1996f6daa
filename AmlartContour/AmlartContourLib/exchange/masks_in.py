"""Contours from a folder of masks: one file per structure, named by it. TotalSegmentator writes this form,
and so do nnU-Net data sets with one model per structure (the AMLART layout).

Invariants: a mask is taken only from a file with two values, 0 and one other; nothing is thresholded, nothing
is resampled. A file that is no mask is left out, and a message says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.imported import ImportedContours, gather
from AmlartContourLib.exchange.volume_file import is_volume, read_volume_on, stem, volumes_in

MASK_SUBFOLDERS = ("segmentations", "masks")  # TotalSegmentator's data set; ours
USUAL_INSIDE = (1, 255)
DATASET = re.compile(r"Dataset\d{3}_(?P<name>.+)")
LABEL_FOLDERS = ("labelsTr", "labelsTs")
NOTE = "from a mask file"


def read_mask_folder(folder: Path, geometry: Geometry, catalogue: Catalogue) -> ImportedContours:
    """Every mask in a folder, by file name through the catalogue's aliases, on the CT's grid.

    Where the folder holds none, or has a subfolder "segmentations" or "masks", that subfolder is read, and a
    message says so. Axis order and handedness may differ from the CT's; any other grid raises
    GeometryMismatch. Raises InputRefused where there is no mask, DamagedFile for a broken one. All errors
    name the file.
    """
    place, messages = _mask_place(folder)
    named: list[tuple[str, Mask]] = []
    for path in volumes_in(place):
        mask = _mask_of(path, geometry, messages)
        if mask is not None:
            named.append((stem(path), mask))
    if not named:
        raise InputRefused(
            " ".join(["The folder holds no file that can be read as a mask.", *messages]),
            advice="Choose the folder with one .nii.gz per structure.",
        )
    return gather(named, geometry, catalogue, note=NOTE, messages=messages)


def read_mask_file(
    path: Path, geometry: Geometry, catalogue: Catalogue, *, name: str = ""
) -> ImportedContours:
    """One mask, by the name given or its file's. InputRefused where it is no mask; other errors as
    `read_mask_folder`."""
    messages: list[str] = []
    mask = _mask_of(path, geometry, messages)
    if mask is None:
        raise InputRefused(" ".join(messages))
    return gather([(name or stem(path), mask)], geometry, catalogue, note=NOTE, messages=messages)


def read_amlart_case(root: Path, case_id: str, geometry: Geometry, catalogue: Catalogue) -> ImportedContours:
    """One case of the nnU-Net layout: Dataset001_Anorectum/labelsTr/<case>.nii.gz, a data set per structure.

    A data set without this case is named in a message (a patient without that label is normal). Raises
    InputRefused where no data set holds the case; other errors as `read_mask_folder`.
    """
    messages: list[str] = []
    named: list[tuple[str, Mask]] = []
    absent: list[str] = []
    for dataset in sorted(p for p in root.iterdir() if p.is_dir() and DATASET.fullmatch(p.name)):
        name = dataset.name.split("_", 1)[1]
        path = _case_label(dataset, case_id)
        mask = _mask_of(path, geometry, messages) if path else None
        if path is None:
            absent.append(name)
        elif mask is not None:
            named.append((name, mask))
    if not named:
        raise InputRefused(
            f"No data set here holds labels of the case {case_id!r}.",
            advice="Expected is Dataset001_Anorectum/labelsTr/<case>.nii.gz, and so on for each structure.",
        )
    if absent:
        messages.append(f"This case has no label for {', '.join(absent)}.")
    return gather(named, geometry, catalogue, note=NOTE, messages=messages)


def is_amlart_root(folder: Path) -> bool:
    """True for a folder of data sets, Dataset001_Anorectum and so on."""
    return any(p.is_dir() and DATASET.fullmatch(p.name) for p in folder.iterdir())


def mask_files(folder: Path) -> list[Path]:
    """The volume files that `read_mask_folder` would read, masks or not."""
    return volumes_in(_mask_place(folder)[0])


def inside_value(array_kji: NDArray[Any]) -> float | None:
    """The one value beside 0, 1 for an array of zeros only; None where the array is no mask."""
    low, high = float(array_kji.min()), float(array_kji.max())
    if low == high == 0:
        return 1.0
    if high <= 0 or high != int(high):
        return None
    only_two = np.count_nonzero(array_kji) == np.count_nonzero(array_kji == high)
    return high if only_two else None


def _mask_of(path: Path, geometry: Geometry, messages: list[str]) -> Mask | None:
    """The mask of one file, or None with a message where the file holds something else."""
    array = read_volume_on(path, geometry)
    value = inside_value(array)
    if value is None:
        messages.append(f"{path.name} was left out: {_what_else(array)}.")
        return None
    if value not in USUAL_INSIDE:
        messages.append(f"{path.name} marks the inside with {value:g} where a mask has 1.")
    return Mask.from_array(array != 0, geometry)


def _what_else(array_kji: NDArray[Any]) -> str:
    if array_kji.min() < 0:
        return "it holds grey values, not a mask"
    if array_kji.dtype.kind == "f" and (array_kji != np.floor(array_kji)).any():
        return "it holds fractions (a probability map?), and the software sets no threshold of its own"
    return "it holds several labels; read it as a label map, with the names of its labels"


def _mask_place(folder: Path) -> tuple[Path, list[str]]:
    """Where the masks lie: the usual subfolder, else the folder, else its only subfolder with volumes."""
    if not folder.is_dir():
        raise InputRefused("The folder of masks is not there.", advice="Check the path.")
    for name in MASK_SUBFOLDERS:
        if (folder / name).is_dir() and volumes_in(folder / name):
            return folder / name, [f"The masks were read from the subfolder {name}."]
    if volumes_in(folder):
        return folder, []
    within = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".") and volumes_in(p)]
    if len(within) == 1:
        return within[0], [f"The masks were read from the subfolder {within[0].name}."]
    return folder, []


def _case_label(dataset: Path, case_id: str) -> Path | None:
    """The case's label file in one data set, whatever its ending."""
    places: Iterable[Path] = (dataset / name for name in LABEL_FOLDERS)
    found = (p for place in places if place.is_dir() for p in sorted(place.iterdir()))
    return next((p for p in found if is_volume(p) and stem(p) == case_id), None)
