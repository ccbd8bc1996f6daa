"""What one call costs: processor time, time by the clock, memory. Standard library only, for any interpreter.

Time and memory are taken in calls of their own: freeing what the C library keeps for later, without which the
peak says little, has every page be made anew, which costs small arrays more than their work.
Processor time counts all threads and finished child processes. Memory is how far the resident memory of this
process rose above where it was, or that of the largest child where that is more; it is None where the system
does not tell.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
RESET_PEAK = "5"  # what proc(5) wants written so that the peak starts anew


@dataclass(frozen=True)
class Spent:
    """One call: its answer and its cost."""

    answer: Any
    cpu_ms: float
    wall_ms: float
    extra_mb: float | None


def spent(call: Callable[[], Any]) -> Spent:
    """Runs the call once, in a process as the calls before left it; memory is not looked at."""
    cpu, wall = _cpu(), time.perf_counter()
    answer = call()
    cpu_ms, wall_ms = (_cpu() - cpu) * 1000, (time.perf_counter() - wall) * 1000
    return Spent(answer, cpu_ms, wall_ms, None)


def spent_with_memory(call: Callable[[], Any]) -> Spent:
    """Runs the call once, with its memory; its time includes what a first call in a process costs."""
    _give_back()
    before_mb = _resident_mb("VmRSS")
    if before_mb is not None:
        CLEAR.write_text(RESET_PEAK)
    once = spent(call)
    peak_mb = _resident_mb("VmHWM")
    extra_mb = None if before_mb is None or peak_mb is None else max(peak_mb - before_mb, _children_mb())
    return replace(once, extra_mb=extra_mb)


def spent_apart(call: Callable[[], Any]) -> Spent:
    """Runs the call once in a process of its own that starts as a copy of this one."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(there, call))
    child.start()
    there.close()
    try:
        answer: Spent = here.recv()
    finally:
        child.join()
    return answer


def _send(there: Connection, call: Callable[[], Any]) -> None:
    there.send(spent_with_memory(call))


def _give_back() -> None:
    """Free memory that the C library keeps for later would hide what the call takes."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _children_mb() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def _resident_mb(name: str) -> float | None:
    if not CLEAR.exists():
        return None
    lines = STATUS.read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1]) / 1000
