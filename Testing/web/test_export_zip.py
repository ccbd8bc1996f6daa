"""The last export as a zip, over HTTP: a real door, a real station process behind it, and who gets what."""

from __future__ import annotations

import asyncio
import io
import sys
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

aiohttp = pytest.importorskip("aiohttp", reason="the workstation's packages are not installed")
from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

from AmlartContourLib.web.door.door import Door, DoorSettings  # noqa: E402
from AmlartContourLib.web.door.station import Orders, Station  # noqa: E402
from AmlartContourLib.web.door.users import COOKIE, Users  # noqa: E402
from AmlartContourLib.web.export_zip import ADDRESS, NOTHING  # noqa: E402

PROGRAM = Path(__file__).parents[1] / "support" / "zip_station.py"
TOKENS = {"first": "token-of-the-first", "second": "token-of-the-second"}
NAME = "0a1b2c3d-20300102-030405"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder as an export leaves it, some of it hard to compress."""
    folder = tmp_path / "exports" / NAME
    (folder / "masks").mkdir(parents=True)
    (folder / "rtstruct.dcm").write_bytes(np.random.default_rng(3).bytes(3_000_000))
    (folder / "masks" / "ctvn.nii.gz").write_bytes(b"mask")
    (folder / "review.json").write_text("{}", encoding="utf-8")
    (tmp_path / "passing").mkdir()
    return folder


Client = TestClient
Act = Callable[[Client], Awaitable[None]]


def _at_the_door(export: Path, act: Act, *words: str) -> None:
    """The first user's station has an export, the second's has none."""
    passing = str(export.parents[1] / "passing")

    def start(orders: Orders) -> Station:
        folder = str(export) if orders.user == "first" else ""
        return Station(orders, (sys.executable, str(PROGRAM), folder, passing, *words))

    def orders_for(user: str) -> Orders:
        return Orders(user, None, export.parents[1] / f"work-{user}")

    users = Users(lambda: TOKENS)
    door = Door(DoorSettings(users, frozenset({"127.0.0.1"}), orders_for, start=start))

    async def run() -> None:
        async with TestClient(TestServer(door.app())) as client:
            await act(client)

    asyncio.run(run())


def _cookie(user: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={Users(lambda: TOKENS).cookie_of(user)}"}


def test_the_zip_holds_the_exported_files_byte_by_byte_and_leaves_nothing_behind(export: Path) -> None:
    async def act(client: Client) -> None:
        answer = await client.get(ADDRESS, headers=_cookie("first"))
        assert answer.status == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{NAME}.zip"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        with zipfile.ZipFile(io.BytesIO(await answer.read())) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        files = [path for path in export.rglob("*") if path.is_file()]
        assert found == {path.relative_to(export).as_posix(): path.read_bytes() for path in files}

    _at_the_door(export, act)
    assert list((export.parents[1] / "passing").iterdir()) == []


def test_nobody_else_gets_it(export: Path) -> None:
    """Not without the cookie, not as another user, not from another site, and never another folder."""

    async def act(client: Client) -> None:
        first = _cookie("first")
        assert (await client.get(ADDRESS)).status == 401
        assert (await client.get(ADDRESS, headers={**first, "Origin": "http://evil.example"})).status == 403
        assert (await client.get(ADDRESS, headers={**first, "Host": "evil.example"})).status == 403
        other = await client.get(ADDRESS, headers=_cookie("second"))
        assert other.status == 404
        assert NOTHING in await other.text()
        asked = await client.get(ADDRESS, params={"folder": "/etc"}, headers=first)
        assert NAME in asked.headers["Content-Disposition"]
        assert (await client.post(ADDRESS, headers=first)).status in (404, 405)

    _at_the_door(export, act)


@pytest.mark.slow
def test_half_a_zip_is_never_taken_for_a_whole_one(export: Path) -> None:
    """The station dies while it sends."""

    async def act(client: Client) -> None:
        answer = await client.get(ADDRESS, headers=_cookie("first"))
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()

    _at_the_door(export, act, "cut")


@pytest.mark.slow
def test_an_export_that_somebody_took_away_is_none(export: Path) -> None:
    export.rename(export.with_name("elsewhere"))

    async def act(client: Client) -> None:
        assert (await client.get(ADDRESS, headers=_cookie("first"))).status == 404

    _at_the_door(export, act)
