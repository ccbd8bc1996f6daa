from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from AmlartContourLib.contract.errors import AmlartError, DamagedFile, InputRefused, TooLarge
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder, canonical
from AmlartContourLib.domain.structure_set import Source
from AmlartContourLib.exchange import rtstruct_file
from AmlartContourLib.exchange.imported import ImportedContours
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from support.rtstruct_files import DIFFERENT_UID, ct_series, ring, rtstruct, save, square
from support.shapes import DIRECTIONS, grid

GRID = grid((24, 20, 8))
FRAME = "The CT names no frame of reference, so that of the contours was not compared."
directions = pytest.mark.parametrize("direction", DIRECTIONS)


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, ...]:
    return ct_series(tmp_path_factory.mktemp("series") / "ct", GRID)


def _read(folder: Path, rois: dict[str, list[Dataset]], geometry: Geometry = GRID) -> ImportedContours:
    return read_rtstruct(save(rtstruct(rois), folder / "rs.dcm"), geometry, catalogue())


def _said(read: ImportedContours) -> list[str]:
    return [message for message in read.messages if message != FRAME]


def _filled(k: int, low: int, high: int, geometry: Geometry = GRID) -> np.ndarray:
    """The square of `support.rtstruct_files.square` with corners half a pixel outside low and high."""
    mask = np.zeros(geometry.shape_kji, dtype=bool)
    mask[k, low : high + 1, low : high + 1] = True
    return mask


@directions
def test_a_contour_fills_the_pixels_whose_centres_it_holds(tmp_path: Path, direction: str) -> None:
    geometry = grid((24, 20, 8), direction=direction)
    read = _read(tmp_path, {"Bladder": [square(geometry, 3, 4.5, 9.5)]}, geometry)
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(3, 5, 9, geometry))
    assert read.structures.contours["bladder"].source is Source.IMPORTED
    assert _said(read) == []


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_inner_rings_are_holes_and_rings_within_these_are_islands(tmp_path: Path, kind: str) -> None:
    rings = [square(GRID, 2, low + 0.5, 15.5 - low, kind=kind) for low in (0, 3, 6)]
    expected = _filled(2, 1, 15) & ~_filled(2, 4, 12) | _filled(2, 7, 9)
    np.testing.assert_array_equal(
        _read(tmp_path, {"Bladder": rings}).structures.mask("bladder").to_array(), expected
    )


def test_a_keyhole_of_another_system_is_a_hole(tmp_path: Path) -> None:
    outer = [(0.5, 0.5, 1), (15.5, 0.5, 1), (15.5, 15.5, 1), (0.5, 15.5, 1), (0.5, 0.5, 1)]
    inner = [(4.5, 4.5, 1), (4.5, 9.5, 1), (9.5, 9.5, 1), (9.5, 4.5, 1), (4.5, 4.5, 1)]
    contour = ring(GRID.index_to_lps(outer + inner))
    expected = _filled(1, 1, 15) & ~_filled(1, 5, 9)
    np.testing.assert_array_equal(
        _read(tmp_path, {"Bladder": [contour]}).structures.mask("bladder").to_array(), expected
    )


def test_several_parts_on_several_slices_are_one_structure(tmp_path: Path) -> None:
    parts = [square(GRID, 2, 0.5, 4.5), square(GRID, 2, 7.5, 9.5), square(GRID, 3, 1.5, 5.5)]
    expected = _filled(2, 1, 4) | _filled(2, 8, 9) | _filled(3, 2, 5)
    read = _read(tmp_path, {"Bladder": parts})
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), expected)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_transfer_syntaxes_are_read(tmp_path: Path, syntax: str) -> None:
    dataset = rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)]})
    read = read_rtstruct(save(dataset, tmp_path / "rs.dcm", syntax), GRID, catalogue())
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(3, 5, 9))


def test_names_are_mapped_through_the_aliases_and_unknown_ones_kept_aside(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Harnblase": [square(GRID, 1, 0.5, 3.5)], "Wurst": [square(GRID, 2, 0.5, 3.5)]})
    assert read.structures.ids == ("bladder",)
    assert read.unknown == ("Wurst",)
    np.testing.assert_array_equal(read.others["Wurst"].to_array(), _filled(2, 1, 3))
    assert any("'Wurst'" in message for message in read.messages)


def test_of_two_names_for_one_structure_the_first_is_used_and_the_other_kept_aside(tmp_path: Path) -> None:
    read = _read(
        tmp_path, {"Blase": [square(GRID, 1, 0.5, 3.5)], "Urinary bladder": [square(GRID, 2, 0.5, 3.5)]}
    )
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(1, 1, 3))
    np.testing.assert_array_equal(read.others["Urinary bladder"].to_array(), _filled(2, 1, 3))
    assert any("'Urinary bladder' and 'Blase'" in message for message in read.messages)


def test_a_structure_without_contours_is_there_and_empty_and_said(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Uterus": []})
    assert "uterus" in read.structures
    assert read.structures.mask("uterus").is_empty
    assert _said(read) == ["'Uterus' holds no contour."]


def test_an_empty_one_does_not_take_the_name_from_one_with_contours(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Blase": [], "Urinary bladder": [square(GRID, 2, 0.5, 3.5)]})
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(2, 1, 3))


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "", "CLOSED"])
def test_points_and_open_lines_are_left_out_with_a_word(tmp_path: Path, kind: str) -> None:
    read = _read(tmp_path, {"Bladder": [square(GRID, 3, 4.5, 9.5), square(GRID, 4, 4.5, 9.5, kind=kind)]})
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(3, 5, 9))
    assert _said(read) == ["'Bladder': 1 contour not closed but points or open lines; left out."]


def test_fewer_than_three_points_are_left_out_with_a_word(tmp_path: Path) -> None:
    short = ring(GRID.index_to_lps([(1, 1, 1), (2, 2, 1)]))
    assert _said(_read(tmp_path, {"Bladder": [short]})) == [
        "'Bladder': 1 contour of fewer than three points; left out."
    ]


@pytest.mark.parametrize("text", ["1\\2", "1\\2\\x\\4\\5\\6\\7\\8\\9", "nan\\1\\1\\2\\2\\1\\3\\3\\1", ""])
def test_coordinates_that_are_none_are_left_out_with_a_word(tmp_path: Path, text: str) -> None:
    path = save(rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)]}), tmp_path / "rs.dcm")
    whole = pydicom.dcmread(path)
    contour = whole.ROIContourSequence[0].ContourSequence[0]
    good = contour.get_item("ContourData").value
    padded = text.encode().ljust(len(good), b" ")
    path.write_bytes(path.read_bytes().replace(good, padded))
    read = read_rtstruct(path, GRID, catalogue())
    assert _said(read) == ["'Bladder': 1 contour without usable coordinates; left out."]


def test_a_number_of_points_that_the_coordinates_do_not_have_makes_a_contour_unusable(tmp_path: Path) -> None:
    contour = square(GRID, 3, 4.5, 9.5)
    contour.NumberOfContourPoints = 5
    assert _said(_read(tmp_path, {"Bladder": [contour]})) == [
        "'Bladder': 1 contour without usable coordinates; left out."
    ]


@directions
def test_contours_across_the_slices_or_not_flat_are_left_out_with_a_word(
    tmp_path: Path, direction: str
) -> None:
    geometry = grid((24, 20, 8), direction=direction)
    across = ring(geometry.index_to_lps([(3, 3, 1), (9, 3, 1), (9, 3, 5), (3, 3, 5)]))
    bent = ring(geometry.index_to_lps([(3, 3, 1), (9, 3, 1), (9, 9, 1.4), (3, 9, 1)]))
    read = _read(tmp_path, {"Bladder": [across, bent, square(geometry, 2, 4.5, 9.5)]}, geometry)
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(2, 5, 9, geometry))
    assert _said(read) == ["'Bladder': 2 contours not flat, or not parallel to the slices; left out."]


def test_a_contour_between_slices_goes_to_the_nearest_with_a_word(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Bladder": [square(GRID, 2.4, 4.5, 9.5), square(GRID, 3.01, 4.5, 9.5)]})
    np.testing.assert_array_equal(
        read.structures.mask("bladder").to_array(), _filled(2, 5, 9) | _filled(3, 5, 9)
    )
    assert _said(read) == ["'Bladder': 1 contour between two slices; moved to the nearest."]


def test_of_contours_closer_together_than_slices_the_nearest_to_each_slice_counts(tmp_path: Path) -> None:
    fine = [square(GRID, 2 + step / 4, 1.5, 5.5 + step) for step in range(5)]
    fine.append(square(GRID, 2, 8.5, 12.5))  # a second part in the same plane as the first
    read = _read(tmp_path, {"Bladder": fine})
    expected = _filled(2, 2, 5) | _filled(2, 9, 12) | _filled(3, 2, 9)
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), expected)
    assert _said(read) == [
        "'Bladder': 3 contours closer together than the slices, and not the nearest to one; left out."
    ]


def test_slices_without_a_contour_stay_empty_and_are_counted(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Bladder": [square(GRID, k, 4.5, 9.5) for k in (1, 3, 6)]})
    assert read.structures.mask("bladder").to_array().any(axis=(1, 2)).tolist() == [
        k in (1, 3, 6) for k in range(8)
    ]
    assert _said(read) == ["'Bladder': 3 slice(s) between its first and last hold no contour; left empty."]


def test_contours_beyond_the_first_or_last_slice_are_left_out_with_a_word(tmp_path: Path) -> None:
    outside = [square(GRID, k, 4.5, 9.5) for k in (-1, -0.6, 7.6, 90)]
    read = _read(tmp_path, {"Bladder": [*outside, square(GRID, 7, 4.5, 9.5)]})
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), _filled(7, 5, 9))
    assert _said(read) == ["'Bladder': 4 contours before the first or after the last slice; left out."]


def test_a_contour_that_leaves_the_image_is_cut_at_its_edge_with_a_word(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Bladder": [square(GRID, 2, -5.5, 3.5), square(GRID, 3, -0.5, 19.5)]})
    np.testing.assert_array_equal(
        read.structures.mask("bladder").to_array(), _filled(2, 0, 3) | _filled(3, 0, 19)
    )
    assert _said(read) == ["'Bladder': 1 contour reaching beyond the image; cut at its edge."]


def test_a_contour_that_holds_no_centre_is_said(tmp_path: Path) -> None:
    read = _read(tmp_path, {"Bladder": [square(GRID, 2, 3.2, 3.7)]})
    assert read.structures.mask("bladder").is_empty
    assert _said(read) == ["'Bladder': its contours hold no voxel's centre, so it is empty."]


def test_contours_that_name_images_elsewhere_are_placed_by_their_coordinates(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    frame = headers[0].FrameOfReferenceUID
    contours = [
        square(GRID, 2, 4.5, 9.5, image=headers[2].SOPInstanceUID),
        square(GRID, 3, 4.5, 9.5, image=headers[6].SOPInstanceUID),
        square(GRID, 4, 4.5, 9.5, image=DIFFERENT_UID),
        square(GRID, 5, 4.5, 9.5),
    ]
    path = save(rtstruct({"Bladder": contours}, frame), tmp_path / "rs.dcm")
    read = read_rtstruct(path, GRID, catalogue(), headers=headers)
    expected = np.logical_or.reduce([_filled(k, 5, 9) for k in (2, 3, 4, 5)])
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), expected)
    assert list(read.messages) == [
        "'Bladder': 1 contour naming another slice than the one where they lie; placed by their coordinates.",
        "'Bladder': 2 contours naming no image of this CT; placed by their coordinates.",
    ]


def test_another_frame_of_reference_is_refused(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    path = save(rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)]}, DIFFERENT_UID), tmp_path / "rs.dcm")
    with pytest.raises(InputRefused, match="frame of reference"):
        read_rtstruct(path, GRID, catalogue(), headers=headers)
    assert FRAME in read_rtstruct(path, GRID, catalogue()).messages, "nothing to compare with: read and said"


def test_one_structure_of_another_frame_of_reference_is_left_out_with_a_word(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    dataset = rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)], "Uterus": [square(GRID, 3, 4.5, 9.5)]})
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = headers[0].FrameOfReferenceUID
    dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = DIFFERENT_UID
    read = read_rtstruct(save(dataset, tmp_path / "rs.dcm"), GRID, catalogue(), headers=headers)
    assert read.structures.ids == ("bladder",)
    assert "'Uterus' belongs to another frame of reference; left out." in read.messages


def test_a_structure_that_names_no_frame_of_reference_is_taken_with_a_word(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    path = save(rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)]}), tmp_path / "rs.dcm")
    read = read_rtstruct(path, GRID, catalogue(), headers=headers[:1])
    assert read.structures.has("bladder")
    assert list(read.messages) == ["1 structure(s) name no frame of reference; taken to be the CT's."]


def test_what_is_no_rtstruct_is_refused_by_name(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    (tmp_path / "notes.dcm").write_text("no DICOM at all")
    with pytest.raises(InputRefused, match=r"notes\.dcm is not a DICOM file"):
        read_rtstruct(tmp_path / "notes.dcm", GRID, catalogue())
    ct = Dataset()
    ct.update(headers[0])
    save(ct, tmp_path / "ct.dcm")
    with pytest.raises(InputRefused, match="not an RTSTRUCT"):
        read_rtstruct(tmp_path / "ct.dcm", GRID, catalogue())
    with pytest.raises(DamagedFile):
        read_rtstruct(tmp_path / "absent.dcm", GRID, catalogue())


def test_a_deflated_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    dataset = rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)]})
    path = save(dataset, tmp_path / "rs.dcm", DeflatedExplicitVRLittleEndian)
    with pytest.raises(InputRefused, match="deflated"):
        read_rtstruct(path, GRID, catalogue())


def test_a_file_without_structures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="names no structure"):
        read_rtstruct(save(rtstruct({}), tmp_path / "rs.dcm"), GRID, catalogue())


@pytest.mark.parametrize("limit", ["MAX_BYTES", "MAX_CONTOURS", "MAX_POINTS"])
def test_limits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(rtstruct_file, limit, 1)
    with pytest.raises(TooLarge):
        _read(tmp_path, {"Bladder": [square(GRID, 3, 4.5, 9.5), square(GRID, 4, 4.5, 9.5)]})


def _sample(undefined_lengths: bool) -> bytes:
    dataset = rtstruct(
        {name: [square(GRID, k, 2.5, 9.5 + k) for k in range(8)] for name in ("Bladder", "Uterus")}
    )
    if undefined_lengths:
        for keyword in ("StructureSetROISequence", "ROIContourSequence"):
            dataset[keyword].is_undefined_length = True
        for roi in dataset.ROIContourSequence:
            roi.is_undefined_length_sequence_item = True
            roi["ContourSequence"].is_undefined_length = True
            for contour in roi.ContourSequence:
                contour.is_undefined_length_sequence_item = True
    buffer = io.BytesIO()
    save(dataset, buffer)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("undefined_lengths", [False, True])
def test_a_file_cut_off_anywhere_is_refused_and_never_read_in_part(
    tmp_path: Path, undefined_lengths: bool
) -> None:
    whole = _sample(undefined_lengths)
    path = tmp_path / "rs.dcm"
    path.write_bytes(whole)
    complete = read_rtstruct(path, GRID, catalogue()).structures
    assert complete.ids == ("bladder", "uterus")
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputRefused):
            read_rtstruct(path, GRID, catalogue())


def test_changed_bytes_never_lead_to_anything_but_contours_or_a_refusal(tmp_path: Path) -> None:
    whole = _sample(False)
    path = tmp_path / "rs.dcm"
    chance = random.Random(5)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(132, len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_rtstruct(path, GRID, catalogue())
        except AmlartError:
            refused += 1
    assert refused > 0


def test_no_message_or_log_holds_the_patient(
    tmp_path: Path, headers: tuple[Dataset, ...], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = rtstruct({"Bladder": [square(GRID, 90, 4.5, 9.5)], "Wurst": []}, DIFFERENT_UID)
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Secret^Person", "ID-4711", "19700101"
    path = save(dataset, tmp_path / "rs.dcm")
    said = " ".join(read_rtstruct(path, GRID, catalogue()).messages)
    with pytest.raises(InputRefused) as refusal:
        read_rtstruct(path, GRID, catalogue(), headers=headers)
    for secret in ("Secret", "ID-4711", "19700101", str(tmp_path)):
        assert secret not in said + str(refusal.value) + caplog.text


def test_an_odd_value_that_pydicom_would_quote_stays_out_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(rtstruct({"Bladder": [square(GRID, 3, 4.5, 9.5)]}), tmp_path / "rs.dcm")
    path.write_bytes(
        path.read_bytes().replace(b"1.2.840.10008.5.1.4.1.1.481.3", b"1.2.840.10008.5.1.Secret481.3")
    )
    assert read_rtstruct(path, GRID, catalogue()).structures.has("bladder")
    assert "Secret" not in caplog.text


def test_reading_on_a_finer_grid_leaves_the_slices_between_empty(tmp_path: Path) -> None:
    fine = replace(GRID, size_ijk=(24, 20, 15), spacing_mm=(1.3, 1.0, 1.25))
    read = _read(tmp_path, {"Bladder": [square(GRID, k, 4.5, 9.5) for k in range(8)]}, fine)
    drawn = read.structures.mask("bladder").to_array().any(axis=(1, 2))
    assert drawn.tolist() == [k % 2 == 0 for k in range(15)]
    assert _said(read) == ["'Bladder': 7 slice(s) between its first and last hold no contour; left empty."]


@directions
@pytest.mark.parametrize("order", ["canonical", "reversed slices", "slices first"])
def test_without_slices_to_compare_an_array_may_run_in_any_order(
    tmp_path: Path, direction: str, order: str
) -> None:
    geometry = grid((24, 20, 8), direction=direction)
    contours = [square(geometry, 3, 4.5, 9.5), square(geometry, 4, 2.5, 9.5)]
    reordering = {
        "canonical": canonical(geometry),
        "reversed slices": Reorder((0, 1, 2), (True, False, True)),
        "slices first": Reorder((2, 0, 1), (False, False, False)),
    }[order]
    read = _read(tmp_path, {"Bladder": contours}, reordering.geometry(geometry))
    expected = reordering.array(_filled(3, 5, 9, geometry) | _filled(4, 3, 9, geometry))
    np.testing.assert_array_equal(read.structures.mask("bladder").to_array(), expected)
    assert _said(read) == []
