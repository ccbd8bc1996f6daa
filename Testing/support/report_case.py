"""A small case with something to say in every part of a report."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from pydicom.dataset import Dataset

from AmlartContourLib.domain.composition import compose
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.margins import Margin, shrink
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.case_record import CaseRecord, Engine, Input
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.report.data import MeasuredEditing, ReportData
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.set_comparison import compare_sets
from support.shapes import ball, block, centre, grid

PATIENT = "Planted^Patience"


def a_scan(geometry: Geometry) -> CtScan:
    """A soft-tissue block in air, with slices that name a patient."""
    x, y, z = centre(geometry)
    body = block(geometry, (x - 20, y - 14, z - 60), (x + 20, y + 14, z + 60)).to_array()
    header = Dataset()
    header.PatientName = PATIENT
    header.PatientID = PATIENT
    headers = tuple(header for _ in range(geometry.size_ijk[2]))
    return CtScan(
        np.where(body, 40, -1000).astype(np.int16), geometry, headers, findings=("Seen in the scan.",)
    )


def parts(geometry: Geometry) -> StructureSet:
    """Parts in which rule 1 has something to move, one derived, one empty, and a landmark."""
    x, y, z = centre(geometry)
    shapes = {
        "cervix": ball(geometry, (x, y, z), 7),
        "uterus": ball(geometry, (x, y, z + 9), 7),
        "ln_pelvic": block(geometry, (x - 14, y - 8, z - 20), (x - 2, y + 8, z + 10)),
        "ln_pelvic_left": block(geometry, (x - 14, y - 8, z - 20), (x - 8, y + 8, z + 10)),
        "anorectum": ball(geometry, (x, y + 7, z), 6),
        "gtvp": Mask.empty(geometry),
        "sacrum": ball(geometry, (x, y + 12, z), 4),
    }
    sources = {"ln_pelvic": Source.DERIVED}
    return StructureSet.of(
        geometry, (Contour(i, m, sources.get(i, Source.IMPORTED), f"note on {i}") for i, m in shapes.items())
    )


def borders(geometry: Geometry) -> tuple[LevelBorder, ...]:
    """One found, one estimated, one of a side, one between the sides."""
    x, y, z = centre(geometry)
    return (
        LevelBorder(BorderKind.AORTIC_BIFURCATION, (x, y, z + 15), (0, 0, 1), "the aorta parts here", False),
        LevelBorder(BorderKind.PARAAORTIC_TOP, (x, y, z + 25), (0, 0.2, 1), "as nothing better shows", True),
        LevelBorder(BorderKind.FEMORAL_HEAD_LEFT, (x + 10, y, z - 9), (0, 0, 1), "highest slice", False),
        LevelBorder(BorderKind.MIDLINE, (x, y, z), (1, 0, 0), "middle of the spine", False),
    )


def editing(structures: StructureSet) -> MeasuredEditing:
    """The parts against smaller ones, two of them gone; only the cervix is within its tolerance."""
    reference = structures.only(["cervix", "uterus", "anorectum", "gtvp", "ln_pelvic"])
    test = StructureSet.of(
        reference.geometry,
        [Contour(i, shrink(reference.mask(i), mm), Source.MODEL) for i, mm in (("cervix", 2), ("uterus", 4))],
    )
    figures = compare_sets(reference, test, catalogue())
    return MeasuredEditing(reference, test, figures, "contours of the day", "contours of the engine")


def report_case(direction: str = "head first supine") -> ReportData:
    """Everything filled."""
    geometry = grid((36, 32, 24), (1.5, 1.5, 3.0), direction)
    selection = Selection(
        included=("cervix", "gtvp", "uterus", "vagina", "ln_pelvic"), ptv={"ctvp": Margin.isotropic(4)}
    )
    composition = compose(parts(geometry), selection, catalogue())
    record = CaseRecord(
        pseudonym="case <7> & co",
        inputs=(Input("CT", "a" * 64, "DICOM"),),
        engines=(Engine("guideline", "1.2.3"),),
        preset=load_preset("small_pelvis"),
        selection=selection,
        messages=composition.messages,
        borders=borders(geometry),
        findings=("Said by the caller.", "Seen in the scan."),
    )
    return ReportData(
        catalogue(),
        parts(geometry),
        record,
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        a_scan(geometry),
        composition,
        editing(parts(geometry)),
    )
