"""Who is next: priorities first; within one the users take turns, and each user's clients take turns.

A pure function of what waits and who was last served: the order a client is told is the order that happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from AmlartContourLib.contract.messages import Priority

RANK = {Priority.URGENT: 0, Priority.NORMAL: 1, Priority.BACKGROUND: 2}


@dataclass(frozen=True)
class Waiting:
    """A job in the queue; `seq` orders the jobs of one client."""

    id: str
    seq: int
    owner: str
    client: str
    priority: Priority


@dataclass
class _Lanes:
    """Jobs of one priority: by user, by client, in order of arrival."""

    by_owner: dict[str, dict[str, list[Waiting]]] = field(default_factory=dict)

    def add(self, job: Waiting) -> None:
        self.by_owner.setdefault(job.owner, {}).setdefault(job.client, []).append(job)

    def take(self, owner: str, client: str) -> Waiting:
        lane = self.by_owner[owner][client]
        job = lane.pop()
        if not lane:
            del self.by_owner[owner][client]
        if not self.by_owner[owner]:
            del self.by_owner[owner]
        return job


def in_turn(waiting: Iterable[Waiting], last_turns: Mapping[tuple[str, str], int]) -> list[Waiting]:
    """All waiting jobs in the order in which they will start on one device.

    `last_turns`: for each (user, client) the number of its latest start; higher is later, absent is never.
    """
    client_turn = dict(last_turns)
    owner_turn: dict[str, int] = {}
    for (owner, _), turn in last_turns.items():
        owner_turn[owner] = max(turn, owner_turn.get(owner, 0))
    next_turn = count(max(last_turns.values(), default=0) + 1)
    ordered: list[Waiting] = []
    jobs = sorted(waiting, key=lambda job: (RANK[job.priority], -job.seq))
    for priority in RANK:
        lanes = _Lanes()
        for job in jobs:
            if job.priority is priority:
                lanes.add(job)
        while lanes.by_owner:
            owner = _longest_unserved(lanes, owner_turn)
            client = min(
                lanes.by_owner[owner],
                key=lambda c: (client_turn.get((owner, c), 0), lanes.by_owner[owner][c][-1].seq),
            )
            ordered.append(lanes.take(owner, client))
            owner_turn[owner] = client_turn[owner, client] = next(next_turn)
    return ordered


def _longest_unserved(lanes: _Lanes, owner_turn: Mapping[str, int]) -> str:
    def rank(owner: str) -> tuple[int, int]:
        first = min(lane[-1].seq for lane in lanes.by_owner[owner].values())
        return owner_turn.get(owner, 0), first

    return min(lanes.by_owner, key=rank)
