"""The page's templates: HTML in the language of Vue, from files that travel with the software.

Written by hand, in the software's own folder; nothing a user or a patient's file says is ever made
into a template: such text reaches the page as values only.

The page is drawn anew at every change of its state, and Vue then sets the `value` of each field again. So a
field that is typed into either has a `v-model`, or its value as its key and as an attribute (`:value.attr`):
it is made anew when the value changes, and else keeps what is being typed.
"""

from __future__ import annotations

from functools import lru_cache

from AmlartContourLib.exchange.resources import RESOURCES

FOLDER = RESOURCES / "Web" / "page"


@lru_cache(maxsize=64)
def template(name: str, **values: str) -> str:
    """One template, with `@name@` replaced by each given value."""
    text = (FOLDER / f"{name}.html").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
