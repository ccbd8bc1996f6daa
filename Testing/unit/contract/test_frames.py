"""Frames: arrays to bytes and back, in any pieces; and everything that is not a frame is refused."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.bits import pack, packed_bytes, unpack
from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.frame_header import (
    ALIGNMENT,
    ArrayHeader,
    Codec,
    FrameHeader,
    FrameLimits,
    Grid,
    Kind,
    Role,
)
from AmlartContourLib.contract.frames import FrameDecoder, decode, frame_of

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
shapes = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


def grid(shape_kji: tuple[int, int, int]) -> Grid:
    k, j, i = (max(n, 1) for n in shape_kji)
    return Grid((i, j, k), (1.3, 1.1, 2.5), (-1.0, 2.0, 3.5), IDENTITY)


def header_of(role: Role, structure: str, shape_kji: tuple[int, int, int]) -> ArrayHeader:
    dtype = {Role.HU: "int16", Role.MASK: "bit", Role.SPREAD: "uint8"}[role]
    raw = replace(
        ArrayHeader(role, structure, dtype, (0, 0, 0), shape_kji, 0, Codec.ZLIB), codec=Codec.ZLIB
    ).raw_bytes
    return ArrayHeader(role, structure, dtype, (0, 0, 0), shape_kji, raw)


def ct(shape_kji: tuple[int, int, int] = (3, 4, 5), codec: Codec = Codec.NONE):
    hu = np.random.default_rng(1).integers(-1024, 3000, shape_kji).astype(np.int16)
    header = FrameHeader(Kind.CT, grid(shape_kji), (header_of(Role.HU, "", shape_kji),))
    return hu, frame_of(header, [hu], codec)


@given(shapes, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_packed_mask_comes_back(shape: tuple[int, int, int], seed: int) -> None:
    mask = np.random.default_rng(seed).random(shape) > 0.5
    packed = pack(mask)
    assert len(packed) == packed_bytes(shape)
    np.testing.assert_array_equal(unpack(packed, shape), mask)


def test_the_first_voxel_is_the_lowest_bit() -> None:
    mask = np.zeros((1, 2, 5), dtype=bool)
    mask[0, 0, 0] = mask[0, 1, 3] = True  # voxels 0 and 8 in C order
    assert pack(mask).tolist() == [1, 1]


def test_bits_beyond_the_shape_are_refused() -> None:
    with pytest.raises(DamagedFile, match="beyond its shape"):
        unpack(np.array([0b11111111], dtype=np.uint8), (1, 1, 7))
    with pytest.raises(DamagedFile, match="length"):
        unpack(np.zeros(2, dtype=np.uint8), (1, 1, 7))


@given(st.lists(st.tuples(shapes, st.booleans()), max_size=4), st.sampled_from(Codec), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_any_arrays_come_back_in_any_pieces(
    blocks: list[tuple[tuple[int, int, int], bool]], codec: Codec, piece: int
) -> None:
    rng = np.random.default_rng(0)
    headers, arrays = [], []
    for number, (shape, is_mask) in enumerate(blocks):
        role = Role.MASK if is_mask else Role.SPREAD
        headers.append(header_of(role, f"s{number}", shape))
        arrays.append(pack(rng.random(shape) > 0.5) if is_mask else rng.integers(0, 256, shape, np.uint8))
    sent = frame_of(FrameHeader(Kind.CONTOURS, grid((9, 9, 9)), tuple(headers)), arrays, codec)
    data = sent.to_bytes()
    assert len(sent) == len(data)
    pieces = (data[start : start + piece] for start in range(0, len(data), piece))
    header, found, sha256 = decode(pieces)
    assert (header, sha256) == (sent.header, sent.sha256)
    for one, other in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_content_hash_does_not_depend_on_the_codec_but_on_all_else() -> None:
    hu, plain = ct()
    _, small = ct(codec=Codec.ZLIB)
    assert plain.sha256 == small.sha256
    moved = replace(plain.header, grid=replace(plain.header.grid, origin_lps=(0.0, 0.0, 0.0)))
    assert frame_of(moved, [hu], Codec.NONE).sha256 != plain.sha256
    changed = hu.copy()
    changed[0, 0, 0] += 1
    assert frame_of(plain.header, [changed], Codec.NONE).sha256 != plain.sha256


def test_byte_order_and_memory_order_of_the_source_do_not_matter() -> None:
    hu, sent = ct()
    for other in (hu.astype(">i2"), np.asfortranarray(hu), hu[::-1][::-1]):
        assert frame_of(sent.header, [other], Codec.NONE).to_bytes() == sent.to_bytes()


def test_arrays_begin_at_a_round_place() -> None:
    _, sent = ct()
    assert len(sent.header.to_bytes()) % ALIGNMENT == 0
    assert sent.to_bytes()[:8] == b"AMLFRM1\n"


@pytest.mark.parametrize("codec", list(Codec))
def test_every_cut_is_noticed(codec: Codec) -> None:
    _, sent = ct((2, 2, 3), codec)
    data = sent.to_bytes()
    for length in range(len(data)):
        with pytest.raises(DamagedFile):
            decode(data[:length])


@pytest.mark.parametrize("codec", list(Codec))
def test_every_added_byte_is_noticed(codec: Codec) -> None:
    _, sent = ct((2, 2, 3), codec)
    with pytest.raises(DamagedFile, match="more than its header says"):
        decode(sent.to_bytes() + b"\0")


def test_a_changed_byte_of_a_compressed_array_is_noticed() -> None:
    _, sent = ct((4, 4, 4), Codec.ZLIB)
    data = bytearray(sent.to_bytes())
    data[-3] ^= 1
    with pytest.raises(DamagedFile, match="cannot be decoded"):
        decode(bytes(data))


def test_a_bomb_is_stopped_at_the_first_byte_too_many() -> None:
    """1 GB of zeros behind a header that announces 2 x 2 x 3 voxels: no more than those is ever decoded."""
    _, sent = ct((2, 2, 3), Codec.ZLIB)
    squeeze = zlib.compressobj(9)
    bomb = b"".join(squeeze.compress(b"\0" * (1 << 20)) for _ in range(256)) + squeeze.flush()
    header = replace(sent.header, arrays=(replace(sent.header.arrays[0], stored_bytes=len(bomb)),))
    taken: list[int] = []
    decoder = FrameDecoder(lambda _: lambda _number, raw: taken.append(len(raw)))
    decoder.feed(header.to_bytes())
    with pytest.raises(DamagedFile, match="more than its header says"):
        decoder.feed(bomb)
    assert sum(taken) <= 24


def test_a_compressed_array_that_falls_short_is_noticed() -> None:
    _, sent = ct((2, 2, 3), Codec.ZLIB)
    short = zlib.compress(b"\0" * 10)
    header = replace(sent.header, arrays=(replace(sent.header.arrays[0], stored_bytes=len(short)),))
    with pytest.raises(DamagedFile, match="less than its header says"):
        decode(header.to_bytes() + short)
    hidden = zlib.compress(b"\0" * 24) + b"hidden"
    header = replace(sent.header, arrays=(replace(sent.header.arrays[0], stored_bytes=len(hidden)),))
    with pytest.raises(DamagedFile):
        decode(header.to_bytes() + hidden)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (FrameLimits(axis=4), "voxels"),
        (FrameLimits(voxels=59), "voxels"),
        (FrameLimits(raw_bytes=119), "bytes of arrays"),
        (FrameLimits(arrays=0), "arrays"),
        (FrameLimits(header_bytes=100), "header"),
    ],
)
def test_limits_hold_before_any_array_is_read(limits: FrameLimits, words: str) -> None:
    _, sent = ct()
    decoder = FrameDecoder(lambda _: lambda _number, _raw: None, limits)
    with pytest.raises(TooLarge, match=words):
        decoder.feed(sent.header.to_bytes())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("kind", "mr"),
        ("arrays", []),
        ("array.dtype", "float32"),
        ("array.order", "F"),
        ("array.codec", "lz4"),
        ("array.shape_kji", [3, 4, 6]),
        ("array.shape_kji", [-1, 4, 5]),
        ("array.start_kji", [1, 0, 0]),
        ("array.stored_bytes", 119),
        ("array.stored_bytes", -1),
        ("array.structure", "bladder"),
        ("array.role", "mask"),
        ("grid.size_ijk", [0, 4, 3]),
        ("grid.spacing_mm", [1.0, None, 1.0]),
        ("grid.direction", [1.0] * 8),
    ],
)
def test_a_header_that_does_not_hold_together_is_refused(place: str, value: object) -> None:
    _, sent = ct()
    plain = json.loads(sent.header.to_bytes()[12:])
    where, _, last = place.rpartition(".")
    inner = {"": plain, "array": plain["arrays"][0], "grid": plain["grid"]}[where]
    inner[last] = value
    text = json.dumps(plain).encode()
    with pytest.raises(DamagedFile):
        decode(b"AMLFRM1\n" + len(text).to_bytes(4, "little") + text)


def test_one_structure_comes_once() -> None:
    arrays = (header_of(Role.MASK, "bladder", (1, 1, 1)),) * 2
    with pytest.raises(ValueError, match="twice"):
        FrameHeader(Kind.CONTOURS, grid((1, 1, 1)), arrays)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    for start in (b"", b"AMLFRM1\n", b"AMLFRM1\n\x10\0\0\0"):
        with pytest.raises((DamagedFile, TooLarge)):
            decode(start + data)
