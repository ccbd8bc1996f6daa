"""What every added model says of itself, whatever network it is: name, version, licence and its terms.

An added model is a folder below `models/` with one file that describes it and, beside it, weights as
safetensors; no pickle is ever loaded again. Reading it imports nothing heavy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import Message, from_json

CARD_BYTES = 1 << 20
CARD_FORMAT = 1
MAX_TEXT = 4000
INTENDED_USE = "Research. A proposal to edit."
RESEARCH_ONLY = "The licence of this model ({}) forbids commercial use."
T = TypeVar("T")


@dataclass(frozen=True)
class Card(Message):
    """`research_only`: the licence forbids commercial use."""

    format: int
    id: str
    version: str
    title: str
    licence: str
    research_only: bool

    def __post_init__(self) -> None:
        if self.format != CARD_FORMAT:
            raise ValueError(f"this version reads format {CARD_FORMAT}")
        if not all(re.fullmatch(NAME, text) for text in (self.id, self.version)):
            raise ValueError("a name has letters, digits, dots, dashes, underscores; 64 at most")
        if any(not 0 < len(text) <= MAX_TEXT for text in (self.title, self.licence)):
            raise ValueError(f"a text is empty or longer than {MAX_TEXT} characters")

    @property
    def terms(self) -> str:
        """The licence's name, and that it forbids commercial use where it does."""
        return f"{self.licence} (no commercial use)" if self.research_only else self.licence

    @property
    def told(self) -> tuple[str, ...]:
        """What every result says of the licence."""
        return (RESEARCH_ONLY.format(self.licence),) if self.research_only else ()


def read_card(kind: type[T], folder: Path, name: str) -> T:
    """The description in a folder. DamagedFile or TooLarge, naming the folder, where there is none."""
    path = folder / name
    advice = f"Remove it with `amlart models remove {folder.name}` and add the model again."
    try:
        if path.stat().st_size > CARD_BYTES:
            raise TooLarge(f"The {name} of the model {folder.name} is longer than {CARD_BYTES} bytes.")
        return from_json(kind, path.read_bytes())
    except OSError as error:
        what = f"The model {folder.name} has no readable {name} ({error.strerror})."
        raise DamagedFile(what, advice=advice) from error
    except DamagedFile as error:
        raise DamagedFile(f"The model {folder.name} cannot be used. {error.what}", advice=advice) from error
