"""What all charts of a report share: colours, small type, and a figure as PNG bytes."""

from __future__ import annotations

import base64
import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 120
INK, SOFT, RULE = "#1b2430", "#5b6775", "#d5dbe2"
BAR, MARKED = "#5b8bb0", "#b34700"  # told apart by brightness too
SMALL, USUAL = 7.5, 9.0  # points


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """An empty white figure."""
    return Figure(figsize=(width_inches, height_inches), dpi=DPI, facecolor="white")


def plain(axes: Axes) -> None:
    """Axes with no more lines than needed."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=SOFT, labelsize=SMALL, color=RULE)


def png(figure: Figure) -> bytes:
    """The figure as a file; the same figure always gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    return content.getvalue()


def data_uri(content: bytes) -> str:
    """A PNG as it stands within a page."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def signed(value: float, form: str) -> str:
    """A number with a minus sign that is as wide as a plus sign."""
    return format(value, form).replace("-", "\N{MINUS SIGN}")
