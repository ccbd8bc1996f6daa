"""The views are drawn after what the hand does and after what the page is told, and none is left out."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("trame_slicer", reason="trame-slicer is not installed")

from vtkmodules.vtkRenderingCore import vtkRenderWindowInteractor

from AmlartContourLib.web.views.pace import MOVE, PRESS, RELEASE, REST_S, SETTLE_S, Pace

ALL = ("Axial", "Coronal", "Sagittal")
DRAWING_S = 0.05  # well above what a view waits for that nothing holds back


@dataclass
class Picture:
    """A view that counts how often it is drawn, with a real interactor."""

    name: str
    drawn: list[str]
    asked: Any = None
    mouse: Any = field(default_factory=vtkRenderWindowInteractor)

    def get_singleton_tag(self) -> str:
        return self.name

    def set_scheduled_render(self, asked: Any) -> None:
        self.asked = asked

    def interactor(self) -> Any:
        return self.mouse


class Wall:
    """Three views that one pace has taken, and the order in which they were drawn."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.drawn: list[str] = []
        self.views = {name: Picture(name, self.drawn) for name in ALL}
        for name, view in self.views.items():
            self.pace.take(view, lambda name=name: self.drawn.append(name))  # type: ignore[misc,arg-type]

    def scene_changes(self) -> None:
        for view in self.views.values():
            view.asked.schedule_render()

    def mouse(self, event: str, name: str = "Axial") -> None:
        self.views[name].mouse.InvokeEvent(event)


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only by waiting, and then at once: a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(Skipping(self))

    def time(self) -> float:
        return self.now_s


class Skipping(selectors.SelectSelector):
    def __init__(self, loop: SkippingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.now_s += timeout or 0.0
        return super().select(0)


def on_loop(act: Callable[[Wall], Coroutine[Any, Any, None]]) -> list[str]:
    """What was drawn while `act` ran."""
    wall = Wall()
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(act(wall))
    return wall.drawn


def test_without_a_hand_every_view_is_drawn_once_however_often_the_scene_asks() -> None:
    async def act(wall: Wall) -> None:
        for _ in range(5):
            wall.scene_changes()
        await asyncio.sleep(DRAWING_S)

    assert sorted(on_loop(act)) == sorted(ALL)


def test_views_beside_the_hand_are_drawn_when_it_rests() -> None:
    async def act(wall: Wall) -> None:
        wall.mouse(MOVE)
        wall.scene_changes()
        await asyncio.sleep(SETTLE_S + DRAWING_S)
        assert wall.drawn == ["Axial"]
        await asyncio.sleep(REST_S)

    assert sorted(on_loop(act)) == sorted(ALL)


def test_a_hand_that_goes_on_sees_the_view_it_works_in_and_no_other() -> None:
    async def act(wall: Wall) -> None:
        wall.mouse(PRESS)
        for _ in range(30):
            wall.mouse(MOVE)
            wall.scene_changes()
            await asyncio.sleep(0.01)

    drawn = on_loop(act)
    assert set(drawn) == {"Axial"}
    assert 2 <= len(drawn) <= 6


def test_with_the_button_down_the_others_wait_longer_and_follow_once_it_is_let_go() -> None:
    async def act(wall: Wall) -> None:
        wall.mouse(PRESS)
        wall.scene_changes()
        await asyncio.sleep(REST_S + DRAWING_S)
        assert wall.drawn == ["Axial"]
        wall.mouse(RELEASE)
        wall.scene_changes()
        await asyncio.sleep(REST_S + DRAWING_S)

    assert sorted(on_loop(act)) == sorted(("Axial", *ALL))


def test_nothing_is_drawn_while_it_is_held_and_all_of_it_afterwards() -> None:
    async def act(wall: Wall) -> None:
        wall.scene_changes()
        wall.pace.hold()
        await asyncio.sleep(DRAWING_S)
        assert wall.drawn == []
        wall.pace.let_go()
        assert wall.drawn == []  # what the page is told in this turn goes first
        await asyncio.sleep(DRAWING_S)

    assert sorted(on_loop(act)) == sorted(ALL)


def test_an_event_of_the_mouse_that_waits_is_dealt_with_between_two_views() -> None:
    async def act(wall: Wall) -> None:
        wall.scene_changes()
        while not wall.drawn:
            await asyncio.sleep(0.001)
        wall.mouse(MOVE, wall.drawn[0])
        await asyncio.sleep(DRAWING_S)
        assert len(wall.drawn) == 1
        await asyncio.sleep(REST_S)

    assert sorted(on_loop(act)) == sorted(ALL)


def test_before_any_event_loop_runs_views_are_drawn_at_once() -> None:
    wall = Wall()
    wall.scene_changes()
    assert wall.drawn == list(ALL)
