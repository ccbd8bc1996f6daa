"""Our own measures structure by structure, in both ways, beside the published implementation in the same run.

    python Testing/bench/measures.py [--rounds N] [--strokes N]

`measure_peers.py` has all peers and the goals; this is for looking at what takes how long. Both get the same
two contours, cropped to the box round both. Rounds are interleaved, so a busy machine slows all alike; times
are the least of processor time. Then: strokes on one slice of a large structure and of each of the eight, and
the two definitions against a finer grid, in several positions of the grid.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures import accelerator
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.surface_distance import surface_distances
from support.bench_strokes import stroke_ms, strokes
from support.bench_structures import Edited, edited_structures, large_nodal_ctv
from support.definition_errors import definition_errors, mean

TOLERANCES = (1.0, 2.0, 3.0)
Figures = dict[str, float]  # by the names in NAMES; a program gives those it has
NAMES = ("sD@1", "sD@2", "sD@3", "HD95", "HD", "ASSD")
Case = tuple[Mask, Mask]
Program = Callable[[Case], Figures]


def ours_surface(case: Case) -> Figures:
    """What surface-distance returns, and no more."""
    found = surface_distances(pair(*case))
    values = [*(found.surface_dice(t) for t in TOLERANCES), found.percentile_mm(95), found.hausdorff_mm]
    values.append(found.average_symmetric_mm)
    return dict(zip(NAMES, (float(v) for v in values if v is not None), strict=True))


def ours_everything(case: Case) -> Figures:
    """The whole comparison: overlap, path length, direction and slices too."""
    found = compare(*case, tolerance_mm=3.0, extra_tolerances_mm=TOLERANCES)
    dice = {r.tolerance_mm: r.surface_dice for r in found.redraws}
    surface = found.surface
    values = [*(dice[t] for t in TOLERANCES), surface.hd95_mm, surface.hausdorff_mm]
    values.append(surface.average_symmetric_mm)
    return dict(zip(NAMES, (float(v) for v in values if v is not None), strict=True))


def deepmind(case: Case) -> Figures:
    """The published implementation of the same definition; it has no average over both surfaces."""
    import surface_distance

    arrays = [mask.block_kji for mask in case] if case[0].box == case[1].box else [m.to_array() for m in case]
    found = surface_distance.compute_surface_distances(*arrays, case[0].geometry.spacing_kji_mm)
    surface_distance.compute_average_surface_distance(found)
    values = [surface_distance.compute_surface_dice_at_tolerance(found, t) for t in TOLERANCES]
    values += [surface_distance.compute_robust_hausdorff(found, percent) for percent in (95, 100)]
    return dict(zip(NAMES, values, strict=False))


def ours_dice(case: Case) -> Figures:
    """Surface Dice at the tolerances only."""
    dice = surface_distances(pair(*case)).surface_dice
    return {name: dice(t) or 0.0 for name, t in zip(NAMES, TOLERANCES, strict=False)}


def choose(way: str) -> None:
    """From now on ours runs in this way."""
    os.environ[accelerator.VARIABLE] = way


def in_way(way: str, program: Program) -> Program:
    """The program run in this way."""

    def run(case: Case) -> Figures:
        choose(way)
        return program(case)

    return run


WAYS = [accelerator.NUMPY] if accelerator.kernels() is None else [accelerator.COMPILED, accelerator.NUMPY]
OURS = {"surface figures": ours_surface, "surface Dice": ours_dice, "everything": ours_everything}
PEERS: dict[str, Program] = {"surface-distance": deepmind}


def cropped(edited: Edited) -> Case:
    """Both contours on a grid of their own union box."""
    box = edited.before.box.union(edited.after.box)
    geometry = Geometry(box.shape_kji[::-1], edited.before.geometry.spacing_mm)
    before, after = (Mask.from_array(mask.window(box), geometry) for mask in (edited.before, edited.after))
    return before, after


def say(line: str = "") -> None:
    """One line on the standard output."""
    sys.stdout.write(line + "\n")


def timed(program: Program, case: Case) -> tuple[float, Figures]:
    """Processor time in ms, and the figures."""
    start = time.process_time()
    figures = program(case)
    return (time.process_time() - start) * 1000, figures


def peak_mb(program: Program, case: Case) -> float:
    """Most memory at once that Python and numpy took."""
    tracemalloc.start()
    program(case)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def main() -> None:
    """Runs all rounds and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--strokes", type=int, default=200)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # surface-distance uses names that scipy deprecates
    programs = {f"{name}, {way}": in_way(way, run) for way in WAYS for name, run in OURS.items()} | PEERS
    try:
        import surface_distance  # noqa: F401
    except ImportError:
        say("surface-distance is not installed and left out.")
        del programs["surface-distance"]
    cases = {edited.name: cropped(edited) for edited in edited_structures()}
    times: dict[str, dict[str, list[float]]] = {p: {name: [] for name in cases} for p in programs}
    figures: dict[str, dict[str, Figures]] = {p: {} for p in programs}
    for _ in range(arguments.rounds):
        for name, case in cases.items():
            for program, run in programs.items():
                spent, figures[program][name] = timed(run, case)
                times[program][name].append(spent)
    print_times(times, arguments.rounds)
    print_memory(programs, cases["bone"])
    print_agreement(figures)
    peer = times.get("surface-distance", {})
    print_strokes(arguments.strokes, {name: min(found) for name, found in peer.items()})
    print_definitions()


def print_times(times: dict[str, dict[str, list[float]]], rounds: int) -> None:
    """Least times per structure, their sum, and each program's ratio to ours."""
    names = list(next(iter(times.values())))
    say(f"Processor time in ms, least of {rounds} rounds, 512 x 512 x 193 at 1.3 x 1.3 x 2.5 mm, cropped")
    say(f"{'':28}" + "".join(f"{name:>12}" for name in names) + f"{'all':>10}{'ratio':>8}")
    sums = {program: sum(min(times[program][name]) for name in names) for program in times}
    basis = "surface-distance" if "surface-distance" in times else next(iter(times))
    say(f"ratio: how many times sooner than {basis}")
    for program, by_name in times.items():
        row = "".join(f"{min(by_name[name]):12.1f}" for name in names)
        say(f"{program:28}{row}{sums[program]:10.1f}{sums[basis] / sums[program]:8.1f}")
    say()


def print_memory(programs: dict[str, Program], case: Case) -> None:
    """Peak memory of the largest structure."""
    say("Peak memory in MB for bone")
    for program, run in programs.items():
        say(f"{program:28}{peak_mb(run, case):12.1f}")
    say()


def print_agreement(figures: dict[str, dict[str, Figures]]) -> None:
    """The largest difference from ours over the structures, figure by figure."""
    first = next(iter(figures))
    say("Largest difference from ours over the eight structures (sD without unit, others mm)")
    say(f"{'':28}" + "".join(f"{name:>11}" for name in NAMES))
    for program, by_name in figures.items():
        cells = []
        for figure in NAMES:
            both = [
                (given[figure], figures[first][n][figure]) for n, given in by_name.items() if figure in given
            ]
            cells.append(f"{max(abs(a - b) for a, b in both):11.1e}" if both else f"{'-':>11}")
        say(f"{program:28}" + "".join(cells))


def print_strokes(count: int, peer_ms: dict[str, float]) -> None:
    """One large structure with every figure, then all eight with what a stroke renews at once."""
    large = large_nodal_ctv()
    made = strokes(large, count)
    say(f"\n{count} strokes on one slice of {large.before.volume_cc:.0f} cm3, processor time in ms, p50, p95")
    for way in WAYS:
        choose(way)
        for what, told, everything in (
            ("headline, told where", True, False),
            ("headline", False, False),
            ("every figure", False, True),
        ):
            middle, most = np.percentile(stroke_ms(large, made, TOLERANCES, told, everything), [50, 95])
            say(f"{way:12}{what:24}{middle:8.2f}{most:8.2f}")
    say(f"\n{count} strokes on each structure, headline, told where, processor time in ms; ratio of p50")
    for way in WAYS:
        choose(way)
        found = {e.name: stroke_ms(e, strokes(e, count), TOLERANCES) for e in edited_structures()}
        for name, spent in found.items():
            middle, most = np.percentile(spent, [50, 95])
            ratio = f"{peer_ms[name] / middle:8.0f} x" if name in peer_ms else ""
            say(f"{way:12}{name:16}{middle:8.3f}{most:8.3f}{ratio}")
        total = sum(float(np.median(spent)) for spent in found.values())
        say(
            f"{way:12}{'all':16}{total:8.3f}{'':8}"
            + (f"{sum(peer_ms.values()) / total:8.0f} x" if peer_ms else "")
        )


def print_definitions() -> None:
    """Both definitions' average symmetric distance against meshes on a grid four times finer."""
    say("\nAverage symmetric distance in mm, 1.3 x 1.3 x 2.5 mm; how far each definition is off")
    columns = ("finer grid", "elements", "least", "most", "meshes", "least", "most")
    say(f"{'':16}" + "".join(f"{name:>11}" for name in columns))
    for found in definition_errors():
        cells = "".join(
            f"{mean(errors):+11.3f}{min(errors):+11.3f}{max(errors):+11.3f}"
            for errors in (found.elements_mm, found.meshes_mm)
        )
        say(f"{found.name:16}{found.expected_mm:11.3f}{cells}")


if __name__ == "__main__":
    main()
