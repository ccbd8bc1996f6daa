"""Messages to JSON and back; what is not as it should be is refused by name, never by value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import DamagedFile
from AmlartContourLib.contract.frame_header import About, FrameHeader, Grid, Kind
from AmlartContourLib.contract.messages import (
    Capabilities,
    EngineInfo,
    JobRequest,
    JobState,
    JobStatus,
    Priority,
)
from AmlartContourLib.contract.problems import STATUS, Cause, Code, Problem
from AmlartContourLib.contract.strict_json import from_json, from_plain, to_json, to_plain

HASH = "a" * 64
STATUS_EXAMPLE = JobStatus(
    job="b" * 32,
    state=JobState.RUNNING,
    engine="x",
    wanted=("bladder",),
    priority=Priority.URGENT,
    client="c",
    stage="Tile 1",
    fraction=0.5,
    seconds_left=None,
    position=None,
    device="cpu",
    attempts=1,
    submitted_at=1.0,
    started_at=2.0,
    ended_at=None,
    expires_at=None,
    result_bytes=None,
    problem=Problem("internal", "What.", "Kept.", "Advice."),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
triples = st.tuples(numbers, numbers, numbers)
grids = st.builds(
    Grid,
    st.tuples(*[st.integers(1, 4096)] * 3),
    triples,
    triples,
    st.tuples(*[numbers] * 9),
)


def test_a_message_comes_back_equal() -> None:
    assert from_json(JobStatus, to_json(STATUS_EXAMPLE)) == STATUS_EXAMPLE
    about = About(timings_s={"read": 0.5}, findings=("é",))
    assert from_json(About, to_json(about)) == about


@given(grids)
@settings(max_examples=60, deadline=None)
def test_any_grid_comes_back_to_the_last_digit(grid: Grid) -> None:
    assert from_json(Grid, to_json(grid)) == grid


def test_equal_messages_give_equal_text() -> None:
    plain = to_plain(STATUS_EXAMPLE)
    backwards = dict(reversed(plain.items()))
    assert to_json(from_plain(JobStatus, backwards)) == to_json(STATUS_EXAMPLE)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"patient": "Jane"}, "field"),
        ({"state": "Jane"}, "JobStatus.state"),
        ({"fraction": "0.5"}, "JobStatus.fraction"),
        ({"fraction": True}, "JobStatus.fraction"),
        ({"attempts": 1.5}, "JobStatus.attempts"),
        ({"attempts": True}, "JobStatus.attempts"),
        ({"wanted": "Jane"}, "JobStatus.wanted"),
        ({"wanted": [1]}, r"JobStatus.wanted\[0\]"),
        ({"problem": {"code": "x"}}, "JobStatus.problem.what is missing"),
        ({"problem": {"code": "x", "what": "y", "Jane": 1}}, "does not know"),
        ({"problem": []}, "JobStatus.problem"),
        ({"job": None}, "JobStatus.job"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(changes: dict[str, object], field: str) -> None:
    with pytest.raises(DamagedFile, match=field) as refused:
        from_plain(JobStatus, {**to_plain(STATUS_EXAMPLE), **changes})
    assert "Jane" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "1", '"x"', "[" * 100_000, b"\xff"])
def test_what_is_no_message_is_refused(text: str | bytes) -> None:
    with pytest.raises(DamagedFile):
        from_json(Problem, text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    text = to_json(STATUS_EXAMPLE).replace('"fraction":0.5', f'"fraction":{number}')
    with pytest.raises(DamagedFile):
        from_json(JobStatus, text)


def test_a_missing_field_takes_its_default_only_where_it_has_one() -> None:
    assert from_json(JobRequest, json.dumps({"engine": "x", "scan": HASH})).priority is Priority.NORMAL
    with pytest.raises(DamagedFile, match="scan is missing"):
        from_json(JobRequest, '{"engine": "x"}')


@pytest.mark.parametrize(
    "fields",
    [
        {"engine": ""},
        {"engine": "a/b"},
        {"engine": "x" * 65},
        {"scan": HASH[:-1]},
        {"scan": HASH.upper()},
        {"scan": HASH + "\n"},
        {"context": "x"},
        {"wanted": ["a", "a"]},
        {"wanted": ["../a"]},
        {"wanted": [f"s{n}" for n in range(300)]},
        {"client": "Jane Doe"},
    ],
)
def test_a_job_request_holds_names_and_hashes_only(fields: dict[str, object]) -> None:
    with pytest.raises(DamagedFile):
        from_plain(JobRequest, {"engine": "x", "scan": HASH, **fields})


def test_a_header_within_a_header_is_held_to_the_same() -> None:
    grid = Grid((1, 1, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    plain = to_plain(FrameHeader(Kind.CONTOURS, grid, ()))
    plain["grid"]["patient"] = "Jane"
    with pytest.raises(DamagedFile, match="does not know"):
        from_plain(FrameHeader, plain)


def test_every_code_has_a_status_and_every_value_is_its_own() -> None:
    assert set(STATUS) == set(Code)
    assert len({code.value for code in Code}) == len(Code)
    assert len({cause.value for cause in Cause}) == len(Cause)


def test_states_say_what_can_still_happen() -> None:
    assert {s for s in JobState if not s.has_ended} == {JobState.QUEUED, JobState.RUNNING}
    assert {s for s in JobState if s.can_resume} == {
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.INTERRUPTED,
    }


def test_engines_travel_whole() -> None:
    engine = EngineInfo(
        id="x", title="X", version="1", gives=("a",), needs_context=(), uses_context=(), licence="L",
        intended_use="U", devices=("cpu",), memory_bytes=None, available=False, reason="R", mend="M",
    )  # fmt: skip
    assert from_plain(EngineInfo, to_plain(engine)) == engine
    with pytest.raises(DamagedFile):
        from_plain(Capabilities, to_plain(engine))
