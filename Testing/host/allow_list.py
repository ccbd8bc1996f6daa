"""Which names Python code inside 3D Slicer can use on Qt, CTK and Slicer classes.

The names come from `pythonqt_members.json`, which says where they were read; `ALWAYS` is what PythonQt adds
to every wrapped object. Members are looked up through the bases.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

DATA = Path(__file__).with_name("pythonqt_members.json")
ALWAYS = frozenset(
    {"connect", "disconnect", "inherits", "className", "delete", "deleteLater", "findChild", "findChildren"}
    | {"parent", "setParent", "property", "setProperty", "name", "help"}
)


@dataclass(frozen=True)
class Members:
    """What one class offers, its bases included. Signals by name, each with its signatures."""

    name: str
    bases: tuple[str, ...]
    readable: frozenset[str]
    writable: frozenset[str]
    signals: dict[str, tuple[str, ...]]
    methods: frozenset[str]
    enums: frozenset[str]

    def has(self, name: str) -> bool:
        """True where code may use this name."""
        return (
            name in self.readable
            or name in self.signals
            or name in self.methods
            or name in self.enums
            or name in ALWAYS
        )

    def has_signal(self, signature: str) -> bool:
        """True where a signal has exactly this signature, spaces aside."""
        return signature.replace(" ", "") in self.signals.get(signature.partition("(")[0], ())


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, object]]:
    return json.loads(DATA.read_text(encoding="utf-8"))["classes"]


def class_names() -> frozenset[str]:
    """All classes that are listed."""
    return frozenset(_data())


@cache
def members(name: str) -> Members:
    """The members of a class. KeyError where it is not listed."""
    own = _data()[name]
    bases = [members(base) for base in own.get("bases", ()) if base in _data()]
    signals: dict[str, tuple[str, ...]] = {}
    for base in bases:
        signals.update(base.signals)
    for signature in own.get("signals", ()):
        key = signature.partition("(")[0]
        signals[key] = (*signals.get(key, ()), signature)
    properties = own.get("properties", {})
    return Members(
        name=name,
        bases=(name, *(ancestor for base in bases for ancestor in base.bases)),
        readable=frozenset(properties).union(*(base.readable for base in bases)),
        writable=frozenset(k for k, mode in properties.items() if "w" in mode).union(
            *(base.writable for base in bases)
        ),
        signals=signals,
        methods=frozenset(m.partition("(")[0] for m in own.get("methods", ())).union(
            *(base.methods for base in bases)
        ),
        enums=frozenset(value for values in own.get("enums", {}).values() for value in values).union(
            *(base.enums for base in bases)
        ),
    )
