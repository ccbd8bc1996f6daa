"""A second engine's contours are compared with and never edited; thresholds come from local cases alone.

On a real scene and a real backend process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.export import Format
from AmlartContourLib.exchange.pair_files import NOT_CALIBRATED, PairFiles
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.second_opinion import (
    COVERAGE,
    PAIR_FORMAT,
    Basis,
    PairCalibration,
    PairFigures,
    structure_threshold,
)
from AmlartContourLib.session.effort import UNCALIBRATED, EffortRow
from AmlartContourLib.session.events import Told
from AmlartContourLib.session.second_opinion import OTHER_TOLERANCE, Opinion
from AmlartContourLib.session.session import Session
from support.backend_process import BackendProcess, wait_for
from support.bright_engine import BrightEngine
from support.shapes import ball
from support.workstation import Desk, files, pelvis

FIRST, SECOND = BrightEngine("40").describe(), BrightEngine("90").describe()
INSIDE, MIDDLE, EDGE_HU, CORE_HU = (0.0, -30.0, -20.0), 13, 60, 120


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("second") / "backend").start()
    yield process
    process.stop()


@pytest.fixture
def pairs(tmp_path: Path) -> PairFiles:
    return PairFiles(tmp_path / "home")


@pytest.fixture
def desk(tmp_path: Path, backend: BackendProcess, pairs: PairFiles) -> Iterator[Desk]:
    """A patient whose bladder has a bright core and a dimmer edge, drawn whole by the first engine."""
    desk = Desk(tmp_path, connect=backend.client)
    desk.session = Session(desk.scene, desk.store, backend.client, clocks=desk.clock.clocks(), pairs=pairs)
    desk.session.subscribe(desk.told.append)
    patient = files()
    hu = np.zeros_like(patient.scan.hu_kji)
    hu[whole().to_array()] = EDGE_HU
    hu[core().to_array()] = CORE_HU
    desk.session.open(replace(patient, scan=replace(patient.scan, hu_kji=hu)))
    desk.session.contouring.take(drawn())
    yield desk
    desk.session.end()


def whole() -> Mask:
    return ball(pelvis(), INSIDE, 18)


def core() -> Mask:
    """It reaches the edge on one side."""
    return ball(pelvis(), (0.0, -24.0, -20.0), 12)


def drawn(expected: ExpectedEffort | None = None) -> Contours:
    made = Contour("bladder", whole(), Source.MODEL)
    masks = StructureSet.of(pelvis(), [made])
    return Contours(masks, engine=FIRST.id, engine_version=FIRST.version, expected=expected)


def spread_expecting(fraction: float) -> ExpectedEffort:
    one = StructureEffort(
        "bladder", tolerance(), Interval(fraction, 0.0, 1.0), None, first_k=MIDDLE, redraw_mm2=(9999.0,)
    )
    return ExpectedEffort(EFFORT_FORMAT, "phantoms", 40, 0.8, 1.0, 2.0, structures=(one,))


def tolerance() -> float:
    from AmlartContourLib.exchange.resources import catalogue

    return catalogue()["bladder"].tolerance_mm


def calibrated(pairs: PairFiles, cases: int, apart: float = 0.1) -> None:
    """Local cases in which the editing was half of the disagreement."""
    rows = [
        PairFigures("bladder", apart + n / 1000, 0.1 + n / 1000, (50.0 + n,), apart / 2 + n / 2000, 0.05)
        for n in range(cases)
    ]
    one = structure_threshold("bladder", tolerance(), rows)
    words = (FIRST.id, FIRST.version, SECOND.id, SECOND.version)
    pairs.write(PairCalibration(PAIR_FORMAT, *words, cases, COVERAGE, (one,)))


def asked(desk: Desk, engine: EngineInfo = SECOND) -> Opinion:
    """Asks the second engine and waits until its contour is compared."""
    second = desk.session.second
    second.start(engine)
    mm = desk.session.effort.tolerance_mm("bladder")
    found = wait_for(lambda: (desk.session.poll(), second.of("bladder", mm))[1], 60, "it is compared")
    assert isinstance(found, Opinion)
    return found


def row(desk: Desk) -> EffortRow:
    (one,) = [row for row in desk.session.effort.rows() if row.structure_id == "bladder"]
    return one


def test_the_second_contour_is_compared_and_becomes_no_contour(desk: Desk) -> None:
    before = desk.session.case.structures
    opinion = asked(desk)
    by_hand = compare(core(), whole(), tolerance_mm=tolerance())
    assert opinion.apart.fraction == by_hand.fraction_to_redraw
    assert opinion.engine.name == SECOND.id
    assert desk.session.case.structures is before
    assert desk.session.case.originals.mask("bladder").same_voxels(whole())
    told = [event.text for event in desk.told if isinstance(event, Told)]
    assert "does not show that either is right" in told[-1]
    assert any(SECOND.id in finding for finding in desk.session.case.record.findings)


def test_without_local_cases_it_is_shown_and_nothing_is_expected_of_it(desk: Desk) -> None:
    opinion = asked(desk)
    assert (opinion.threshold, opinion.expected, opinion.is_beyond) == (None, None, None)
    assert opinion.why_none == NOT_CALIBRATED
    assert (row(desk).expected, row(desk).expected_from) == (None, None)
    first = desk.session.effort.look_first("bladder", 3)
    areas = compare(core(), whole(), tolerance_mm=tolerance()).worst_slices(3)
    assert [(one.k, one.source) for one in first] == [(worst.k, UNCALIBRATED) for worst in areas]
    assert [one.area_mm2 for one in first] == [worst.redraw_mm2 for worst in areas]


def test_with_local_cases_the_disagreement_becomes_an_expectation_with_its_source(
    desk: Desk, pairs: PairFiles
) -> None:
    calibrated(pairs, 12)
    opinion = asked(desk)
    assert opinion.is_beyond, "these two part far more than the local cases did"
    found = row(desk)
    assert found.expected is not None
    assert found.expected.fraction_to_redraw is not None
    assert found.expected.fraction_to_redraw.expected == pytest.approx(opinion.apart.fraction / 2, abs=0.01)
    assert found.expected_from is Basis.SECOND
    first = desk.session.effort.look_first("bladder", 3)
    assert {one.source for one in first} == {"engines disagree"}
    assert all(opinion.slices_mm2[one.k] > 50.0 for one in first)


def test_the_larger_expectation_counts_slice_by_slice(desk: Desk, pairs: PairFiles) -> None:
    calibrated(pairs, 12)
    desk.session.contouring.take(drawn(spread_expecting(0.02)))
    asked(desk)
    assert row(desk).expected_from is Basis.SECOND
    first = desk.session.effort.look_first("bladder", 2)
    assert (first[0].k, first[0].source) == (MIDDLE, Basis.SPREAD.value)
    assert first[1].source == Basis.SECOND.value
    by_k = {one.k: one.expected_mm2 for one in desk.session.effort.by_slice("bladder")}
    assert by_k[MIDDLE] == 9999.0


def test_with_too_few_local_cases_or_another_tolerance_no_threshold_is_used(
    desk: Desk, pairs: PairFiles
) -> None:
    calibrated(pairs, 8)
    opinion = asked(desk)
    assert (opinion.expected, "too few cases" in opinion.why_none) == (None, True)
    calibrated(pairs, 12)
    assert row(desk).expected_from is Basis.SECOND
    desk.session.effort.set_tolerance("bladder", 1.0)
    wait_for(lambda: (desk.session.poll(), row(desk).opinion)[1], 30, "it is compared anew")
    again = row(desk).opinion
    assert again is not None
    assert again.why_none == OTHER_TOLERANCE.format(mm=tolerance())
    assert again.apart.fraction > opinion.apart.fraction


def test_report_and_provenance_of_an_export_tell_it_with_its_figures_and_threshold(
    desk: Desk, pairs: PairFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    calibrated(pairs, 12)
    opinion = asked(desk)
    assert opinion.threshold is not None
    desk.session.exporting.export(tmp_path / "out", frozenset({Format.MASKS}))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"{SECOND.id} {SECOND.version} was asked about the contours as they came" in page
    assert f"{opinion.apart.fraction:.1%}" in page
    assert f"{opinion.threshold.fraction:.1%}" in page
    assert "beyond the threshold" in page
    told = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert f"A second opinion by {SECOND.id} {SECOND.version} was asked." in told["findings"]
    desk.session.effort.set_tolerance("bladder", 1.0)
    desk.session.exporting.export(tmp_path / "other", frozenset({Format.MASKS}))
    page = (tmp_path / "other" / "report.html").read_text(encoding="utf-8")
    assert f"{OTHER_TOLERANCE.format(mm=tolerance())} (Bladder)" in page
    assert "beyond the threshold" not in page


def test_it_is_saved_with_the_patient(desk: Desk) -> None:
    before = asked(desk)
    desk.session.saving.save_now()
    desk.session.close()
    patient = files()
    desk.session.open(patient)
    found = wait_for(lambda: (desk.session.poll(), row(desk).opinion)[1], 30, "it is compared again")
    assert found.apart.fraction == before.apart.fraction
    desk.session.second.forget()
    assert desk.session.second.engine is None
    assert row(desk).opinion is None


def test_the_engine_that_drew_the_contours_gives_no_second_opinion(desk: Desk) -> None:
    with pytest.raises(BadSetting, match="drew the contours that are here"):
        desk.session.second.start(FIRST)
    with pytest.raises(BadSetting, match="no contour yet"):
        desk.session.second.start(replace(SECOND, gives=("uterus",)))
    assert not desk.session.second.running
