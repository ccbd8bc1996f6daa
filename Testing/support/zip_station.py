"""A station that serves its last export and nothing else: behind the real door, without views and browser.

Run as a program, with the export's folder ("" for none) and the folder for what passes. "cut" as a third word
has it die in the middle of what it sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

from aiohttp import web

from AmlartContourLib.web.__main__ import StationOrders
from AmlartContourLib.web.export_zip import ADDRESS, ExportZip
from AmlartContourLib.web.key_guard import key_guard


async def _cut(request: web.Request) -> web.StreamResponse:
    """Half of what it promises, and its end."""
    answer = web.StreamResponse(headers={"Content-Length": "2000000"})
    await answer.prepare(request)
    await answer.write(bytes(1000000))
    os._exit(1)


async def _serve(orders: StationOrders, folder: Path | None, *, cut: bool) -> None:
    app = web.Application(middlewares=[key_guard(orders.key)])
    packed = ExportZip(lambda: folder, contextlib.nullcontext)
    app.router.add_get(ADDRESS, _cut if cut else packed.answer, allow_head=False)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(json.dumps({"port": runner.addresses[0][1]}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    folder, passing, *more = sys.argv[1:]
    tempfile.tempdir = passing
    orders = StationOrders.read(sys.stdin.readline())
    asyncio.run(_serve(orders, Path(folder) if folder else None, cut="cut" in more))
