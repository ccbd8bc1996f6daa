"""Our RTSTRUCT in other programs, and theirs in ours. Known bugs of theirs are expected failures, with the
reason; should one be mended, its test fails and this list is out of date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from AmlartContourLib.exchange.rtstruct_out import WrittenRtstruct, write_rtstruct
from support.masks2d import stacked
from support.rt_peers import READERS, dciodvfy_errors, expect_bug, need, peer_reads, peer_writes
from support.rtstruct_files import ct_series, structures
from support.shapes import ball, centre, grid

pytestmark = pytest.mark.peer

SQUARE = (1.3, 1.3, 2.5)
CASES = {  # size in i and j, spacing in mm, direction
    "head first": (64, 64, SQUARE, "head first supine"),
    "feet first": (64, 64, SQUARE, "feet first supine"),
    "prone": (64, 64, SQUARE, "head first prone"),
    "oblique": (64, 64, SQUARE, "oblique"),
    "pixels 1.3 x 1.0": (64, 64, (1.3, 1.0, 2.5), "head first supine"),
    "50 columns, 64 rows": (50, 64, SQUARE, "head first supine"),
    "sagittal": (64, 64, SQUARE, "sagittal slices"),
}

Z_ALONE = "DicomRTTool chooses the slice by z alone"
SAME_XY = "plastimatch drops a last point whose x and y are the first point's, though z differs"
KNOWN_BUGS = {
    ("rt-utils", "pixels 1.3 x 1.0"): "rt-utils takes row spacing for column spacing",
    ("rt-utils", "50 columns, 64 rows"): "rt-utils swaps rows and columns of its mask",
    ("DicomRTTool", "oblique"): Z_ALONE,
    ("DicomRTTool", "sagittal"): Z_ALONE,
    ("plastimatch", "sagittal"): SAME_XY,
    ("plastimatch of the system", "sagittal"): SAME_XY,
}


@dataclass(frozen=True)
class Case:
    """One series with its contours, written by us."""

    ct: Path
    headers: tuple[Dataset, ...]
    contours: StructureSet
    written: WrittenRtstruct


def _geometry(name: str, slices: int) -> Geometry:
    columns, rows, spacing, direction = CASES[name]
    return grid((columns, rows, slices), spacing, direction)


def _masks(name: str) -> StructureSet:
    """Hard slices, a shell (a hole on most slices), and a mask along two edges of the image with a hole."""
    stack = stacked()[:-1]  # without the empty slice
    geometry = _geometry(name, len(stack))
    hard = np.zeros(geometry.shape_kji, dtype=bool)
    hard[:, 5 : 5 + stack.shape[1], 7 : 7 + stack.shape[2]] = stack
    hard[:, 40 : 40 + stack.shape[1], 25 : 25 + stack.shape[2]] = stack[::-1]
    shell = ball(geometry, centre(geometry), 14) - ball(geometry, centre(geometry), 7)
    edges = np.zeros(geometry.shape_kji, dtype=bool)
    edges[:, :, :9], edges[:, -6:, :] = True, True
    edges[:, -3:-1, 4:8] = False
    return structures(geometry, bladder=hard, uterus=shell.to_array(), ctvn=edges)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    made = {}
    for name in CASES:
        folder = tmp_path_factory.mktemp("case")
        contours = _masks(name)
        headers = ct_series(folder / "ct", contours.geometry)
        written = write_rtstruct(folder / "rs.dcm", contours, headers, catalogue())
        made[name] = Case(folder / "ct", headers, contours, written)
    return made


def _wrong_voxels(contours: StructureSet, written: WrittenRtstruct, read: dict[str, np.ndarray]) -> int:
    """Voxels that differ; every structure must be there, though some programs change case."""
    by_name = {name.casefold(): mask for name, mask in read.items()}
    wrong = 0
    for roi in written.rois:
        ours = contours.mask(roi.structure_id).to_array()
        theirs = by_name[roi.name.casefold()]
        assert theirs.shape == ours.shape
        wrong += int(np.count_nonzero(theirs != ours))
    return wrong


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("peer", READERS)
def test_a_peer_reads_our_file_voxel_for_voxel(
    cases: dict[str, Case], peer: str, name: str, request: pytest.FixtureRequest
) -> None:
    need(peer)
    expect_bug(request, KNOWN_BUGS.get((peer, name)))
    case = cases[name]
    read, _ = peer_reads(peer, case.written.path, case.ct)
    assert _wrong_voxels(case.contours, case.written, read) == 0


@pytest.mark.parametrize("name", CASES)
def test_dciodvfy_finds_no_error_in_our_rtstruct_and_ct(cases: dict[str, Case], name: str) -> None:
    assert dciodvfy_errors(cases[name].written.path) == []
    for slice_file in sorted(cases[name].ct.iterdir())[:2]:
        assert dciodvfy_errors(slice_file) == []


@pytest.mark.parametrize("name", ["head first", "oblique", "pixels 1.3 x 1.0"])
@pytest.mark.parametrize("peer", ["plastimatch", "plastimatch of the system", "DicomRTTool"])
def test_we_read_a_peer_s_file_voxel_for_voxel(
    cases: dict[str, Case], tmp_path: Path, peer: str, name: str
) -> None:
    need(peer)
    case = cases[name]
    given = {i: case.contours.mask(i).to_array() for i in ("bladder", "uterus")}  # away from the edges
    peer_writes(peer, tmp_path / "rs.dcm", case.ct, given)
    read = read_rtstruct(tmp_path / "rs.dcm", case.contours.geometry, catalogue(), headers=case.headers)
    for structure_id, mask in given.items():
        np.testing.assert_array_equal(read.structures.mask(structure_id).to_array(), mask)
    told = [message for message in read.messages if "placed by their coordinates" not in message]
    assert told == [], "plastimatch names the images of an oblique series by z alone; the rest is in order"


def test_we_read_rt_utils_files_which_draw_through_the_outermost_centres(
    cases: dict[str, Case], tmp_path: Path
) -> None:
    need("rt-utils")
    case = cases["head first"]
    solid = ball(case.contours.geometry, centre(case.contours.geometry), 18).to_array()
    peer_writes("rt-utils", tmp_path / "rs.dcm", case.ct, {"bladder": solid})
    read = read_rtstruct(tmp_path / "rs.dcm", case.contours.geometry, catalogue(), headers=case.headers)
    mask = read.structures.mask("bladder").to_array()
    assert not np.any(mask & ~solid), "nothing is added"
    assert 0.9 < 2 * mask.sum() / (mask.sum() + solid.sum()) < 1, "half a pixel is lost, as they drew it"
