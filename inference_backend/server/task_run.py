"""One task in a worker: read and check the inputs, contour, check what came, write the result.

The result is written under the part name and made durable; the backend puts it in place.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting, Cancelled, DamagedFile
from AmlartContourLib.contract.frame_header import FrameLimits
from AmlartContourLib.contract.frames import Frame
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.wire import contours_frame, contours_of, hu_of
from inference_backend.engines.protocol import Cancel, Engine, Progress, PromptedEngine
from inference_backend.server.frame_files import read_frame_file
from inference_backend.server.orders import Task
from inference_backend.server.shelf import Shelf

READ, LOADED, CONTOURED = 0.01, 0.05, 0.97  # shares of the bar: an engine's own work is nearly all of it
LIMITS = FrameLimits()  # files were held to the backend's own limits when they came in


def run_task(task: Task, shelf: Shelf, progress: Progress, cancel: Cancel) -> None:
    """Runs one task. Raises Cancelled, and whatever the engine raises."""
    started = time.monotonic()
    timings: dict[str, float] = {}

    def stage(name: str, fraction: float, text: str) -> None:
        timings[name] = round(time.monotonic() - started - sum(timings.values()), 3)
        if cancel():
            raise Cancelled("The job was cancelled.")
        progress(fraction, text)

    progress(0.0, "Reading the scan")
    ct = _read_scan(task)
    context = _read_context(task, ct.geometry)
    stage("read", READ, "Loading the engine")
    kept = shelf.take(task.place)
    stage("load", LOADED, "Contouring")
    found = _contoured(kept.engine, task, ct, _within(progress, LOADED, CONTOURED), cancel, context)
    stage("contour", CONTOURED, "Packing the contours")
    result = _checked(found, task, ct.geometry)
    whole = replace(
        result,
        timings_s={**timings, **{f"contour: {name}": s for name, s in result.timings_s.items()}},
        engine=task.engine,
        engine_version=kept.version,
    )
    _write(Path(task.result), contours_frame(whole))


def _read_scan(task: Task) -> CtScan:
    header, arrays = read_frame_file(Path(task.scan), task.scan_sha256, LIMITS)
    hu_kji, geometry = hu_of(header, arrays)
    return CtScan(hu_kji=hu_kji, geometry=geometry)


def _read_context(task: Task, geometry: Geometry) -> StructureSet:
    if task.context is None or task.context_sha256 is None:
        return StructureSet(geometry)
    header, arrays = read_frame_file(Path(task.context), task.context_sha256, LIMITS)
    return contours_of(header, arrays).masks


def _within(progress: Progress, low: float, high: float) -> Progress:
    return lambda fraction, stage: progress(low + (high - low) * min(max(fraction, 0.0), 1.0), stage)


def _contoured(
    engine: Engine, task: Task, ct: CtScan, progress: Progress, cancel: Cancel, context: StructureSet
) -> Contours:
    """What the engine gives; of a prompt, one structure, changed nowhere but in the prompt's region."""
    if task.prompt is None:
        return engine.contour(ct, task.wanted, progress, cancel, context)
    if not isinstance(engine, PromptedEngine):
        raise BadSetting(f"The engine {task.engine} takes no prompts.")
    found = engine.fix(ct, task.prompt, progress, cancel, context)
    name, region = task.prompt.structure, task.prompt.region
    now = context.mask(name) if name in context else Mask.empty(ct.geometry)
    changed = found.masks.mask(name).changed_box(now)
    if changed.union(Box(region.start_kji, region.stop_kji)) != Box(region.start_kji, region.stop_kji):
        raise DamagedFile("The engine changed the contour outside the region that the prompt gives.")
    return found


def _checked(found: Contours, task: Task, geometry: Geometry) -> Contours:
    """Only what was wanted, and only on the scan's own grid."""
    geometry.require_same(found.masks.geometry, "The engine's result")
    if set(found.masks.ids) - set(task.wanted):
        raise DamagedFile("The engine gave a structure that was not asked for.")
    return found


def _write(path: Path, frame: Frame) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        for piece in frame:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
