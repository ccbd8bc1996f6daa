"""What every panel works with: the page's state, the session, the views, and how to run something beside
the page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.web.guard import Notices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AmlartContourLib.scene.patient_scene import PatientScene
    from AmlartContourLib.session.case import Case
    from AmlartContourLib.session.session import Session
    from AmlartContourLib.web.views.display import Display
    from AmlartContourLib.web.views.slice_views import Views

T = TypeVar("T")


@dataclass(frozen=True)
class Desk:
    """One workstation's table. `state` is trame's state, which the page shows."""

    state: Any
    session: Session
    scene: PatientScene
    views: Views
    display: Display
    notices: Notices

    @property
    def case(self) -> Case | None:
        """The open patient's case, or None."""
        return self.session.case if self.session.patient is not None else None

    @property
    def active(self) -> str:
        """The chosen structure's id, empty for none."""
        return str(self.state.active or "")

    def name_of(self, structure_id: str) -> str:
        """A structure's display name."""
        return catalogue()[structure_id].display_name

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Shows that something takes a moment."""
        self.state.busy = text
        self.state.flush()
        try:
            yield
        finally:
            self.state.busy = ""
            self.state.flush()

    def require_idle(self) -> None:
        """BadSetting while something takes a moment: it is not begun twice."""
        if self.state.busy:
            raise BadSetting("Something is being computed already.", advice="Wait until it is done.")

    async def beside(self, work: Callable[..., T], *arguments: Any) -> T:
        """Runs something that touches neither session nor scene on another thread; the page stays usable."""
        return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)


def css(colour_rgb: tuple[int, int, int]) -> str:
    """A colour as the page writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour_rgb)


def percent(fraction: float | None) -> str:
    """A fraction as the page writes it."""
    return "undefined" if fraction is None else f"{100 * fraction:.1f} %"


def number_of_mm(value: object) -> float:
    """What a number's field holds. BadSetting where it is none, as while it is empty."""
    try:
        return float(str(value))
    except ValueError as error:
        raise BadSetting("Give a number of mm.", kept="Nothing was changed.") from error


def name_in_list(structure_id: str) -> str:
    """The display name of a structure of a saved session; its id where the catalogue does not know it."""
    entry = catalogue().get(structure_id)
    return entry.display_name if entry else structure_id
