"""Contours from several places as one set: of two for one structure the first counts, and that is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.case_record import Input
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.resources import catalogue


@dataclass(frozen=True)
class MergedContours:
    """All contours on the scan's grid, what they came from, and what there is to say of them."""

    structures: StructureSet
    inputs: tuple[Input, ...]
    findings: tuple[str, ...]


def read_merged_contours(paths: Iterable[Path], scan: CtScan, case_id: str) -> MergedContours:
    """The contours at all paths, in order. Raises what `read_contours` raises."""
    merged = StructureSet(scan.geometry)
    inputs: list[Input] = []
    findings: list[str] = []
    for path in paths:
        found = read_contours(path, scan, catalogue(), case_id=case_id)
        inputs.append(Input("contours", sha256_of(path)))
        findings += found.messages
        twice = [i for i in found.structures.ids if i in merged]
        if twice:
            findings.append(f"Contoured twice, the first is used: {', '.join(twice)}.")
        merged = merged.with_contours(*(c for c in found.structures if c.structure_id not in twice))
    return MergedContours(merged, tuple(inputs), tuple(findings))
