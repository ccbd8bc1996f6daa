"""Damaged files are refused by name with a word for the user; no other exception ever gets out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.errors import AmlartError, DamagedFile
from AmlartContourLib.exchange.ct_in import read_ct
from support.dicom_series import ct_slices, hounsfield, write_series, write_slices
from support.shapes import grid

GRID = grid((16, 12, 5))
HU = hounsfield(GRID)
RNG = np.random.default_rng(11)


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * share)]


def one_byte_short(content: bytes) -> bytes:
    return content[:-1]


def longer(content: bytes) -> bytes:
    """The length of the pixels says more than the image holds."""
    pixels = 16 * 12 * 2
    return content[: -pixels - 4] + (pixels + 200).to_bytes(4, "little") + content[-pixels:] + b"\0" * 200


@pytest.mark.parametrize("number", [0, 2, 4], ids=["first", "middle", "last"])
@pytest.mark.parametrize(
    "harm",
    [cut(0.0), cut(0.02), cut(0.3), cut(0.6), cut(0.9), one_byte_short, longer, lambda c: RNG.bytes(len(c))],
    ids=["empty", "in the preamble", "in the header", "60 %", "90 %", "one byte", "too long", "random"],
)
def test_a_damaged_slice_is_refused_wherever_it_lies(
    harm: Callable[[bytes], bytes], number: int, tmp_path: Path
) -> None:
    paths = write_series(tmp_path, GRID, HU)
    paths[number].write_bytes(harm(paths[number].read_bytes()))
    with pytest.raises(AmlartError, match=paths[number].name) as caught:
        read_ct(tmp_path)
    assert caught.value.advice


def test_an_empty_file_without_ending_is_refused(tmp_path: Path) -> None:
    write_slices(tmp_path, ct_slices(GRID, HU), name="IM{}")
    (tmp_path / "IM6").write_bytes(b"")
    with pytest.raises(DamagedFile, match="IM6 is empty"):
        read_ct(tmp_path)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path, GRID, HU)
    real_open = Path.open

    def no_entry(self: Path, *args: object, **kwargs: object) -> object:
        if self.name == "IM0002.dcm":
            raise PermissionError(13, "Permission denied", str(self))
        return real_open(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", no_entry)
    with pytest.raises(DamagedFile, match=r"IM0002\.dcm cannot be opened"):
        read_ct(tmp_path)


def test_bytes_changed_at_random_give_a_scan_or_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    paths = write_series(tmp_path, GRID, HU)
    path = paths[2]
    whole = path.read_bytes()
    header = len(whole) - 16 * 12 * 2
    outcomes = set()
    for _ in range(250):
        content = bytearray(whole)
        for place in RNG.integers(0, header, RNG.integers(1, 12)):
            content[place] = RNG.integers(0, 256)
        path.write_bytes(bytes(content))
        try:
            outcomes.add(type(read_ct(tmp_path)).__name__)
        except AmlartError as error:
            outcomes.add(type(error).__name__)
    assert len(outcomes) >= 4


def test_blocks_cut_out_of_a_header_give_a_scan_or_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    paths = write_series(tmp_path, GRID, HU)
    path = paths[2]
    whole = path.read_bytes()
    refused = 0
    for _ in range(100):
        start = int(RNG.integers(128, len(whole) - 50))
        path.write_bytes(whole[:start] + whole[start + int(RNG.integers(1, 50)) :])
        try:
            read_ct(tmp_path)
        except AmlartError:
            refused += 1
    assert refused > 50
