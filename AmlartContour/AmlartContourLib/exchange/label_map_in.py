"""Contours from a label map: one file in which every voxel carries the number of its structure.

Invariants: labels are whole numbers; a label without a name is kept aside under its number and named in a
message. A name of the catalogue whose label has no voxel gives an empty contour.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.imported import ImportedContours, gather
from AmlartContourLib.exchange.label_names import label_names
from AmlartContourLib.exchange.volume_file import read_volume_on

HIGHEST_LABEL = 65535
NOTE = "from a label map"


def read_label_map(
    path: Path, names: Mapping[int, str] | Path, geometry: Geometry, catalogue: Catalogue
) -> ImportedContours:
    """The structures of a label map on the CT's grid, names mapped through the catalogue's aliases.

    `names` is label to name, or a file of them (see `label_names`). Raises BadSetting for unusable names,
    InputRefused for values that are no labels, DamagedFile, and GeometryMismatch for another grid; the axis
    order and handedness of the file may differ from the CT's.
    """
    by_name = label_names(names)
    labels = _labels(path, read_volume_on(path, geometry))
    masks = _masks_by_label(labels, geometry)
    nameless = sorted(set(masks) - {value for values in by_name.values() for value in values})
    messages = [_nameless_message(path, nameless)] if nameless else []
    known = [
        (name, union([masks[value] for value in values if value in masks], geometry))
        for name, values in by_name.items()
        if catalogue.find(name) or any(value in masks for value in values)
    ]
    named = [*known, *((f"label {value}", masks[value]) for value in nameless)]
    return gather(named, geometry, catalogue, note=NOTE, messages=messages)


def _labels(path: Path, array_kji: NDArray[Any]) -> NDArray[np.int32]:
    low, high = float(array_kji.min()), float(array_kji.max())
    whole = array_kji.dtype.kind in "iu" or bool((array_kji == np.floor(array_kji)).all())
    if low < 0 or high > HIGHEST_LABEL or not whole:
        raise InputRefused(
            f"{path.name} is no label map: its values run from {low:g} to {high:g}"
            f"{'' if whole else ' and are not whole numbers'}.",
            advice=f"A label map holds whole numbers from 0 to {HIGHEST_LABEL}.",
        )
    return array_kji.astype(np.int32, copy=False)


def _masks_by_label(labels_kji: NDArray[np.int32], geometry: Geometry) -> dict[int, Mask]:
    """The mask of every label present, cut from the label's own box."""
    masks = {}
    for value, place in enumerate(ndimage.find_objects(labels_kji), start=1):
        if place is not None:
            k, j, i = place
            box = Box((k.start, j.start, i.start), (k.stop, j.stop, i.stop))
            masks[value] = Mask.from_block(labels_kji[place] == value, box, geometry)
    return masks


def _nameless_message(path: Path, values: list[int]) -> str:
    which = ", ".join(str(value) for value in values)
    return f"{path.name} holds labels without a name: {which}. They are kept aside."
