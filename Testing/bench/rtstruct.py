"""RTSTRUCT out and in against peers: time, size, conformity, and whether the voxels come back.

    python Testing/bench/rtstruct.py [--rounds N] [--coarser N]

Eight synthetic structures on 512 x 512 x 193 voxels. Every program starts from the folder of CT slices and
arrays in memory and reads what it wants of the folder within its time; the time to start a program and to
import its libraries is left out. Rounds are interleaved, so a busy machine slows all alike; times are medians
by the clock, and of the processor in brackets. A peer that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct
from support.bench_structures import GRID, edited_structures
from support.rt_peers import READERS, WRITERS, Spent, dciodvfy_errors, is_here, peer_reads, peer_writes
from support.rtstruct_files import ct_series, structures

OURS = "AmlartContour"


@dataclass
class Row:
    """What one program showed over the rounds."""

    spent: list[Spent] = field(default_factory=list)
    megabytes: float = 0.0
    errors: str = "-"
    wrong_voxels: int = 0

    @property
    def wall_s(self) -> float:
        return float(np.median([spent.wall_s for spent in self.spent]))

    @property
    def processor_s(self) -> float:
        return float(np.median([spent.processor_s for spent in self.spent]))


def say(line: str = "") -> None:
    """One line on the standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def timed(work: Callable[[], object]) -> Spent:
    """Runs something in this process."""
    before, started = os.times(), time.perf_counter()
    work()
    spent, after = time.perf_counter() - started, os.times()
    return Spent(spent, sum(after[:4]) - sum(before[:4]))


def contours(coarser: int) -> StructureSet:
    """The eight structures, every n-th voxel of them."""
    size = tuple(-(-n // coarser) for n in GRID.size_ijk)
    geometry = Geometry.from_matrix(
        size, [v * coarser for v in GRID.spacing_mm], GRID.origin_lps, GRID.direction
    )
    step = slice(None, None, coarser)
    masks = {
        e.name.replace("bone", "body"): e.after.to_array()[step, step, step] for e in edited_structures()
    }
    return structures(geometry, **masks)


def headers_of(ct: Path) -> tuple[Dataset, ...]:
    """As a program that starts from the folder must: read every slice's header."""
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in ct.iterdir()]
    return tuple(sorted(headers, key=lambda header: int(header.InstanceNumber)))


def bench_export(given: StructureSet, ct: Path, folder: Path, rounds: int) -> dict[str, Row]:
    """Each writer, each round."""
    rows = {OURS: Row(), **{peer: Row() for peer in WRITERS if is_here(peer)}}
    arrays = {contour.structure_id: contour.mask.to_array() for contour in given}
    for _ in range(rounds):
        for program, row in rows.items():
            path = folder / f"{program}.dcm"
            path.unlink(missing_ok=True)
            if program == OURS:
                row.spent.append(timed(lambda p=path: write_rtstruct(p, given, headers_of(ct), catalogue())))
            else:
                row.spent.append(peer_writes(program, path, ct, arrays))
    for program, row in rows.items():
        path = folder / f"{program}.dcm"
        row.megabytes = path.stat().st_size / 1e6
        if shutil.which("dciodvfy"):
            row.errors = str(len(dciodvfy_errors(path)))
    return rows


def bench_import(given: StructureSet, ct: Path, rtstruct: Path, rounds: int) -> dict[str, Row]:
    """Each reader on our file, each round; the voxels that differ from those given."""
    rows = {OURS: Row(), **{peer: Row() for peer in READERS if is_here(peer)}}
    names = {catalogue()[i].roi_name.casefold(): i for i in given.ids}
    for _ in range(rounds):
        for program, row in rows.items():
            if program == OURS:
                found = []
                row.spent.append(
                    timed(
                        lambda f=found: f.append(
                            read_rtstruct(rtstruct, given.geometry, catalogue(), headers=headers_of(ct))
                        )
                    )
                )
                read = {c.structure_id: c.mask.to_array() for c in found[0].structures}
            else:
                masks, spent = peer_reads(program, rtstruct, ct)
                row.spent.append(spent)
                read = {names[name.casefold()]: mask for name, mask in masks.items()}
            row.wrong_voxels = sum(
                int(np.count_nonzero(read[c.structure_id] != c.mask.to_array())) for c in given
            )
    return rows


def print_rows(title: str, rows: dict[str, Row], last: str, value: Callable[[Row], str]) -> None:
    """One table; ratios are to ours."""
    say(title)
    say(f"{'':28}{'wall s':>9}{'(cpu s)':>10}{'ratio':>8}{'(cpu)':>8}  {last}")
    ours = rows[OURS]
    for program, row in rows.items():
        ratios = f"{row.wall_s / ours.wall_s:8.1f}{row.processor_s / ours.processor_s:8.1f}"
        say(f"{program:28}{row.wall_s:9.2f}{f'({row.processor_s:.2f})':>10}{ratios}  {value(row)}")
    say()


def main() -> None:
    """Runs all rounds and prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--coarser", type=int, default=1, help="take every n-th voxel along each axis")
    options = parser.parse_args()
    for peer in sorted({*WRITERS, *READERS}):
        if not is_here(peer):
            say(f"{peer} is not installed and left out.")
    given = contours(options.coarser)
    say(f"{len(given)} structures on {given.geometry.describe()}, medians of {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ct_series(folder / "ct", given.geometry)
        out = bench_export(given, folder / "ct", folder, options.rounds)
        smallest = out[OURS].megabytes
        print_rows(
            "Export",
            out,
            "MB (of ours), dciodvfy errors",
            lambda row: f"{row.megabytes:.2f} ({row.megabytes / smallest:.2f}), {row.errors}",
        )
        back = bench_import(given, folder / "ct", folder / f"{OURS}.dcm", options.rounds)
        print_rows("Import of our file", back, "voxels that differ", lambda row: str(row.wrong_voxels))


if __name__ == "__main__":
    main()
