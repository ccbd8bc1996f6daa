"""One source of contours measured against a cohort's labels, case by case.

The label is the reference. A structure that is labelled and not drawn counts with Dice and surface Dice 0;
its distances do not exist. A structure that neither has is no figure. Wholes that were drawn in parts
(parametrium by sides, CTVp, CTVn) are joined first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.parts import CTVP_PARTS, LEVELS, part
from AmlartContourLib.domain.rules import Severity, check_labels
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.masks_in import is_amlart_root
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import Comparison, compare
from inference_backend.dataset.cohort import Cohort, CohortCase, read_case
from inference_backend.evaluation.contoured import read_run

TOLERANCES_MM = (1.0, 2.0, 3.0, 5.0)
JOINED = {"ctvp": CTVP_PARTS, "ctvn": ("gtvn", *LEVELS)}
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class SourceOfContours:
    """A name for the table, and a folder with a folder of masks for each case, or nnU-Net data sets."""

    name: str
    folder: Path


@dataclass(frozen=True)
class Figures(Message):
    """One structure of one case; None where a figure has no value. `surface_dice` at `TOLERANCES_MM`."""

    structure: str
    drawn: bool
    dice: float | None
    precision: float | None
    recall: float | None
    volume_difference: float | None
    surface_dice: tuple[float | None, ...]
    added_path_mm: float | None
    missed_path_mm: float | None
    hausdorff_mm: float | None
    hd95_mm: float | None
    average_symmetric_mm: float | None


@dataclass(frozen=True)
class CaseMeasured(Message):
    """One case of one source. `failure`: why there are no contours. `rules`: broken rules in words."""

    source: str
    case: str
    figures: tuple[Figures, ...]
    rules: tuple[str, ...]
    failure: str | None = None
    seconds: float | None = None
    peak_bytes: int | None = None


def measure_source(
    source: SourceOfContours, cohort: Cohort, cases: tuple[CohortCase, ...], report: Report
) -> tuple[CaseMeasured, ...]:
    """Every case. One without contours is a failure with all its figures 0; one that cannot be read is told
    and has no figures."""
    found = []
    for number, case in enumerate(cases):
        report(number / len(cases), f"{source.name}: {case.id}")
        try:
            read = read_case(case, cohort.form)
        except AmlartError as error:
            words = f"The case itself cannot be read. {error.what}"
            found.append(CaseMeasured(source.name, case.id, (), (), words))
            continue
        drawn, failure = contours_of(source, case.id, read.scan)
        run = read_run(source.folder / case.id)
        found.append(
            CaseMeasured(
                source=source.name,
                case=case.id,
                figures=tuple(_figures(read.structures, drawn)),
                rules=tuple(m.text for m in check_labels(drawn) if m.severity is Severity.WARNING),
                failure=run.failure if run and run.failure else failure,
                seconds=run.seconds if run else None,
                peak_bytes=run.peak_bytes if run else None,
            )
        )
    return tuple(found)


def contours_of(source: SourceOfContours, case_id: str, scan: CtScan) -> tuple[StructureSet, str | None]:
    """A source's contours of a case, wholes joined; empty, with the reason, where there are none."""
    folder = source.folder / case_id
    try:
        if folder.is_dir():
            found = read_contours(folder, scan, catalogue()).structures
        elif is_amlart_root(source.folder):
            found = read_contours(source.folder, scan, catalogue(), case_id=case_id).structures
        else:
            return StructureSet(scan.geometry), "There are no contours of this case."
    except AmlartError as error:
        return StructureSet(scan.geometry), error.what
    return _joined(found), None


def _joined(structures: StructureSet) -> StructureSet:
    whole = part(structures, "parametrium")
    made = [whole] if whole is not None and "parametrium" not in structures else []
    for structure_id, parts in JOINED.items():
        masks = [structures.mask(i) for i in parts if i in structures]
        if structure_id not in structures and masks:
            mask = union(masks, structures.geometry)
            made.append(Contour(structure_id, mask, Source.COMPOSED, "union of its parts"))
    return structures.with_contours(*made)


def _figures(reference: StructureSet, drawn: StructureSet) -> Iterator[Figures]:
    for contour in reference:
        i = contour.structure_id
        if contour.mask.is_empty and not drawn.has(i):
            continue
        yield _of(i, drawn.has(i), _compared(i, contour.mask, drawn.mask(i)))


def _compared(structure_id: str, reference: Mask, drawn: Mask) -> Comparison:
    own = catalogue()[structure_id].tolerance_mm
    return compare(reference, drawn, tolerance_mm=own, extra_tolerances_mm=TOLERANCES_MM)


def _of(structure_id: str, drawn: bool, compared: Comparison) -> Figures:
    at = {one.tolerance_mm: one.surface_dice for one in compared.redraws}
    shared, surface, path = compared.overlap, compared.surface, compared.path
    return Figures(
        structure=structure_id,
        drawn=drawn,
        dice=shared.dice,
        precision=shared.precision,
        recall=shared.recall,
        volume_difference=shared.signed_volume_difference,
        surface_dice=tuple(at[mm] for mm in TOLERANCES_MM),
        added_path_mm=path.added_mm,
        missed_path_mm=path.false_negative_mm,
        hausdorff_mm=surface.hausdorff_mm,
        hd95_mm=surface.hd95_mm,
        average_symmetric_mm=surface.average_symmetric_mm,
    )
