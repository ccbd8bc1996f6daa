"""All peers that measure contours, on the same eight structures in one run: time, memory, agreement, goals.

    python Testing/bench/measure_peers.py [--rounds N] [--strokes N] [--platipy PYTHON] [--crop-only]

Every program gets the same two arrays: cropped to the box round both contours with a border of one voxel (a
peer that does not crop would else only be timed at that), and once the whole 512 x 512 x 193 volume for the
nodal CTV. Each program starts its own threads; processor time counts them all. On the whole volume and for
memory each runs in a process of its own. A peer that is not installed is named and left out: `pip install
'.[bench,peers]'` brings all but plastimatch's command on some systems, and platipy, which needs pydicom below
3 and so an environment of its own, whose Python `--platipy` names. Times are the least of the rounds.
Last comes what was wanted of the measures and what was reached. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.measures.accelerator import COMPILED, NUMPY, VARIABLE
from support.bench_structures import GRID, edited_structures
from support.measure_goals import Reached, definitions, exactness, following, memory, paths, speed
from support.measured_run import Spent, spent, spent_apart
from support.peer_programs import (
    DICE_ONLY,
    DICE_ONLY_COMPILED,
    NAMES,
    OURS,
    PROGRAMS,
    SAME_SET,
    SAME_SET_COMPILED,
    Figures,
    Program,
    added_paths_mm,
    as_masks,
    installed,
)

PLATIPY = "platipy"
PLATIPY_PROGRAM = Path(__file__).resolve().parents[1] / "support" / "platipy_program.py"
WHOLE, LARGEST, SMALLEST = "ctvn", "bone", "vagina"  # for the whole volume, for memory, to warm up
BORDER = (1, 1, 1)  # voxels: some peers do not close a contour at the border of an array
PATH_TOLERANCES = (0.0, 3.0)
Arrays = tuple[np.ndarray, np.ndarray]
Paths = dict[str, tuple[Figures, float]]  # by structure: added path by tolerance, least processor ms
FOR_GOALS = {COMPILED: (SAME_SET_COMPILED, DICE_ONLY_COMPILED), NUMPY: (SAME_SET, DICE_ONLY)}
REMARKS = """\
Who measures something else, and why the numbers differ:

- surface-distance, and MONAI's surface Dice with `use_subvoxels=True`, have the same definition as ours:
  surface elements between the voxels, weighted by area.
- MONAI's surface Dice as it comes counts voxels just inside the contours, each once whatever its area, and
  its distances run between such voxels. So do medpy's and plastimatch's.
- Of the two directed 95th percentiles MONAI takes the larger, medpy that of both directions pooled, and what
  plastimatch prints is their mean where we worked it out. platipy's figure of that name is the percentile of
  the two largest distances, which lies near the Hausdorff distance and is no HD95.
- SimpleITK has no surface Dice or HD95; its rows are the usual recipe, Maurer's distance from one filled
  contour at the other's contour voxels, unweighted; platipy's distances are made the same way.
- plastimatch's figures are those marked "(boundary)"; those without the mark take in interior voxels at 0 mm.
  On some structures its Hausdorff distance is larger than everyone else's; why was not found."""


@dataclass
class Result:
    """All that was found of one program."""

    cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    wall_ms: dict[str, list[float]] = field(default_factory=dict)
    figures: dict[str, Figures] = field(default_factory=dict)
    memory_mb: float | None = None
    whole: Spent | None = None

    def add(self, name: str, one: Spent) -> None:
        """One round of one structure."""
        self.cpu_ms.setdefault(name, []).append(one.cpu_ms)
        self.wall_ms.setdefault(name, []).append(one.wall_ms)
        self.figures[name] = one.answer


def say(line: str = "") -> None:
    """One line on the standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Runs all and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strokes", type=int, default=60)
    parser.add_argument("--platipy", type=Path, help="a Python that has platipy")
    parser.add_argument("--crop-only", action="store_true", help="leave out the whole volume")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # peers use names that numpy and scipy deprecate
    say_load("begins")
    crops: dict[str, Arrays] = {}
    for edited in edited_structures():
        box = edited.before.box.union(edited.after.box).padded(BORDER, GRID.shape_kji)
        crops[edited.name] = (edited.before.window(box), edited.after.window(box))
        if edited.name == WHOLE and not given.crop_only:
            whole = (edited.before.to_array(), edited.after.to_array())
    programs = installed()
    for name in (*(p for p in PROGRAMS if p not in programs), *(() if given.platipy else (PLATIPY,))):
        say(f"{name} is not installed here and left out.")
    results = {name: Result() for name in programs}
    for name in [name for name in programs if name.startswith("ours")]:
        programs[name](*crops[SMALLEST], GRID.spacing_kji_mm)  # what numba compiles is not timed
    for name, program in programs.items():
        results[name].memory_mb = spent_apart(partial(program, *crops[LARGEST], GRID.spacing_kji_mm)).extra_mb
        if not given.crop_only:
            results[name].whole = spent_apart(partial(program, *whole, GRID.spacing_kji_mm))
    run_crops(programs, crops, given.rounds, results)
    their_paths: Paths = {}
    if given.platipy:
        volume = None if given.crop_only else whole
        results[PLATIPY], their_paths = run_platipy(given.platipy, crops, volume, given.rounds)
    print_cost(results, given.rounds)
    print_figures(results)
    print_agreement(results)
    say(REMARKS)
    print_goals(goals(results, crops, their_paths, given.rounds, given.strokes))
    say_load("ends")


def run_crops(
    programs: dict[str, Program], crops: dict[str, Arrays], rounds: int, results: dict[str, Result]
) -> None:
    """All programs take turns within a round, so that a busy machine slows all alike; one round warms up."""
    for number in range(rounds + 1):
        for structure, arrays in crops.items():
            for name, program in programs.items():
                one = spent(partial(program, *arrays, GRID.spacing_kji_mm))
                if number:
                    results[name].add(structure, one)


def run_platipy(
    python: Path, crops: dict[str, Arrays], whole: Arrays | None, rounds: int
) -> tuple[Result, Paths]:
    """The same in platipy's own environment, after the others; and its added paths."""
    alone = _platipy(python, {LARGEST: crops[LARGEST]}, 1)["figures"][LARGEST][0]
    result, found = Result(memory_mb=alone.extra_mb), _platipy(python, crops, rounds + 1)
    for structure, figures in found["figures"].items():
        for one in figures[1:]:
            result.add(structure, one)
    if whole is not None:
        result.whole = _platipy(python, {WHOLE: whole}, 1)["figures"][WHOLE][0]
    return result, {structure: _least_path(ran[1:]) for structure, ran in found["paths"].items()}


def _least_path(ran: list[Spent]) -> tuple[Figures, float]:
    return ran[-1].answer, min(one.cpu_ms for one in ran)


def our_paths(crops: dict[str, Arrays], rounds: int) -> Paths:
    """Added paths as platipy counts them, on numpy; there is no compiled way."""
    os.environ[VARIABLE] = NUMPY
    return {
        structure: _least_path(
            [
                spent(partial(added_paths_mm, *arrays, GRID.spacing_kji_mm, PATH_TOLERANCES))
                for _ in range(rounds)
            ]
        )
        for structure, arrays in crops.items()
    }


def goals(
    results: dict[str, Result], crops: dict[str, Arrays], their_paths: Paths, rounds: int, strokes: int
) -> Iterator[Reached]:
    """All goals whose peer is there."""
    least = {name: {s: min(ms) for s, ms in result.cpu_ms.items()} for name, result in results.items()}
    if "surface-distance" in results:
        yield from exactness()
    yield from speed(least, FOR_GOALS)
    yield from following(least, strokes)
    yield from memory(as_masks(*crops[LARGEST], GRID.spacing_kji_mm))
    if their_paths:
        yield from paths(our_paths(crops, rounds), their_paths)
    yield from definitions()


def print_goals(found: Iterable[Reached]) -> None:
    """As a table."""
    say("\n| goal | wanted | reached | |")
    say("| --- | --- | --- | --- |")
    for one in found:
        say(f"| {one.goal} | {one.wanted} | {one.reached} | {'met' if one.met else 'missed'} |")
    say()


def say_load(what: str) -> None:
    """How busy the machine is."""
    say(f"The run {what}; processes that wanted the {os.cpu_count()} processors: {os.getloadavg()[0]:.1f}.\n")


def _platipy(python: Path, pairs: dict[str, Arrays], rounds: int) -> dict[str, dict[str, list[Spent]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.npz"
        arrays = {
            f"{n}.{side}": a
            for n, p in pairs.items()
            for side, a in zip(("reference", "test"), p, strict=True)
        }
        np.savez_compressed(path, spacing_kji=np.asarray(GRID.spacing_kji_mm), **arrays)
        command = [str(python), "-W", "ignore", str(PLATIPY_PROGRAM), str(path), str(rounds)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {
        what: {name: [Spent(*one) for one in found] for name, found in by_name.items()}
        for what, by_name in json.loads(answer).items()
    }


def print_cost(results: dict[str, Result], rounds: int) -> None:
    """Sums over the structures of the least times, the ratio to ours, memory, and the whole volume once."""
    say(
        f"Eight structures, crops: least of {rounds} rounds, summed. Whole volume: {WHOLE}, once. "
        f"Memory: crop of {LARGEST}, and whole volume."
    )
    say()
    say("| program | CPU ms | ratio | clock ms | MB | whole: CPU ms | clock ms | MB |")
    say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    first = _sum(results[OURS].cpu_ms)
    for name, result in results.items():
        cpu = _sum(result.cpu_ms)
        cells = [f"{cpu:,.0f}", _ratio(cpu / first), f"{_sum(result.wall_ms):,.0f}", _mb(result.memory_mb)]
        whole = result.whole
        cells += (
            [f"{whole.cpu_ms:,.0f}", f"{whole.wall_ms:,.0f}", _mb(whole.extra_mb)] if whole else ["-"] * 3
        )
        say(f"| {name} | " + " | ".join(cells) + " |")
    say()


def _sum(times: dict[str, list[float]]) -> float:
    return sum(min(found) for found in times.values())


def _ratio(times: float) -> str:
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def _mb(memory: float | None) -> str:
    return "-" if memory is None else f"{memory:,.0f}"


def print_figures(results: dict[str, Result]) -> None:
    """Each program's figures of the nodal CTV."""
    say(f"What each says of {WHOLE} (lengths in mm)")
    say()
    _header()
    for name, result in results.items():
        found = result.figures[WHOLE]
        say(f"| {name} | " + " | ".join(f"{found[n]:.3f}" if n in found else "-" for n in NAMES) + " |")
    say()


def print_agreement(results: dict[str, Result]) -> None:
    """The largest difference from ours over the structures, figure by figure."""
    say("Largest difference from ours over the eight structures")
    say()
    _header()
    reference = results[OURS].figures
    for name, result in results.items():
        cells = []
        for figure in NAMES:
            apart = [abs(f[figure] - reference[s][figure]) for s, f in result.figures.items() if figure in f]
            cells.append(f"{max(apart):.1e}" if apart else "-")
        if name != OURS:
            say(f"| {name} | " + " | ".join(cells) + " |")
    say()


def _header() -> None:
    say("| program | " + " | ".join(NAMES) + " |")
    say("| " + " | ".join(["---"] * (len(NAMES) + 1)) + " |")


if __name__ == "__main__":
    main()
