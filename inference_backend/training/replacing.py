"""A new bundle takes the place of an old one only after both were measured on the same hold-out; roll back.

The rule: the new one draws every structure that the old one draws, and for none of them its mean Dice on the
hold-out lies below the old one's by more than a limit that the site sets. What is replaced is kept beside the
models, with the figures it was compared by.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from AmlartContourLib.contract.errors import BadSetting, ExportFailed, InputRefused
from AmlartContourLib.contract.strict_json import Message, to_json
from AmlartContourLib.exchange.atomic import IfExists, write_file, write_folder
from inference_backend.dataset.cohort import Cohort
from inference_backend.engines.bundle import BundleEngine, version_of
from inference_backend.evaluation.contoured import contour_cohort
from inference_backend.evaluation.measured import CaseMeasured, SourceOfContours, measure_source
from inference_backend.evaluation.report import write_evaluation
from inference_backend.evaluation.summary import values
from inference_backend.models.bundle import open_bundle
from inference_backend.models.store import EMBEDDED_ID, MODELS_FOLDER

REPLACED = "models-replaced"
COMPARED = "compared.json"
LEAST_CASES = 3
FIGURE = "Dice"
OLD, NEW = "in-use", "new"


@dataclass(frozen=True)
class Row(Message):
    """One structure on the hold-out cases that both have: how many, and each one's mean Dice."""

    structure: str
    cases: int
    old: float
    new: float


@dataclass(frozen=True)
class Verdict(Message):
    """What the comparison says. `against`: why the new one may not replace the old, empty where it may."""

    old_version: str
    new_version: str
    limit: float
    rows: tuple[Row, ...]
    against: tuple[str, ...]


def compared(
    old: Path, new: Path, cohort: Cohort, held: Sequence[str], out: Path, limit: float, device: str = "cpu"
) -> tuple[Verdict, Path]:
    """Both contour the held-out cases and are measured; the verdict, and the page with all figures.

    A folder of another comparison is refused with BadSetting: contours there are not made again.
    """
    _claim(out, old, new)
    cases = tuple(case for case in cohort.labelled if case.id in held)
    measured = {}
    for name, bundle in ((OLD, old), (NEW, new)):
        folder = out / "contours" / name
        contour_cohort(BundleEngine(bundle.name, bundle), cohort, cases, folder, _silent, device)
        measured[name] = measure_source(SourceOfContours(name, folder), cohort, cases, _silent)
    page = write_evaluation(out, measured)
    return judged(old, new, measured[OLD], measured[NEW], limit), page


def _claim(out: Path, old: Path, new: Path) -> None:
    told = "".join(f"{version_of(open_bundle(bundle))}\n" for bundle in (old, new)).encode()
    path = out / "versions.txt"
    if path.exists() and path.read_bytes() != told:
        raise BadSetting("The folder holds the comparison of other models.", advice="Choose another folder.")
    write_file(path, told, replace=True)


def _silent(_fraction: float, _stage: str) -> None:
    """The page says it all."""


def judged(
    old: Path,
    new: Path,
    measured_old: Sequence[CaseMeasured],
    measured_new: Sequence[CaseMeasured],
    limit: float,
) -> Verdict:
    """The rule of the module applied to two bundles measured on the same cases."""
    before, after = open_bundle(old).manifest, open_bundle(new).manifest
    against = [f"It does not draw {name}." for name in before.structures if name not in after.structures]
    failed = [case.case for case in measured_new if case.failure]
    against += [f"It failed on {len(failed)} of {len(measured_new)} cases."] if failed else []
    rows = []
    for structure in before.structures:
        one, other = (values(cases, structure, FIGURE) for cases in (measured_old, measured_new))
        shared = [case for case in one if case in other]
        if not shared or structure not in after.structures:
            continue
        row = Row(
            structure, len(shared), *(round(float(np.mean([d[c] for c in shared])), 6) for d in (one, other))
        )
        rows.append(row)
        if row.new < row.old - limit:
            against.append(f"{structure}: mean Dice {row.new:.3f} instead of {row.old:.3f}.")
    if max((row.cases for row in rows), default=0) < LEAST_CASES:
        against.append(f"Fewer than {LEAST_CASES} labelled hold-out cases say nothing.")
    return Verdict(before.version, after.version, limit, tuple(rows), tuple(against))


def replace_bundle(home: Path, bundle_id: str, new: Path, verdict: Verdict) -> Path:
    """Puts the new bundle in the old one's place and returns where the old one is kept.

    InputRefused, with nothing changed, where the verdict is against it or the ids differ.
    """
    if verdict.against:
        raise InputRefused(
            f"The new model may not replace {bundle_id}. {' '.join(verdict.against)}",
            kept="The old model is in use as before.",
        )
    if open_bundle(new).manifest.id != bundle_id or bundle_id == EMBEDDED_ID:
        raise InputRefused(
            f"The new model's id is not {bundle_id}, or that is the embedded one.",
            kept="The old model is in use as before.",
            advice=f"Train it with --out FOLDER/{bundle_id} and another --version.",
        )
    kept = _next(home, bundle_id)
    _copied(current(home, bundle_id), kept)
    write_file(kept / COMPARED, to_json(verdict).encode())
    _copied(new, current(home, bundle_id), IfExists.REPLACE)
    return kept


def roll_back(home: Path, bundle_id: str) -> str:
    """Puts the bundle that was replaced last back in its place, and returns its version. BadSetting where
    none was replaced."""
    folder = home / REPLACED / bundle_id
    earlier = sorted(p for p in folder.iterdir() if p.name.isdecimal()) if folder.is_dir() else []
    if not earlier:
        raise BadSetting(f"No earlier model of {bundle_id} is kept.", kept="The model in use stays.")
    version = open_bundle(earlier[-1]).manifest.version
    _copied(earlier[-1], current(home, bundle_id), IfExists.REPLACE)
    shutil.rmtree(earlier[-1])
    return version


def current(home: Path, bundle_id: str) -> Path:
    """Where the bundle in use lies."""
    return home / MODELS_FOLDER / bundle_id


def _next(home: Path, bundle_id: str) -> Path:
    folder = home / REPLACED / bundle_id
    taken = [int(p.name) for p in folder.iterdir() if p.name.isdecimal()] if folder.is_dir() else []
    return folder / f"{max(taken, default=0) + 1:03d}"


def _copied(source: Path, target: Path, if_exists: IfExists = IfExists.REFUSE) -> None:
    """The bundle's own files, each checked to be what its manifest says; whole or not at all."""
    bundle = open_bundle(source)
    missing = bundle.first_missing()
    if missing:
        raise ExportFailed(f"The bundle {source.name} is not whole. {missing}", kept="Nothing was replaced.")

    def fill(unfinished: Path) -> None:
        for path in source.iterdir():
            if path.is_file() and path.name != COMPARED:
                shutil.copyfile(path, unfinished / path.name)

    write_folder(target, fill, if_exists)
