"""How loops over packed bits are compiled, and the word operations they share. Imported only where numba is
installed. Compiled code is kept in the user's cache folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as _intrinsic

Kernel = Callable[..., Any]
word_operation: Callable[[Kernel], Kernel] = _intrinsic
ONE = np.uint64(1)
LAST = np.uint64(63)
BITS = types.Array(types.uint64, 3, "C")
WORDS = types.Array(types.uint64, 1, "C")
CODES = types.Array(types.uint8, 1, "C")
FLAGS = types.Array(types.boolean, 1, "C")
WHOLE = types.Array(types.int64, 1, "C")
RANKS = types.Array(types.int64, 2, "C")
REAL = types.Array(types.float64, 1, "C")
AREAS = types.Array(types.float64, 3, "C")
TABLE = types.Array(types.float64, 1, "C", readonly=True)
THREE = types.UniTuple(types.int64, 3)


def _cache_folder() -> Path | None:
    """The user's own, made if needed; None where none can be written."""
    home = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    folder = Path(os.environ.get(home) or Path.home() / ".cache") / "amlart-contour" / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


CACHE = _cache_folder()


def compiled(signature: Any) -> Callable[[Kernel], Kernel]:
    """Compiles at once, from the cache where it can; other users of numba keep their own cache folder."""

    def decorate(function: Kernel) -> Kernel:
        theirs = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(CACHE) if CACHE else theirs
        try:
            kernel: Kernel = numba.njit(signature, nogil=True, cache=CACHE is not None)(function)
        finally:
            numba.config.CACHE_DIR = theirs
        return kernel

    return decorate


@word_operation
def low_zeros(_context: Any, _word: Any) -> Any:
    """Zero bits below the lowest set bit of a word; 64 where none is set."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


@word_operation
def high_zeros(_context: Any, _word: Any) -> Any:
    """Zero bits above the highest set bit of a word; 64 where none is set."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


@word_operation
def set_bits(_context: Any, _word: Any) -> Any:
    """How many bits of a word are set."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), code
