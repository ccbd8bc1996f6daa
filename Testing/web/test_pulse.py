"""A station that hangs is silent to its page; one that answers, or is asked for a moment, is not."""

from __future__ import annotations

import asyncio

from AmlartContourLib.web.door.pulse import Pulse

SOON_S, LONG_S = 0.02, 0.1


async def _answers() -> None:
    return None


async def _refuses() -> None:
    raise ConnectionError


def test_what_is_asked_and_does_not_answer_is_silent_until_it_does() -> None:
    async def watched() -> list[bool]:
        gate, seen = asyncio.Event(), []
        pulse = Pulse(gate.wait, every_s=0.0, silent_s=LONG_S)
        for wait_s in (0.0, SOON_S, 2 * LONG_S):
            await asyncio.sleep(wait_s)
            seen.append(pulse.silent())
        gate.set()
        await asyncio.sleep(SOON_S)
        seen.append(pulse.silent())
        pulse.end()
        return seen

    assert asyncio.run(watched()) == [False, False, True, False]


def test_what_only_fails_is_silent_and_what_answers_never_is() -> None:
    async def watched() -> list[bool]:
        pulses = [Pulse(ask, every_s=0.0, silent_s=LONG_S) for ask in (_refuses, _answers)]
        for _ in range(10):
            seen = [pulse.silent() for pulse in pulses]
            await asyncio.sleep(SOON_S)
        for pulse in pulses:
            pulse.end()
        return seen

    assert asyncio.run(watched()) == [True, False]
