"""A small patient as the workstation exports her: contoured by a model, edited in part, and approved."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from AmlartContourLib.domain.review import Approval, Review, StructureReview
from AmlartContourLib.domain.structure_set import Source
from AmlartContourLib.exchange.case_record import CaseRecord, Engine, Input
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.export import Format, export_case
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import write_volume
from AmlartContourLib.session.editing import EDITED
from AmlartContourLib.session.exporting import review_json
from support.box_cohort import box_patient

AT = "2030-01-02T03:04:05Z"
NAME = "Ann Other"
APPROVED = Review(
    {
        "bladder": StructureReview((1, 2), "Dr A", AT),
        "anorectum": StructureReview((1, 2)),
    },
    Approval("Dr A", AT),
)


def export_of(folder: Path, number: int = 1, review: Review = APPROVED) -> tuple[Path, Path]:
    """The CT's file and an export of it as the workstation writes them: the model's bladder, edited, and its
    anorectum, untouched."""
    scan, truth = box_patient(number)
    folder.mkdir(parents=True, exist_ok=True)
    ct = folder / f"{NAME}.nii.gz"
    write_volume(ct, scan.hu_kji, scan.geometry)
    scan = read_ct(ct)
    bladder, anorectum = (replace(contour, source=Source.MODEL, note="by a model") for contour in truth)
    bladder = replace(bladder, note=f"by a model {EDITED}")
    structures = truth.with_contours(bladder, anorectum)
    record = CaseRecord(
        pseudonym=NAME,
        inputs=(Input("CT", scan.source_sha256),),
        engines=(Engine("ward-7", "1"),),
        reviewer="Dr A",
        started=datetime(2030, 1, 2, tzinfo=UTC),
    )

    def add_review(unfinished: Path) -> None:
        (unfinished / "review.json").write_text(json.dumps(review_json(review)), encoding="utf-8")

    export = folder / "export"
    formats = frozenset({Format.MASKS})
    export_case(export, scan, structures, record, catalogue(), formats=formats, add_files=add_review)
    return ct, export
