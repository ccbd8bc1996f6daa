"""Whether the compiled loops are used: where numba is installed, unless the environment says otherwise.

The figures are the same either way, to the last bit of every decision; tests hold the two against each other.
`AMLART_MEASURES=numpy` or `=compiled` chooses one for the whole process.
"""

from __future__ import annotations

import importlib
import logging
import os
from functools import lru_cache
from threading import Thread
from types import ModuleType

from AmlartContourLib.contract.errors import BadSetting

VARIABLE = "AMLART_MEASURES"
NUMPY, COMPILED = "numpy", "compiled"
_log = logging.getLogger(__name__)


def kernels() -> ModuleType | None:
    """The compiled loops, or None where numpy is to do the work.

    BadSetting where the environment asks for something else, or for compiled loops that are not there.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted == NUMPY:
        return None
    if wanted not in ("", COMPILED):
        raise BadSetting(f"{VARIABLE}={wanted} cannot be used.", advice=f"Give {NUMPY} or {COMPILED}.")
    found = _installed()
    if found is None and wanted == COMPILED:
        raise BadSetting(
            f"{VARIABLE}={COMPILED} is set, but numba is not installed.", advice="Install the extra `fast`."
        )
    return found


def load_meanwhile() -> None:
    """Loads the compiled loops, where they are used, on a thread of its own, so that nothing waits."""
    if os.environ.get(VARIABLE, "") != NUMPY and not _installed.cache_info().currsize:
        Thread(target=_installed, name="compiled loops of the measures").start()


@lru_cache(maxsize=1)
def _installed() -> ModuleType | None:
    """Compiles on the first call of all, a few seconds once per computer; later it reads a cache."""
    try:
        return importlib.import_module("AmlartContourLib.measures.kernels")
    except ImportError as problem:
        _log.info("measures run without compiled loops: %s", problem)
        return None
