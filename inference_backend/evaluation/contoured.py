"""An engine's contours of a whole cohort, kept as masks with the time and memory of each run.

    FOLDER/<case>/masks/<id>.nii.gz
    FOLDER/<case>/run.json          seconds, peak memory, or why there are none

A case that is there is not contoured again, so a run goes on where it was ended. An engine that refuses or
breaks on a case is a failure of that case, never an end of the run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from AmlartContourLib.contract.errors import AmlartError
from AmlartContourLib.contract.strict_json import Message, from_json, to_json
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from AmlartContourLib.exchange.nifti_out import write_masks
from inference_backend.dataset.cohort import Cohort, CohortCase, read_case
from inference_backend.engines.protocol import Engine

LOG = logging.getLogger(__name__)
RUN_FILE, MASKS = "run.json", "masks"
SAMPLE_S = 0.05
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Run(Message):
    """What one case took. `peak_bytes`: highest memory of this process meanwhile, libraries included.
    `failure`: why there are no contours, None where there are."""

    seconds: float
    peak_bytes: int
    failure: str | None = None


def contour_cohort(
    engine: Engine, cohort: Cohort, cases: tuple[CohortCase, ...], folder: Path, report: Report, device: str
) -> None:
    """Contours the cases that have no result yet. The engine gets no contours to start from."""
    waiting = [case for case in cases if not (folder / case.id / RUN_FILE).exists()]
    if not waiting:
        return
    wanted = tuple(engine.describe().gives)
    engine.load(device)
    try:
        for number, case in enumerate(waiting):
            report(number / len(waiting), case.id)
            _contour(engine, wanted, cohort, case, folder / case.id)
    finally:
        engine.unload()


def read_run(folder: Path) -> Run | None:
    """The run of one case; None for contours that came from elsewhere."""
    path = folder / RUN_FILE
    return from_json(Run, path.read_bytes()) if path.exists() else None


def _contour(engine: Engine, wanted: tuple[str, ...], cohort: Cohort, case: CohortCase, target: Path) -> None:
    try:
        scan = read_case(case, cohort.form).scan
    except AmlartError:
        return  # measuring says so; once the case is mended it is contoured
    started, failure = time.monotonic(), None
    masks = StructureSet(scan.geometry)
    with _peak() as peak:
        try:
            masks = engine.contour(scan, wanted, lambda _f, _s: None, lambda: False, masks).masks
        except AmlartError as error:
            failure = error.what
        except Exception as error:  # an engine's boundary: what breaks on one case is that case's failure
            LOG.warning("an engine broke on a case", exc_info=error)
            failure = f"It broke ({type(error).__name__})."
    run = Run(round(time.monotonic() - started, 3), peak[0], failure)

    def fill(unfinished: Path) -> None:
        (unfinished / MASKS).mkdir()
        write_masks(unfinished / MASKS, masks)
        (unfinished / RUN_FILE).write_text(to_json(run), encoding="utf-8")

    write_folder(target, fill, IfExists.REPLACE)


@contextmanager
def _peak() -> Iterator[list[int]]:
    """The highest resident memory of this process while the block lasts, sampled."""
    process, ended = psutil.Process(), threading.Event()
    highest = [process.memory_info().rss]

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield highest
    finally:
        ended.set()
        watcher.join()
