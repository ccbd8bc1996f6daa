"""How a job can end without contours, in words: what happened, what was kept, what to do."""

from __future__ import annotations

import errno

from AmlartContourLib.contract.problems import Code, Problem

KEPT = "The scan and the request are kept."
KILLED = (-9, 137)  # how the system ends a process when memory runs out

INTERRUPTED = Problem(
    "interrupted",
    "The backend ended while this job ran.",
    KEPT,
    "Resume the job: `amlart jobs resume`.",
)
RESULT_GONE = Problem(
    "result_missing",
    "The result of this job is no longer on the backend's disk.",
    "The request is kept.",
    "Resume the job: `amlart jobs resume`.",
)
GONE = Problem(
    Code.ENGINE_UNAVAILABLE.value,
    "The engine or the upload of this job is no longer there.",
    "The request is kept.",
    "Send the scan again, or install the engine; then resume the job.",
)
TOO_LONG = Problem(
    "too_long",
    "The job took longer than this backend allows.",
    KEPT,
    "Use a smaller scan or a faster device, or raise --job-minutes.",
)


def out_of_memory(peak_bytes: int | None = None) -> Problem:
    """For a job that took more memory than there is."""
    peak = f" It had taken {peak_bytes / 2**30:.1f} GiB." if peak_bytes else ""
    return Problem(
        "out_of_memory",
        f"The engine probably ran out of memory.{peak}",
        KEPT,
        "Close other programs, or use a smaller scan or a machine with more memory; then resume the job.",
    )


def no_sign_of_life(seconds: float, peak_bytes: int) -> Problem:
    """For a worker that fell silent."""
    return Problem(
        "no_sign_of_life",
        f"The engine gave no sign of life for {seconds:.0f} s, with {peak_bytes / 2**30:.1f} GiB of memory "
        "taken; it was ended.",
        KEPT,
        "Close other programs, or use a smaller scan; then resume the job.",
    )


def unexpected(error: Exception) -> Problem:
    """For a fault of the software: its kind, never its text, which can hold anything."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        what = "The result could not be written: the disk is full."
        return Problem(Code.DISK_FULL.value, what, KEPT, "Free some space, then resume the job.")
    return Problem(
        Code.INTERNAL.value,
        f"Something unexpected happened in the engine ({type(error).__name__}).",
        KEPT,
        "Resume the job; if it happens again, report this text.",
    )


def worker_died(exit_code: int | None, peak_bytes: int) -> Problem:
    """For a worker that ended by itself."""
    if exit_code in KILLED:
        return out_of_memory(peak_bytes)
    return Problem(
        Code.INTERNAL.value,
        f"The engine's process ended by itself (exit code {exit_code}).",
        KEPT,
        "Resume the job; if it happens again, report this text.",
    )
