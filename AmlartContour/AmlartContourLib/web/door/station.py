"""One user's workstation process: started when its user comes, started again when it dies, ended with
the door.

The door tells it what to do in one JSON line on its standard input, and it answers with its port in
one on its standard output. It listens on 127.0.0.1 and takes nothing without the key that only the
door knows. `page_secret` is what its page says first on the websocket, instead of the public default
of the library. It ends, after saving, when its standard input closes: so it never outlives the door,
however the door ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from AmlartContourLib.client.processes import end_tree, own_environment

LOG = logging.getLogger(__name__)
START_S = 120.0
END_S = 15.0
DEATHS = 3
DEATHS_WITHIN_S = 60.0
LOG_NAME = "workstation.log"
COMMAND = (sys.executable, "-m", "AmlartContourLib.web")
DEAD = (
    "It stopped several times in a row. Your work up to the last save is kept. Look into workstation.log in "
    "the workstation's folder, run `amlart doctor`, and start the workstation again."
)


@dataclass(frozen=True)
class Orders:
    """What a station is told: whose it is, the folder of patients, the private folder for the work,
    and the home of the backend (None: this user's own)."""

    user: str
    patients: Path | None
    work: Path
    backend_home: Path | None = None


class Station:
    """One user's process. Belongs to the door's event loop."""

    def __init__(self, orders: Orders, command: tuple[str, ...] = COMMAND) -> None:
        self._orders = orders
        self._command = command
        self.key = secrets.token_urlsafe(32)
        self.page_secret = secrets.token_urlsafe(32)
        self.instance = ""
        self.port = 0
        self.failed = ""
        self.changed = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None
        self._deaths: list[float] = []

    @property
    def ready(self) -> bool:
        """True while it takes requests."""
        return self.port != 0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts it, and keeps it running, unless that is done already."""
        if self._running is None or self._running.done():
            self.failed = ""
            self._running = asyncio.create_task(self._keep_running())

    async def close(self) -> None:
        """Lets it save and ends it."""
        if self._running is None:
            return
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            end_tree(process.pid)
            await process.wait()

    async def _keep_running(self) -> None:
        while not self.failed:
            try:
                await self._start_once()
                if self._process is not None:
                    await self._process.wait()
            except (OSError, ValueError, TimeoutError) as error:
                LOG.error("the station did not start: %s", type(error).__name__)
                if self._process is not None and self._process.returncode is None:
                    end_tree(self._process.pid)
            now = time.monotonic()
            self._deaths = [t for t in self._deaths if now - t < DEATHS_WITHIN_S] + [now]
            if len(self._deaths) >= DEATHS:
                self.failed = DEAD
            await self._set(0)

    async def _start_once(self) -> None:
        self._orders.work.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.open(self._orders.work / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=own_environment(),
            )
        finally:
            os.close(log)
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OSError("no pipes")
        stdin.write(self._order_line())
        await stdin.drain()
        answer = json.loads(await asyncio.wait_for(stdout.readline(), START_S) or b"{}")
        port = answer.get("port") if isinstance(answer, dict) else None
        if not isinstance(port, int):
            raise ValueError("no port")
        self.instance = secrets.token_hex(8)
        await self._set(port)

    def _order_line(self) -> bytes:
        orders = {name: None if value is None else str(value) for name, value in asdict(self._orders).items()}
        return json.dumps({**orders, "key": self.key, "page_secret": self.page_secret}).encode() + b"\n"

    async def _set(self, port: int) -> None:
        async with self.changed:
            self.port = port
            self.changed.notify_all()
