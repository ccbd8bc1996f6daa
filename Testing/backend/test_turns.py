"""The order of the queue, as a function of what waits and who was served."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.messages import Priority
from inference_backend.server.turns import RANK, Waiting, in_turn


def wait(*jobs: str) -> list[Waiting]:
    """Jobs from "user/client", "user/client!" (urgent) or "user/client~" (background), as they arrive."""
    marks = {"!": Priority.URGENT, "~": Priority.BACKGROUND}
    waiting = []
    for seq, job in enumerate(jobs):
        owner, _, client = job.rstrip("!~").partition("/")
        waiting.append(Waiting(f"{seq}", seq, owner, client, marks.get(job[-1], Priority.NORMAL)))
    return waiting


def order(*jobs: str, served: dict[tuple[str, str], int] | None = None) -> str:
    """Numbers of the jobs in the order in which they start."""
    return "".join(job.id for job in in_turn(wait(*jobs), served or {}))


def test_one_client_is_served_in_order_of_arrival() -> None:
    assert order("a/x", "a/x", "a/x") == "012"


def test_clients_take_turns() -> None:
    assert order("a/x", "a/x", "a/x", "a/y", "a/y") == "03142"


def test_users_take_turns_however_many_clients_they_claim_to_have() -> None:
    assert order("a/1", "a/2", "a/3", "a/4", "b/x", "b/x") == "041523"


def test_who_was_served_last_waits() -> None:
    assert order("a/x", "a/y", served={("a", "x"): 5, ("a", "y"): 4}) == "10"
    assert order("a/x", "b/y", served={("a", "x"): 5}) == "10"


def test_priority_goes_before_turns() -> None:
    assert order("a/x~", "a/x", "b/y", "a/x!", "a/x!") == "34210"


jobs = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from(list(Priority))), max_size=30
)


@given(jobs)
@settings(max_examples=100, deadline=None)
def test_nobody_is_forgotten_overtaken_or_starved(drawn: list[tuple[str, str, Priority]]) -> None:
    waiting = [Waiting(str(n), n, *job) for n, job in enumerate(drawn)]
    ordered = in_turn(waiting, {})
    assert sorted(ordered, key=lambda job: job.seq) == waiting
    ranks = [RANK[job.priority] for job in ordered]
    assert ranks == sorted(ranks)
    for owner, client, priority in set(drawn):
        own = [j.seq for j in ordered if (j.owner, j.client, j.priority) == (owner, client, priority)]
        assert own == sorted(own)
    for priority in Priority:
        owners = [job.owner for job in ordered if job.priority is priority]
        both = min(owners.count("a"), owners.count("b"))
        for turn in range(2, 2 * both + 1, 2):
            assert abs(owners[:turn].count("a") - owners[:turn].count("b")) <= 1
