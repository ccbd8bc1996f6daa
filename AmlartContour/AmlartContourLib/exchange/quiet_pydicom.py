"""Keeps pydicom from showing values of a file: its warnings and its log quote them, and they may be a
patient's.

The log is silenced for the calling thread alone, by a filter that stays on pydicom's logger and otherwise
lets everything pass. Warnings are Python's own, for the whole process while a block lasts.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_silence = threading.local()


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Within this block neither a warning nor a log line of pydicom appears."""
    _silence.depth = getattr(_silence, "depth", 0) + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _silence.depth -= 1


def _passes(_record: logging.LogRecord) -> bool:
    return getattr(_silence, "depth", 0) == 0


logging.getLogger("pydicom").addFilter(_passes)
