"""Folds and hold-out of a cohort, by patient, the same for the same seed on every machine.

A patient's scans, and scans found to be the same, stay together. The hold-out is drawn first and belongs to
no fold; it is for one test at the end. The file is strict JSON; `nnunet_splits` gives nnU-Net's own form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.exchange.atomic import write_file

SPLITS_FILE = "splits.json"
FOLDS = 5


@dataclass(frozen=True)
class Splits(Message):
    """`folds[n]`: the cases that fold n validates on. `hold_out`: cases that training never sees."""

    seed: int
    folds: tuple[tuple[str, ...], ...]
    hold_out: tuple[str, ...]

    def __post_init__(self) -> None:
        every = [case for part in (*self.folds, self.hold_out) for case in part]
        if len(set(every)) != len(every):
            raise ValueError("a case is in two parts of the split")

    def training(self, fold: int) -> tuple[str, ...]:
        """The cases that a fold trains on: those of all other folds."""
        if not 0 <= fold < len(self.folds):
            raise BadSetting(f"There is no fold {fold}.", advice=f"Choose 0 to {len(self.folds) - 1}.")
        return tuple(case for n, part in enumerate(self.folds) if n != fold for case in part)

    def nnunet_splits(self) -> list[dict[str, list[str]]]:
        """What nnU-Net reads as splits_final.json."""
        return [{"train": sorted(self.training(n)), "val": sorted(part)} for n, part in enumerate(self.folds)]


def make_splits(
    cases: Iterable[str],
    *,
    seed: int,
    folds: int = FOLDS,
    hold_out: int = 0,
    together: Sequence[Iterable[str]] = (),
) -> Splits:
    """Draws the split. `hold_out` is a number of cases; groups of `together` are never divided.

    The order comes from a hash of seed and group, so it depends on no library's generator. BadSetting where
    there are fewer groups than folds.
    """
    groups = sorted(_groups(sorted(cases), together), key=lambda group: _draw(seed, group))
    held: list[str] = []
    while groups and len(held) + len(groups[0]) <= hold_out:
        held += groups.pop(0)
    if folds < 2 or len(groups) < folds:
        raise BadSetting(
            f"{len(groups)} patients cannot be divided into {folds} folds.",
            advice="Use fewer folds or a smaller hold-out.",
        )
    parts: list[list[str]] = [[] for _ in range(folds)]
    for group in groups:
        min(parts, key=len).extend(group)
    return Splits(seed, tuple(tuple(sorted(part)) for part in parts), tuple(sorted(held)))


def write_splits(path: Path, splits: Splits) -> None:
    """Keeps a split. ExportFailed where one is there already: a hold-out is drawn once."""
    write_file(path, (to_json(splits) + "\n").encode())


def read_splits(path: Path) -> Splits:
    """A split from its file. DamagedFile where it is none; BadSetting where it is not there."""
    try:
        return from_json(Splits, path.read_bytes())
    except OSError as error:
        raise BadSetting(
            f"{path.name} cannot be read.", advice="Make it with `amlart cohort split`."
        ) from error


def _groups(cases: Sequence[str], together: Sequence[Iterable[str]]) -> list[tuple[str, ...]]:
    """Cases that must stay together, joined through shared members."""
    leader: dict[str, str] = {case: case for case in cases}
    for group in together:
        known = [case for case in group if case in leader]
        leaders = {_root(leader, case) for case in known}
        for one in leaders:
            leader[one] = min(leaders)
    members: dict[str, list[str]] = {}
    for case in cases:
        members.setdefault(_root(leader, case), []).append(case)
    return [tuple(group) for group in members.values()]


def _root(leader: Mapping[str, str], case: str) -> str:
    while leader[case] != case:
        case = leader[case]
    return case


def _draw(seed: int, group: tuple[str, ...]) -> bytes:
    return hashlib.sha256(f"{seed}\0{group[0]}".encode()).digest()
