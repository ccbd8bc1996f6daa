"""What the user types, as values: parts, vaginal length, margins. BadSetting says what would do."""

from __future__ import annotations

from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.vagina import VaginaLength, VaginaRecipe

VAGINA_WORDS = {
    "whole": VaginaRecipe.WHOLE,
    "upper": VaginaRecipe.UPPER,
    "below": VaginaRecipe.BELOW_TUMOUR,
}
VAGINA_HELP = (
    "whole, upper:20 (the upper 20 mm), or below:20 (down to 20 mm below the lower of cervix and GTVp)."
)
MARGIN_HELP = "One length in mm, or six: left,right,anterior,posterior,superior,inferior."

Cluster = Annotated[
    str | None,
    typer.Option(help="Share the work on Ray: local for this machine's cores, or a cluster's address."),
]


def words(text: str | None) -> tuple[str, ...]:
    """The words of a list separated by commas; none for None or an empty text."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def vagina_length(text: str) -> VaginaLength:
    """From "whole", "upper:20" or "below:20"."""
    word, _, length = text.strip().lower().partition(":")
    if word not in VAGINA_WORDS:
        raise BadSetting(f"{text!r} is no vaginal length.", advice=f"Write {VAGINA_HELP}")
    return VaginaLength(VAGINA_WORDS[word], _number(length or "20", text))


def margin(text: str) -> Margin:
    """From "7" or "5,5,10,10,5,5", in mm."""
    numbers = [_number(word, text) for word in words(text)]
    if len(numbers) == 1:
        return Margin.isotropic(numbers[0])
    if len(numbers) != 6:
        raise BadSetting(f"{text!r} is no margin.", advice=MARGIN_HELP)
    return Margin(*numbers)


def tolerances(entries: list[str] | None) -> dict[str, float]:
    """From ["bladder=2", "CTVn=3"]: names as typed, and mm."""
    found = {}
    for entry in entries or []:
        name, equals, value = entry.partition("=")
        if not equals:
            raise BadSetting(f"{entry!r} is no tolerance.", advice="Write a name and mm, such as bladder=2.")
        found[name.strip()] = _number(value, entry)
    return found


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise BadSetting(f"{word!r} in {text!r} is not a number.") from None
