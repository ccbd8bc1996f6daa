"""A job's state as server-sent events: one `status` event whenever it changes, an empty comment when nothing
does. Every event holds the whole state, so a client that lost some lost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.messages import JobStatus
from AmlartContourLib.contract.problems import Code, refusal
from AmlartContourLib.contract.strict_json import to_json
from inference_backend.server.live import LiveJobs

KEEP_ALIVE_S = 5.0
AT_MOST_EVERY_S = 0.1


def require_place(live: LiveJobs, most: int) -> None:
    """BUSY where as many watch as may."""
    if live.watchers >= most:
        raise refusal(Code.BUSY, "Too many clients watch at once.", advice="Ask for the status instead.")


async def status_events(live: LiveJobs, job: str, status: Callable[[], JobStatus]) -> AsyncIterator[str]:
    """Events until the job has ended or the backend ends."""
    with live.watch(job) as bell:
        last = None
        while not live.closed:
            bell.clear()
            try:
                now = await run_in_threadpool(status)
            except BackendRefused:  # its data were removed while somebody watched
                return
            if now != last:
                last = now
                yield f"event: status\ndata: {to_json(now)}\n\n"
            if now.state.has_ended:
                return
            await asyncio.sleep(AT_MOST_EVERY_S)
            try:
                await asyncio.wait_for(bell.wait(), KEEP_ALIVE_S)
            except TimeoutError:
                yield ": nothing new\n\n"
