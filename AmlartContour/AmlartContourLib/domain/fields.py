"""Reading settings from parsed JSON: every key is asked for once, and a key nobody asked for is refused.

A misspelt key that is silently ignored would change a contour unseen; here it is a BadSetting that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from AmlartContourLib.contract.errors import BadSetting


class Fields:
    """The keys of one JSON object. `where` names it in messages. Call `done` when all keys were asked for."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise BadSetting(f"{where} must be an object with named entries.")
        self._data: Mapping[str, Any] = data
        self._where = where
        self._asked: set[str] = set()

    def get(self, key: str, default: object = ...) -> Any:
        """The value as it is; BadSetting where it is missing and has no default."""
        self._asked.add(key)
        if key in self._data:
            return self._data[key]
        if default is ...:
            raise BadSetting(f"{self._where} lacks the entry {key!r}.")
        return default

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text")
        return value

    def texts(self, key: str, default: object = ...) -> tuple[str, ...]:
        """A list of texts."""
        value = self.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def number(self, key: str, default: object = ...) -> float:
        """A finite number."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise self.wrong(key, "a number")
        return float(value)

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.get(key)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object whose keys are data, not settings; an empty one where it is missing."""
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, "an object")
        return value

    def done(self) -> None:
        """BadSetting where the object holds keys that nobody asked for."""
        unknown = sorted(set(self._data) - self._asked)
        if unknown:
            raise BadSetting(
                f"{self._where} holds unknown entries: {', '.join(unknown)}.",
                advice=f"Known are: {', '.join(sorted(self._asked))}.",
            )

    def wrong(self, key: str, wanted: str) -> BadSetting:
        """The error for a value that is not what was wanted."""
        return BadSetting(f"{self._where}: {key!r} must be {wanted}.")
