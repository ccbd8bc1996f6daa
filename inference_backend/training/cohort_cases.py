"""The cases of a labelled cohort on the network's grid, kept on the disk; which labels each has.

A label that is missing is not an empty one: its channel is unknown and counts in no loss. A case whose CT
cannot be read, or that has none of the labels, is left out and told. A kept case belongs to the state of its
files (length and time of change), the grid and the structures; when one changes it is made anew.

A case is a folder of `hu.npy` int16 [k, j, i], `share.npy` uint8 [structure, k, j, i] (255: filled) and
`known.npy` bool [structure], uncompressed: a window is read without the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import AmlartError, ExportFailed
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.parts import leaves
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.atomic import write_folder
from inference_backend.dataset.cohort import Cohort, CohortCase, LabelledCase, read_case
from inference_backend.dataset.same_scan import ScanPrint, scan_print
from inference_backend.training.phantom_cohort import TrainingCase, training_case

HU, SHARE, KNOWN = "hu.npy", "share.npy", "known.npy"
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class KnownCase:
    """A case and, for each structure, whether it was labelled; an empty label is known."""

    case: TrainingCase
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """What is needed to plan: spacing (i, j, k) of the scan in the order left, posterior, superior, which of
    the structures are labelled, and what tells the scan from others."""

    spacing_mm: Spacing
    labels: tuple[str, ...]
    print: ScanPrint


@dataclass(frozen=True)
class CohortCases:
    """Cases as `structures` on a grid of `spacing_mm` (i, j, k), made when first asked for."""

    cohort: Cohort
    structures: tuple[str, ...]
    spacing_mm: Spacing
    folder: Path

    def case(self, case_id: str) -> KnownCase:
        """One case. Raises what `read_case` raises, and ExportFailed on a full disk."""
        folder = self._path(self.cohort.case(case_id))
        if not folder.exists():
            made = self._made(read_case(self.cohort.case(case_id), self.cohort.form))
            arrays: dict[str, NDArray[Any]] = {
                HU: made.case.hu_kji,
                SHARE: made.case.share_skji,
                KNOWN: made.known,
            }

            def fill(unfinished: Path) -> None:
                for name, array in arrays.items():
                    np.save(unfinished / name, array, allow_pickle=False)

            try:
                write_folder(folder, fill)
            except ExportFailed:
                if not folder.exists():  # another process that shares the folder was quicker
                    raise
        hu, share = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (HU, SHARE))
        return KnownCase(TrainingCase(hu, share), np.load(folder / KNOWN, allow_pickle=False))

    def _made(self, read: LabelledCase) -> KnownCase:
        labels = [label_of(read.structures, structure) for structure in self.structures]
        known = np.asarray([label is not None for label in labels])
        return KnownCase(training_case(read.scan, labels, self.spacing_mm), known)

    def _path(self, case: CohortCase) -> Path:
        told = [repr((self.structures, self.spacing_mm)), *map(_state, (case.image, *case.labels.values()))]
        return self.folder / f"{case.id}-{hashlib.sha256(chr(0).join(told).encode()).hexdigest()[:16]}"


def look_at(
    cohort: Cohort, ids: Iterable[str], structures: Sequence[str]
) -> tuple[dict[str, Look], tuple[str, ...]]:
    """The cases that can be learnt from, and a sentence for each case or label that cannot."""
    seen: dict[str, Look] = {}
    told: list[str] = []
    for case_id in ids:
        try:
            read = read_case(cohort.case(case_id), cohort.form)
        except AmlartError as error:
            told.append(f"{case_id} is left out: {error.what}")
            continue
        told += [f"{case_id}, label {words}" for words in read.broken]
        spacing = canonical(read.scan.geometry).geometry(read.scan.geometry).spacing_mm
        labels = tuple(i for i in structures if label_of(read.structures, i) is not None)
        if labels:
            seen[case_id] = Look(spacing, labels, scan_print(read.scan))
        else:
            told.append(f"{case_id} is left out: it has none of the labels.")
    return seen, tuple(told)


def label_of(structures: StructureSet, structure_id: str) -> Mask | None:
    """A label, or the union of its parts where all of them are there; None is unknown, not empty."""
    if structure_id in structures:
        return structures.mask(structure_id)
    whole = leaves(structure_id)
    pieces = [i for i in structures.ids if leaves(i) < whole]
    if not pieces or frozenset().union(*map(leaves, pieces)) != whole:
        return None
    return union([structures.mask(i) for i in pieces], structures.geometry)


def median_spacing(looks: Iterable[Look]) -> Spacing:
    """The middle of the scans' spacing along each axis, to a hundredth of a millimetre."""
    i, j, k = np.median([look.spacing_mm for look in looks], axis=0).round(2).tolist()
    return i, j, k


def _state(path: Path) -> str:
    """A DICOM case is a folder: its files' states."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return ";".join(f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in files)
