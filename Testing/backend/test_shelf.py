"""Engines kept in memory: which stay, which go, and in what order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.messages import EngineInfo
from inference_backend.engines.protocol import Engine
from inference_backend.server.shelf import Shelf
from support.tile_engine import TileEngine

MEGABYTE = 1 << 20


class Recorded(TileEngine):
    """The test engine of a version, or of none, which also notes when it is loaded and let go of."""

    history: list[str]
    failures = 0
    now = "1"

    def describe(self) -> EngineInfo:
        if not Recorded.now:
            raise DamagedFile("There is no manifest.")
        return replace(super().describe(), version=Recorded.now)

    def load(self, device: str) -> None:
        self.history.append(f"+{self._words}")
        if Recorded.failures:
            Recorded.failures -= 1
            raise MemoryError
        super().load(device)

    def unload(self) -> None:
        self.history.append(f"-{self._words}")
        super().unload()


@pytest.fixture
def history() -> list[str]:
    """What was loaded (+) and let go of (-), in order."""
    Recorded.history = []
    Recorded.failures = 0
    Recorded.now = "1"
    return Recorded.history


def shelf(budget_megabytes: int) -> Shelf:
    """A shelf of recorded engines, each named by its memory."""

    def make(place: str) -> Engine:
        return Recorded(f"memory={int(place) * MEGABYTE}")

    return Shelf("cpu", budget_megabytes * MEGABYTE, make)


def sizes(history: list[str]) -> list[str]:
    """The history in megabytes."""
    return [f"{entry[0]}{int(entry.partition('=')[2]) // MEGABYTE}" for entry in history]


def test_an_engine_is_loaded_once(history: list[str]) -> None:
    kept = shelf(1000)
    assert kept.take("10") is kept.take("10")
    assert sizes(history) == ["+10"]


def test_room_is_made_before_the_next_is_loaded(history: list[str]) -> None:
    kept = shelf(300)
    for place in ("200", "150"):
        kept.take(place)
    assert sizes(history) == ["+200", "-200", "+150"]


def test_the_least_recently_used_goes(history: list[str]) -> None:
    kept = shelf(300)
    for place in ("100", "120", "100", "150"):
        kept.take(place)
    assert sizes(history) == ["+100", "+120", "-120", "+150"]
    assert kept.loaded == (f"tiles-memory.{100 * MEGABYTE}", f"tiles-memory.{150 * MEGABYTE}")


def test_an_engine_larger_than_the_budget_is_kept_alone(history: list[str]) -> None:
    kept = shelf(50)
    kept.take("20")
    kept.take("90")
    assert sizes(history) == ["+20", "-20", "+90"]
    kept.take("90")
    assert len(history) == 3


def test_when_memory_runs_out_all_others_go_and_it_is_tried_again(history: list[str]) -> None:
    kept = shelf(1000)
    kept.take("10")
    kept.take("20")
    Recorded.failures = 1
    kept.take("30")
    assert sizes(history) == ["+10", "+20", "+30", "-30", "-10", "-20", "+30"]
    Recorded.failures = 2
    with pytest.raises(MemoryError):
        kept.take("40")


def test_an_engine_whose_files_were_replaced_is_loaded_again(history: list[str]) -> None:
    kept = shelf(1000)
    kept.take("10")
    first = kept.take("20")
    Recorded.now = "2"
    second = kept.take("20")
    assert sizes(history) == ["+10", "+20", "-20", "+20"]
    assert (first.version, second.version) == ("1", "2"), "a result names the version that made it"
    assert kept.loaded == (f"tiles-memory.{10 * MEGABYTE}", f"tiles-memory.{20 * MEGABYTE}")


def test_an_engine_whose_files_are_gone_is_still_listed_by_its_name(history: list[str]) -> None:
    kept = shelf(1000)
    kept.take("10")
    Recorded.now = ""
    with pytest.raises(DamagedFile):
        kept.take("10")
    assert kept.loaded == (f"tiles-memory.{10 * MEGABYTE}",)
