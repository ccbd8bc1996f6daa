"""A MONAI bundle's configuration, read as data and never run.

MONAI's own parser executes what begins with `$` and builds whatever class `_target_` names. Here only plain
values are read, and references to them (`@name`, `@name#part`, and `$@name`, which is the same). A value that
is a program is refused by name; parts that nobody asks for may be programs, and stay unread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge

CONFIG_BYTES = 1 << 20
DEEPEST = 24
REFERENCE = re.compile(r"^\$?@([A-Za-z_][\w]*(?:#[\w]+)*)\s*$")


@dataclass(frozen=True)
class Config:
    """One file. `what`: its name, for messages."""

    what: str
    data: Mapping[str, object]

    def get(self, name: str) -> object:
        """A value with everything it refers to; None where there is none. InputRefused where it is a
        program, or refers to itself."""
        return self._plain(self.data.get(name), name, 0)

    def raw(self, name: str) -> object:
        """A value as it is written."""
        return self.data.get(name)

    def row(self, name: str) -> object:
        """The one thing that a value refers to, as it is written; the value itself where it refers to
        nothing."""
        value = self.data.get(name)
        found = REFERENCE.match(value) if isinstance(value, str) else None
        return self._at(found.group(1)) if found else value

    def plain(self, value: object, name: str) -> object:
        """Any value, with everything it refers to. InputRefused as for `get`."""
        return self._plain(value, name, 0)

    def _plain(self, value: object, name: str, depth: int) -> object:
        if depth > DEEPEST:
            raise InputRefused(f"{name} of {self.what} refers to itself.")
        if isinstance(value, Mapping):
            return {str(key): self._plain(item, f"{name}#{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item, name, depth + 1) for item in value]
        if not isinstance(value, str) or not value.startswith(("@", "$", "%")):
            return value
        found = REFERENCE.match(value)
        if found is None:
            raise InputRefused(
                f"{name} of {self.what} is a program ({value[:60]!r}) and was not run.",
                kept="Nothing of it was run.",
                advice="Replace it by the value that it gives, or give that value as an option.",
            )
        return self._plain(self._at(found.group(1)), name, depth + 1)

    def _at(self, path: str) -> object:
        value: object = self.data
        for step in path.split("#"):
            if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, Mapping) and step in value:
                value = value[step]
            else:
                raise InputRefused(f"{self.what} refers to {path}, which it does not hold.")
        return value


def read_config(path: Path) -> Config:
    """A JSON file of a bundle. TooLarge before it is read; DamagedFile where it is none."""
    try:
        if path.stat().st_size > CONFIG_BYTES:
            raise TooLarge(f"{path.name} is longer than {CONFIG_BYTES} bytes.")
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{path.name} cannot be read as JSON.", advice="Copy the bundle again.") from error
    if not isinstance(data, dict):
        raise DamagedFile(f"{path.name} holds no JSON object.")
    return Config(path.name, data)
