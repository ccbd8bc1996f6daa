"""How one structure looks in the scene. No MRML here, so that the session can speak of it."""

from __future__ import annotations

from dataclasses import dataclass

from AmlartContourLib.domain.structures import Code

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Name, colour and codes of a segment. `category` and `code` are those of the catalogue."""

    name: str
    colour_rgb: Colour
    category: Code
    code: Code | None
