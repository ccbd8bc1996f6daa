"""Messages as JSON and back: what is missing, unknown or of another type is refused, at any depth.

A message is a frozen dataclass of str, int, float, bool, None, enums, tuples, mappings with str keys, other
messages, and `object`, which takes any JSON value for the class itself to check. The backend's HTTP layer
builds its own validation from the same classes; this file is for the side that has the standard library
only, and for files.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from AmlartContourLib.contract.errors import DamagedFile

T = TypeVar("T")


class Message:
    """Base of all messages: unknown fields are refused by the HTTP layer as they are by `from_plain`."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}


def to_plain(value: Any) -> Any:
    """Dataclasses to dicts, enums to their values, tuples to lists; what `json.dumps` takes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value


def to_json(value: Any) -> str:
    """The shortest JSON of a message, keys in order: equal messages give equal text."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_json(kind: type[T], text: str | bytes) -> T:
    """A message from JSON text. DamagedFile, naming the field and never its value, where it is no such
    message."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"What should be a {kind.__name__} message is not JSON.") from error
    return from_plain(kind, plain)


def from_plain(kind: type[T], plain: object) -> T:
    """A message from parsed JSON. DamagedFile, naming the field and never its value, where it is no such
    message."""
    message: T = _convert(kind, plain, kind.__name__)
    return message


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _convert(kind: Any, plain: object, where: str) -> Any:
    if kind is object:
        return plain
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, plain, where)
    if origin is tuple:
        return _tuple(get_args(kind), plain, where)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(kind)[1], plain, where)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, plain, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind, plain, where)
    return _scalar(kind, plain, where)


def _optional(kind: Any, plain: object, where: str) -> Any:
    if plain is None and type(None) in get_args(kind):
        return None
    (other,) = (choice for choice in get_args(kind) if choice is not type(None))
    return _convert(other, plain, where)


def _tuple(kinds: tuple[Any, ...], plain: object, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise _refused(where)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(plain)
    if len(plain) != len(kinds):
        raise _refused(where)
    return tuple(
        _convert(k, item, f"{where}[{n}]") for n, (k, item) in enumerate(zip(kinds, plain, strict=True))
    )


def _mapping(kind: Any, plain: object, where: str) -> dict[str, Any]:
    if not isinstance(plain, dict):
        raise _refused(where)
    return {key: _convert(kind, item, f"{where} entry") for key, item in plain.items()}


def _dataclass(kind: Any, plain: object, where: str) -> Any:
    if not isinstance(plain, dict):
        raise _refused(where)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    if set(plain) - set(fields):
        raise DamagedFile(f"{where} holds a field that this version does not know.")
    values = {name: _convert(_hints(kind)[name], item, f"{where}.{name}") for name, item in plain.items()}
    for name, field in fields.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name not in values and no_default:
            raise DamagedFile(f"{where}.{name} is missing.")
    try:
        return kind(**values)
    except ValueError as error:
        raise DamagedFile(f"{where} cannot be used: {error}.") from error


def _enum(kind: type[Enum], plain: object, where: str) -> Enum:
    try:
        return kind(plain)
    except ValueError:
        raise _refused(where) from None


def _scalar(kind: Any, plain: object, where: str) -> Any:
    if kind is float and isinstance(plain, (int, float)) and not isinstance(plain, bool):
        try:
            number = float(plain)
        except OverflowError:
            raise _refused(where) from None
        if math.isfinite(number):
            return number
    elif type(plain) is kind:
        return plain
    raise _refused(where)


def _refused(where: str) -> DamagedFile:
    return DamagedFile(f"{where} does not hold what it should.")
