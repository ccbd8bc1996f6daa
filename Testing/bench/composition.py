"""How fast composition follows a choice or a brush stroke, on one synthetic patient.

    python Testing/bench/composition.py [--rounds N]

A phantom of 512 x 512 x 193 voxels of 1.3 x 1.3 x 2.5 mm with a branching CTVn of about 600 cm3. One step is
the whole composition with every rule and message, plus the volume of each composite. Kinds of step are
interleaved and go there and back. Times are of the processor; `compose` is the plain function on the same
input, and after every step its result must be equal, voxel for voxel and message for message. The phantom is
made in another process, so that this one's memory is that of the composition and its libraries.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.composition import Composition, compose
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.live_composition import LiveComposition, Step
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.planning import planning_targets
from AmlartContourLib.domain.rules import Rule, check_labels
from AmlartContourLib.domain.selection import Selection
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe
from AmlartContourLib.exchange.resources import catalogue

PARTS = (
    *("cervix", "gtvp", "uterus", "vagina", "parametrium_left", "parametrium_right", "gtvn"),
    *("ln_pelvic", "ln_common_iliac", "ln_paraaortic"),
)
PTV = {"ctvp": Margin(5, 5, 10, 10, 5, 5), "ctvn": Margin.isotropic(5)}
GOAL_MS, GOAL_MB = 60, 200
Kind = tuple[str, Callable[[LiveComposition], Step], Callable[[LiveComposition], Step]]


@dataclass
class Row:
    """Processor milliseconds of one kind of step."""

    live: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)


def say(line: str = "") -> None:
    """One line on the standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def phantom() -> StructureSet:
    """The patient; only the child process imports what draws her."""
    from inference_backend.phantom.make import make_phantom
    from inference_backend.phantom.spec import PhantomSpec

    bottom = -120.0
    spec = PhantomSpec(
        matrix_ij=(512, 512),
        pixel_mm=(1.3, 1.3),
        slice_step_mm=2.5,
        bottom_mm=bottom,
        top_mm=bottom + 192 * 2.5,
        body_scale=(1.04, 1.04, 1.04),
    )
    return make_phantom(spec).truth


def blocks() -> tuple[Geometry, list[tuple[str, Box, np.ndarray]]]:
    """The phantom as plain values, which travel between processes."""
    truth = phantom()
    return truth.geometry, [(c.structure_id, c.mask.box, c.mask.block_kji) for c in truth]


def patient() -> StructureSet:
    """Drawn in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        geometry, found = pool.submit(blocks).result()
    return StructureSet.of(
        geometry, [Contour(i, Mask.from_block(b, box, geometry), Source.PHANTOM) for i, box, b in found]
    )


def milliseconds(work: Callable[[], object]) -> tuple[float, object]:
    """Processor time of one call, and what it returned."""
    started = time.process_time()
    found = work()
    return 1000 * (time.process_time() - started), found


def with_volumes(composition: Composition) -> Composition:
    """As a panel shows it: the volume of every composite."""
    for contour in composition.composites:
        contour.mask.volume_cc  # noqa: B018  counted and kept by the mask
    return composition


def stroke(structures: StructureSet, structure_id: str) -> Contour:
    """A disc of 8 mm painted on one slice at the structure's edge."""
    mask = structures.mask(structure_id)
    k = (mask.box.start_kji[0] + mask.box.stop_kji[0]) // 2
    j, i = np.argwhere(mask.window(Box((k, 0, 0), (k + 1, *mask.geometry.shape_kji[1:])))[0])[0]
    steps = np.hypot(*np.mgrid[-6:7, -6:7]) * mask.geometry.spacing_mm[0] <= 8
    box = Box((k, int(j) - 6, int(i) - 6), (k + 1, int(j) + 7, int(i) + 7))
    return Contour(structure_id, mask | Mask.from_block(steps[None], box, mask.geometry), Source.DRAWN)


def kinds(structures: StructureSet, base: Selection) -> Iterator[Kind]:
    """Each kind of step, there and back."""

    def choices(name: str, other: Selection) -> Kind:
        return name, lambda live: live.choose(other), lambda live: live.choose(base)

    yield choices("nodal level", base.without("ln_common_iliac"))
    yield choices("nodal sub-level, one side", base.without("ln_obturator_left"))
    yield choices("vaginal length", replace(base, vagina=VaginaLength(VaginaRecipe.BELOW_TUMOUR, 30)))
    yield choices("parametrium, one side", base.without("parametrium_left"))
    yield choices("rule 1", replace(base, rules_off=frozenset({Rule.DISJOINT})))
    yield choices("PTVs on and off", replace(base, ptv={} if base.ptv else PTV))
    yield choices("PTV of the CTV, 7 mm", replace(base, ptv={"ctv": Margin.isotropic(7)}))
    for structure_id in ("ln_pelvic", "cervix", "bladder"):
        edited = stroke(structures, structure_id)
        yield (
            f"stroke on {structure_id}",
            lambda live, c=edited: live.edit(c),
            lambda live: live.take(structures),
        )


def check(step: Step, plain: Composition) -> None:
    """SystemExit where a step and the plain function differ."""
    made = step.composition
    sets = ((made.composites, plain.composites), (made.used, plain.used))
    equal = made.messages == plain.messages and all(
        a.ids == b.ids and all(a.mask(i).same_voxels(b.mask(i)) for i in b.ids) for a, b in sets
    )
    if not equal:
        raise SystemExit("A step differs from the plain composition.")


def bench_steps(structures: StructureSet, base: Selection, rounds: int) -> dict[str, Row]:
    """All kinds, each round, there and back."""
    live = LiveComposition(structures, base, catalogue())
    rows: dict[str, Row] = {}
    for _ in range(rounds):
        for name, there, back in kinds(structures, base):
            for go in (there, back):
                spent, step = milliseconds(lambda g=go: _stepped(live, g))
                rows.setdefault(name, Row()).live.append(spent)
                given = (live.structures, live.selection, catalogue())
                spent, plain = milliseconds(lambda g=given: with_volumes(compose(*g)))
                rows[name].plain.append(spent)
                check(step, plain)
    return rows


def _stepped(live: LiveComposition, go: Callable[[LiveComposition], Step]) -> Step:
    step = go(live)
    with_volumes(step.composition)
    return step


def peak_mb(structures: StructureSet, base: Selection) -> float:
    """Most memory that any kind of step takes on top of the structures."""
    live = LiveComposition(structures, base, catalogue())
    todo = list(kinds(structures, base))
    tracemalloc.start()
    for _, there, back in todo:
        for go in (there, back):
            _stepped(live, go)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def most_mb() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def print_rows(title: str, rows: dict[str, Row]) -> None:
    """One table."""
    say(title)
    say(f"{'ms of processor time':28}{'steps':>6}{'median':>9}{'p95':>9}{'worst':>9}{'compose':>9}{'p95':>9}")
    for name, row in rows.items():
        live = (np.median(row.live), np.percentile(row.live, 95), max(row.live))
        plain = (np.median(row.plain), np.percentile(row.plain, 95))
        say(f"{name:28}{len(row.live):6}" + "".join(f"{value:9.1f}" for value in (*live, *plain)))
    say()


def print_single_costs(structures: StructureSet, base: Selection, rounds: int) -> None:
    """What a step is made of, and what packing would and does bring."""
    made = compose(structures, base, catalogue()).composites
    ctv, ctvn = made.mask("ctv"), made.mask("ctvn")
    box = ctv.box
    one, two = ctv.window(box), ctvn.window(box)
    words, others = (_words(block) for block in (one, two))
    targets = {i: made.mask(i) for i in ("ctvp", "ctvn", "ctv")}
    parametrium = structures.mask("parametrium")
    margin = Margin.isotropic(7)
    window = box.padded((3, 6, 6), ctv.geometry.shape_kji)
    spacing = ctv.geometry.spacing_kji_mm

    def by_distances() -> np.ndarray:
        return ndimage.distance_transform_edt(~ctv.window(window), sampling=spacing) <= 7.0001

    if not np.array_equal(by_distances(), expand(ctv, margin).window(window)):
        raise SystemExit("The margin differs from the distance map.")
    costs = {
        "first composition, new masks": lambda: compose(_copied(structures), base, catalogue()),
        "check of the labels": lambda: check_labels(structures),
        "all margins of a step": lambda: planning_targets(targets, parametrium, base.ptv),
        "7 mm round the CTV": lambda: expand(ctv, margin),
        "7 mm by a distance map": by_distances,
        "CTV & CTVn, a byte a voxel": lambda: one & two,
        "CTV & CTVn, 64 in a word": lambda: words & others,
        "packing the CTV": lambda: _words(one),
        "the box round the CTV": lambda: Box.around(one),
    }
    say(f"{'ms of processor time':28}{'median':>9}")
    for name, work in costs.items():
        spent = []
        for _ in range(rounds):
            repeats = 20 if "CTV &" in name else 1
            spent.append(milliseconds(lambda w=work, n=repeats: [w() for _ in range(n)])[0] / repeats)
        say(f"{name:28}{np.median(spent):9.3f}")
    say()


def _words(block_kji: np.ndarray) -> np.ndarray:
    width = -(-block_kji.shape[2] // 64) * 8
    packed = np.packbits(block_kji, axis=2, bitorder="little")
    return np.pad(packed, ((0, 0), (0, 0), (0, width - packed.shape[2]))).view("<u8")


def _copied(structures: StructureSet) -> StructureSet:
    """New masks of the same blocks, of which nothing is known yet."""
    return StructureSet.of(structures.geometry, [replace(c, mask=replace(c.mask)) for c in structures])


def main() -> None:
    """Runs everything and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    libraries = most_mb()
    structures = patient()
    without = Selection(PARTS, VaginaLength(VaginaRecipe.BELOW_TUMOUR, 20))
    with_ptv = replace(without, ptv=PTV)
    first = with_volumes(compose(structures, with_ptv, catalogue()))
    say(f"{len(structures)} structures on {structures.geometry.describe()}; {len(first.messages)} messages")
    say(", ".join(f"{c.structure_id} {c.mask.volume_cc:.0f}" for c in first.composites) + " cm3")
    say(f"Goal: {GOAL_MS} ms and {GOAL_MB} MB. Shared machine, synthetic anatomy.\n")
    print_rows("With PTVp and PTVn", bench_steps(structures, with_ptv, options.rounds))
    print_rows("Without PTV", bench_steps(structures, without, options.rounds))
    whole = most_mb()  # before the distance map, which is not ours
    print_single_costs(structures, with_ptv, options.rounds)
    held = sum(c.mask.block_kji.nbytes for c in structures) / 1e6
    say(f"Memory: structures {held:.0f} MB; steps at most {peak_mb(structures, with_ptv):.0f} MB more;")
    say(f"the whole process at most {whole:.0f} MB, of which its libraries {libraries:.0f} MB.")


if __name__ == "__main__":
    main()
