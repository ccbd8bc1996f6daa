"""What to do when a device runs out of memory: smaller windows, then the CPU, and a sentence for the user."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from AmlartContourLib.domain.box import Index3
from inference_backend.inference.devices import Runtime

T = TypeVar("T")
LEAST_SIDE = 32  # voxels: below it a window shows too little of the patient
CPU_WORDS = ("can't allocate memory", "not enough memory")  # of torch's RuntimeError on the CPU


@dataclass(frozen=True)
class Attempt:
    """One way to run: where, and with windows of which size."""

    runtime: Runtime
    side_kji: Index3


def with_fallback(
    first: Attempt, multiple: int, run: Callable[[Attempt], T], tell: Callable[[str], None]
) -> tuple[T, Attempt]:
    """Runs, and again with less where memory runs out; gives the result and the attempt that gave it.

    `multiple`: what a window's sides are multiples of. `tell` takes a finding for each step down. MemoryError
    where the smallest windows on the CPU are too much.
    """
    asked = first
    for attempt in attempts(first, multiple):
        if attempt != first:
            tell(_words(asked, attempt))
        try:
            return run(attempt), attempt
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        asked = attempt
        _free()
    raise MemoryError


def attempts(first: Attempt, multiple: int) -> Iterator[Attempt]:
    """The first; with the longest side halved again and again; then the same on the CPU."""
    runtimes = [first.runtime]
    if first.runtime.on_gpu:
        runtimes.append(replace(first.runtime, device="cpu"))
    for runtime in runtimes:
        side: Index3 | None = first.side_kji
        while side is not None:
            yield Attempt(runtime, side)
            side = _halved(side, multiple)


def is_out_of_memory(error: BaseException) -> bool:
    """True for every way in which torch and Python say that memory has run out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in CPU_WORDS)


def _halved(side_kji: Index3, multiple: int) -> Index3 | None:
    sides = list(side_kji)
    longest = sides.index(max(sides))
    half = -(-sides[longest] // (2 * multiple)) * multiple
    if half >= sides[longest] or half < LEAST_SIDE:
        return None
    sides[longest] = half
    k, j, i = sides
    return k, j, i


def _words(before: Attempt, after: Attempt) -> str:
    if before.runtime != after.runtime:
        return f"The memory of {before.runtime.device} did not suffice: contoured on the CPU, more slowly."
    sizes = ("x".join(str(n) for n in attempt.side_kji) for attempt in (before, after))
    return "The memory of {} did not suffice for windows of {} voxels: windows of {} were used.".format(
        before.runtime.device, *sizes
    )


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
