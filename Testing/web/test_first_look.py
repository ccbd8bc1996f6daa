"""What the views show of a patient first: her target, as soon as she has one and nobody looks elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("trame_slicer", reason="the workstation's packages are not installed")

from AmlartContourLib.domain.axial import AxialSlices
from support.room import Room
from support.small_patients import write_small_patient
from support.workstation import contours

pytestmark = pytest.mark.slow  # a SlicerApp of its own


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    base = tmp_path_factory.mktemp("first-look")
    write_small_patient(base / "patients" / "WITH", 1)
    for seed, name in enumerate(("WITHOUT-A", "WITHOUT-B"), 2):
        write_small_patient(base / "patients" / name, seed, contours=False)
    room = Room(base / "patients", base)
    yield room
    room.close()


def _middle_k(room: Room) -> int:
    """The axial slice of the CTV's middle."""
    axial: AxialSlices = room.case.patient.axial
    point_lps = room.case.composition.composites.mask("ctv").centroid_lps()
    return round(float(axial.grid.lps_to_index(point_lps)[2]))


def test_a_patient_with_contours_opens_at_her_target(room: Room) -> None:
    room.open("WITH")
    assert room.state.axial_k == _middle_k(room)


def test_contours_that_come_take_the_views_to_the_target(room: Room) -> None:
    room.open("WITHOUT-A")
    before = room.state.axial_k
    room.take(contours(room.case.patient.scan.geometry))
    assert room.state.axial_k == _middle_k(room) != before
    room.call("go_to_slice", "Axial", before)
    room.take(contours(room.case.patient.scan.geometry))
    assert room.state.axial_k == before


def test_contours_leave_the_views_where_somebody_looks(room: Room) -> None:
    room.open("WITHOUT-B")
    room.call("go_to_slice", "Axial", 3)
    room.take(contours(room.case.patient.scan.geometry))
    assert room.state.axial_k == 3
