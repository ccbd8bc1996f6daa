"""Scans and contours through the form in which they travel, on every orientation."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.contract.errors import BadGeometry, DamagedFile
from AmlartContourLib.contract.frame_header import Codec
from AmlartContourLib.contract.frames import decode
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.contours import Contours, Spread
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.wire import (
    context_frame,
    contours_frame,
    contours_of,
    ct_frame,
    geometry_of,
    grid_of,
    hu_of,
)
from support.shapes import DIRECTIONS, ball, centre, grid

EXPECTED = ExpectedEffort(
    *(EFFORT_FORMAT, "phantoms", 60, 0.8, 1.2, 2.0),
    (StructureEffort("bladder", 2.0, Interval(0.1, 0.0, 0.2), Interval(9.0, 1.0, 12.0), 4, (1.0, 2.5)),),
)


def example(geometry: Geometry) -> Contours:
    """Two overlapping contours, an empty one, a spread and a border."""
    middle = centre(geometry)
    masks = [
        Contour("bladder", ball(geometry, middle, 10), Source.MODEL, "é"),
        Contour("uterus", ball(geometry, middle + 4, 10), Source.GUIDELINE),
        Contour("gtvp", Mask.empty(geometry), Source.MODEL),
    ]
    box = Box((1, 2, 3), (4, 6, 8))
    share = np.arange(60, dtype=np.uint8).reshape(box.shape_kji)
    border = LevelBorder(BorderKind.MIDLINE, (1.0, 2.0, 3.0), (1.0, 0.0, 0.0), "seen", True)
    return Contours(
        StructureSet.of(geometry, masks),
        {"bladder": Spread(box, share, 3)},
        {"network": 1.5},
        (border,),
        ("A finding.",),
        "engine",
        "2",
        "cpu",
        EXPECTED,
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("codec", list(Codec))
def test_a_scan_comes_back_with_its_geometry(direction: str, codec: Codec) -> None:
    geometry = grid(direction=direction)
    hu = np.random.default_rng(2).integers(-1024, 3000, geometry.shape_kji).astype(np.int16)
    header, arrays, _ = decode(ct_frame(hu, geometry, codec).to_bytes())
    found, there = hu_of(header, arrays)
    np.testing.assert_array_equal(found, hu)
    assert there == geometry


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_contours_come_back_whole(direction: str) -> None:
    sent = example(grid(direction=direction))
    header, arrays, _ = decode(contours_frame(sent).to_bytes())
    found = contours_of(header, arrays)
    assert found.masks.ids == sent.masks.ids
    for contour in sent.masks:
        other = found.masks.contours[contour.structure_id]
        assert other.mask.same_voxels(contour.mask)
        assert (other.source, other.note) == (contour.source, contour.note)
    np.testing.assert_array_equal(found.spread["bladder"].share_kji, sent.spread["bladder"].share_kji)
    assert found.spread["bladder"].box == sent.spread["bladder"].box
    assert found.spread["bladder"].members == 3
    for name in ("timings_s", "borders", "findings", "engine", "engine_version", "device", "expected"):
        assert getattr(found, name) == getattr(sent, name), name


def test_a_mask_travels_cropped_and_packed() -> None:
    geometry = grid((128, 128, 64))
    small = ball(geometry, centre(geometry), 6)
    sent = contours_frame(Contours(StructureSet.of(geometry, [Contour("bladder", small, Source.MODEL)])))
    assert len(sent) < 2000
    (array,) = sent.header.arrays
    assert array.shape_kji == small.box.shape_kji
    assert array.start_kji == small.box.start_kji


def test_contours_sent_along_leave_their_notes_behind() -> None:
    sent = context_frame(example(grid()).masks)
    assert all(note.note == "" for note in sent.header.about.structures)
    assert not sent.header.about.findings


def test_the_same_contours_have_the_same_hash_whatever_their_notes() -> None:
    plain = example(grid()).masks
    noted = plain.with_contours(Contour("bladder", plain.mask("bladder"), Source.MODEL, "another note"))
    assert context_frame(plain).sha256 == context_frame(noted).sha256


def test_one_kind_is_not_taken_for_the_other() -> None:
    geometry = grid()
    scan = decode(ct_frame(np.zeros(geometry.shape_kji, np.int16), geometry).to_bytes())
    contours = decode(contours_frame(example(geometry)).to_bytes())
    with pytest.raises(DamagedFile, match="no contours"):
        contours_of(*scan[:2])
    with pytest.raises(DamagedFile, match="no CT"):
        hu_of(*contours[:2])


def test_a_grid_that_is_no_image_is_refused() -> None:
    good = grid_of(grid())
    with pytest.raises(BadGeometry):
        geometry_of(type(good)(good.size_ijk, (1.0, 1.0, -1.0), good.origin_lps, good.direction))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"MODEL"', b'"ROBOT"'), (b'"MIDLINE"', b'"EQUATOR"'), (b'"structure":"gtvp"', b'"structure":"gtvx"')],
)
def test_words_of_another_version_are_refused(old: bytes, new: bytes) -> None:
    data = contours_frame(example(grid())).to_bytes()
    text = data[: 12 + int.from_bytes(data[8:12], "little")]
    position = text.index(old)
    changed = text[:position] + new + text[position + len(old) :]
    changed = changed.ljust(len(text)) if len(changed) < len(text) else changed
    length = (len(changed) - 12).to_bytes(4, "little")
    header, arrays, _ = decode(changed[:8] + length + changed[12:] + data[len(text) :])
    with pytest.raises(DamagedFile):
        contours_of(header, arrays)
