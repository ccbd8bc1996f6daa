"""Whether a session grows over an hour of editing: memory and time per step, on a real MRML scene.

    python Testing/bench/session.py [--minutes N]

512 x 512 x 193 voxels and 14 structures. In each minute of the script: six strokes through the segmentation
that the segment editor writes to, a toggle, an undo, a structure measured, and the slices of a scroll
displayed; the session saves itself as it would. The clock of the session is moved by hand, so an hour takes
as long as its steps do. Growth is that of the resident memory after the first ten minutes, when undo is full.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.scene.labelmaps import image_of
from AmlartContourLib.session.patient import PatientFiles, PatientSource
from support.bench_patient import bench_contours, bench_scan
from support.bench_structures import stroke
from support.workstation import Desk

EDITED = ("bladder", "cervix", "uterus", "vagina", "ln_pelvic", "ln_common_iliac")
WARM_MINUTES, STROKES, GOAL = 10, 6, 0.10
MB = 1 << 20


@dataclass(frozen=True)
class Minute:
    """Resident memory at its end, and the processor time of its strokes."""

    resident_mb: float
    stroke_ms: tuple[float, ...]


def say(line: str = "") -> None:
    """To the user of the bench."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def paint(desk: Desk, structure_id: str, mask: Mask) -> float:
    """A stroke as the segment editor hands it over: in the scene first. Processor ms until all follows."""
    session, logic = desk.session, desk.logics.segmentations
    session.editing.begin(structure_id, "Paint")
    logic.SetBinaryLabelmapToSegment(
        image_of(mask), desk.scene.working_node, structure_id, logic.MODE_REPLACE
    )
    start = time.process_time()
    session.editing.take()
    session.effort.measure(structure_id)
    return (time.process_time() - start) * 1000


def minute(desk: Desk, number: int, rng: np.random.Generator) -> Minute:
    """A minute of work."""
    session = desk.session
    spent = []
    for turn in range(STROKES):
        structure_id = EDITED[(number + turn) % len(EDITED)]
        now = session.case.structures.mask(structure_id)
        spent.append(paint(desk, structure_id, stroke(now, turn % 2 == 0, rng)))
        for axial_k in range(60, 70):
            session.review.displayed("Axial", axial_k, session.case.structures.ids)
            desk.wait(0.3)
        desk.wait(7.0)
        session.poll()
    session.editing.undo()
    chosen = "ln_paraaortic" in session.case.selection.included
    session.choices.include(["ln_paraaortic"], not chosen)
    session.effort.rows()
    session.poll()
    return Minute(psutil.Process().memory_info().rss / MB, tuple(spent))


def main() -> int:
    """Prints goal, wanted and reached; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=60)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as home:
        desk = Desk(Path(home))
        files = PatientFiles(
            PatientSource.at(Path("/bench"), name="BENCH"), bench_scan(), bench_contours(), (), ()
        )
        desk.session.open(files)
        rng = np.random.default_rng(0)
        done = [minute(desk, number, rng) for number in range(minutes)]
        edits = len(desk.session.case.record.log.entries)
        desk.session.end()
    warm = min(WARM_MINUTES, minutes // 2)
    first, last = done[warm - 1], done[-1]
    growth = last.resident_mb / first.resident_mb - 1
    early = median(ms for one in done[:warm] for ms in one.stroke_ms)
    late = median(ms for one in done[-warm:] for ms in one.stroke_ms)
    say(f"{minutes} minutes, {edits} entries of the edit log; last save at {desk.session.saving.last_saved}")
    say(f"{'goal':<44}{'wanted':>12}{'reached':>12}")
    say(f"{'growth of memory after ten minutes':<44}{'<= 10 %':>12}{growth:>11.1%}")
    memory = f"{first.resident_mb:.0f}, {last.resident_mb:.0f}"
    say(f"{'resident memory in MB, then and at the end':<44}{'':>12}{memory:>12}")
    strokes = f"{early:.0f}, {late:.0f}"
    say(f"{'processor ms of a stroke, first and last':<44}{'':>12}{strokes:>12}")
    return 0 if growth <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
