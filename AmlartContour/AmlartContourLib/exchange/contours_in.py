"""Contours of any system, from whatever they lie in: masks, a label map, an RTSTRUCT, or a folder with these.

The kind is told by what is there, and the first message says what was taken for what. Nothing is resampled:
contours on another grid than the CT's are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import RTStructureSetStorage

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.imported import ImportedContours
from AmlartContourLib.exchange.label_map_in import read_label_map
from AmlartContourLib.exchange.masks_in import (
    is_amlart_root,
    mask_files,
    read_amlart_case,
    read_mask_file,
    read_mask_folder,
)
from AmlartContourLib.exchange.nifti_label_table import label_table
from AmlartContourLib.exchange.quiet_pydicom import quiet_pydicom
from AmlartContourLib.exchange.rtstruct_file import DAMAGE
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from AmlartContourLib.exchange.volume_file import is_volume, read_grid, stem

NAME_ENDINGS = (".json", ".csv", ".ctbl", ".txt", ".label")
USUAL_NAMES = ("labels.json", "labels.csv", "dataset.json", "../dataset.json")  # the last as nnU-Net lays it


def read_contours(
    path: Path,
    place: CtScan | Geometry,
    catalogue: Catalogue,
    *,
    names: Mapping[int, str] | Path | None = None,
    case_id: str | None = None,
) -> ImportedContours:
    """The contours at a path, on the grid of the CT.

    A folder: of one mask per structure; of nnU-Net data sets (then `case_id` names the case); or with one
    RTSTRUCT. A file: a label map, with `names` or a list of names beside it; one mask; or an RTSTRUCT. With a
    scan, an RTSTRUCT is also compared with its frame of reference and slices. Raises InputRefused where there
    is nothing to read or the choice is open, and the errors of the reader taken.
    """
    geometry = place.geometry if isinstance(place, CtScan) else place
    headers = _headers(place) if isinstance(place, CtScan) else ()
    if path.is_dir():
        return _folder(path, geometry, catalogue, headers, names, case_id)
    if not path.exists():
        raise InputRefused(f"{path.name} is not there.", advice="Check the path.")
    if is_volume(path):
        return _volume(path, geometry, catalogue, names)
    return _told("an RTSTRUCT", read_rtstruct(path, geometry, catalogue, headers=headers))


def grid_of_contours(path: Path) -> Geometry:
    """The grid that a folder of masks, a mask or a label map lies on, for comparing contours without a CT.

    InputRefused where there is none, as for an RTSTRUCT, which has no grid of its own.
    """
    files = mask_files(path) if path.is_dir() else [path] if is_volume(path) else []
    if not files:
        raise InputRefused(
            f"{path.name} has no grid of its own.", advice="Give the CT that these contours were drawn on."
        )
    return read_grid(files[0])


def _headers(scan: CtScan) -> tuple[Dataset, ...]:
    """The slices' headers, or the one that a resampled scan keeps."""
    return scan.headers or ((scan.template,) if scan.template is not None else ())


def _folder(
    folder: Path,
    geometry: Geometry,
    catalogue: Catalogue,
    headers: tuple[Dataset, ...],
    names: Mapping[int, str] | Path | None,
    case_id: str | None,
) -> ImportedContours:
    if is_amlart_root(folder):
        if case_id is None:
            raise InputRefused(
                "The folder holds nnU-Net data sets with many cases.", advice="Say which case is meant."
            )
        return _told(
            f"case {case_id!r} of nnU-Net data sets", read_amlart_case(folder, case_id, geometry, catalogue)
        )
    files = mask_files(folder)
    if files:
        if len(files) == 1 and catalogue.find(stem(files[0])) is None:
            return _volume(files[0], geometry, catalogue, names)
        return _told("a folder of masks", read_mask_folder(folder, geometry, catalogue))
    return _told("an RTSTRUCT", read_rtstruct(_only_rtstruct(folder), geometry, catalogue, headers=headers))


def _volume(
    path: Path, geometry: Geometry, catalogue: Catalogue, names: Mapping[int, str] | Path | None
) -> ImportedContours:
    """A label map where names are given, a mask where it is named as a structure, else by what names it."""
    named_by = ""
    if names is None and catalogue.find(stem(path)) is None:
        names, named_by = _names_of(path)
    if names is None:
        return _told("one mask", read_mask_file(path, geometry, catalogue))
    return _told(f"a label map{named_by}", read_label_map(path, names, geometry, catalogue))


def _names_of(path: Path) -> tuple[Mapping[int, str] | Path | None, str]:
    """The names of a label map's labels, from a file beside it or its own header, and where they lay."""
    own = [path.with_name(stem(path) + ending) for ending in NAME_ENDINGS]
    usual = [path.parent / name for name in USUAL_NAMES]
    beside = next((candidate for candidate in (*own, *usual) if candidate.is_file()), None)
    if beside is not None:
        return beside, f", named by {beside.name}"
    table = label_table(path)
    return (table, ", named in its own header") if table else (None, "")


def _only_rtstruct(folder: Path) -> Path:
    """The one RTSTRUCT among the folder's files."""
    found = [path for path in sorted(folder.iterdir()) if path.is_file() and _is_rtstruct(path)]
    if len(found) != 1:
        what = f"{len(found)} RTSTRUCT files" if found else "neither masks nor an RTSTRUCT"
        raise InputRefused(f"{folder.name} holds {what}.", advice="Give the path of the file that is meant.")
    return found[0]


@quiet_pydicom()
def _is_rtstruct(path: Path) -> bool:
    try:
        meta = read_file_meta_info(path)
    except DAMAGE:
        return False
    return bool(meta.get("MediaStorageSOPClassUID") == RTStructureSetStorage)


def _told(what: str, found: ImportedContours) -> ImportedContours:
    return replace(found, messages=(f"Read as {what}.", *found.messages))
