"""Jobs as they are kept: every change of state is one transaction, and only the changes that may happen do.

queued -> running -> done | failed | cancelled | interrupted; failed, cancelled and interrupted -> queued
again by `resume`; every ended job -> expired, which forgets all but that there was one.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from AmlartContourLib.contract.messages import JobRequest, JobState, Priority
from AmlartContourLib.contract.problems import Code, Problem, refusal
from AmlartContourLib.contract.strict_json import from_json, to_json
from inference_backend.server.database import Database
from inference_backend.server.job_problems import INTERRUPTED, RESULT_GONE
from inference_backend.server.turns import Waiting, in_turn

ENDED = tuple(state.value for state in JobState if state.has_ended and state is not JobState.EXPIRED)
ENDED_MARKS = ",".join("?" * len(ENDED))


@dataclass(frozen=True)
class Job:
    """One job as it is kept. An expired job has no request any more."""

    id: str
    owner: str
    request: JobRequest
    state: JobState
    device: str | None
    problem: Problem | None
    attempts: int
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    result_bytes: int | None


class JobStore:
    """The jobs of one backend."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: str, owner: str, request: JobRequest, most: int, most_of_client: int) -> None:
        """Queues a job unless one of that id is there, and lets go of the hold on its uploads. TOO_MANY where
        too many wait already."""
        with self._database.transaction() as db:
            waits = db.execute(
                "SELECT COUNT(*), SUM(owner = ? AND client = ?) FROM jobs WHERE state = 'queued'",
                (owner, request.client),
            )
            total, own = waits.fetchone()
            if total >= most or (own or 0) >= most_of_client:
                raise refusal(
                    Code.TOO_MANY,
                    "Too many jobs wait already.",
                    kept="The scan you sent is kept.",
                    advice="Wait for some to end, or cancel some.",
                )
            row = (job_id, owner, request.client, request.priority.value, to_json(request))
            db.execute(
                "INSERT OR IGNORE INTO jobs"
                " (id, owner, client, priority, request, scan, context, state, submitted_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
                (*row, request.scan, request.context, time.time()),
            )
            db.execute(
                "UPDATE uploads SET held_until = 0, last_used_at = ? WHERE sha256 IN (?, ?)",
                (time.time(), request.scan, request.context),
            )

    def get(self, job_id: str) -> Job | None:
        """One job, or None."""
        with self._database.transaction() as db:
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return _job(row) if row else None

    def of_owner(self, owner: str, most: int) -> list[Job]:
        """A user's jobs, newest first, those that expired left out."""
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT * FROM jobs WHERE owner = ? AND state != 'expired' ORDER BY seq DESC LIMIT ?",
                (owner, most),
            ).fetchall()
        return [_job(row) for row in rows]

    def waiting(self) -> list[Job]:
        """All jobs in the queue, in the order in which they will start."""
        with self._database.transaction() as db:
            return _waiting(db)

    def count(self, state: JobState) -> int:
        """How many jobs are in a state."""
        with self._database.transaction() as db:
            (number,) = db.execute("SELECT COUNT(*) FROM jobs WHERE state = ?", (state.value,)).fetchone()
        return int(number)

    def claim(self, device: str, not_engines: set[str]) -> Job | None:
        """Starts the next job whose engine is none of `not_engines`; None where there is none."""
        with self._database.transaction() as db:
            job = next((job for job in _waiting(db) if job.request.engine not in not_engines), None)
            if job is None:
                return None
            db.execute(
                "UPDATE jobs SET state = 'running', device = ?, attempts = attempts + 1, started_at = ?,"
                " problem = NULL, turn = (SELECT MAX(turn) FROM jobs) + 1 WHERE id = ?",
                (device, time.time(), job.id),
            )
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job.id,)).fetchone()
        return _job(row)

    def end(self, job_id: str, state: JobState, problem: Problem | None, result_bytes: int | None) -> None:
        """Ends a running job."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE jobs SET state = ?, problem = ?, result_bytes = ?, ended_at = ?"
                " WHERE id = ? AND state = 'running'",
                (state.value, to_json(problem) if problem else None, result_bytes, time.time(), job_id),
            )

    def cancel_waiting(self, job_id: str) -> bool:
        """Cancels a job that has not started; False where it has."""
        with self._database.transaction() as db:
            done = db.execute(
                "UPDATE jobs SET state = 'cancelled', ended_at = ? WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            )
        return done.rowcount == 1

    def resume(self, job_id: str) -> bool:
        """Puts a failed, cancelled or interrupted job back into the queue; False where it is none."""
        states = [state.value for state in JobState if state.can_resume]
        with self._database.transaction() as db:
            done = db.execute(
                "UPDATE jobs SET state = 'queued', problem = NULL, ended_at = NULL, started_at = NULL"
                f" WHERE id = ? AND state IN ({','.join('?' * len(states))})",
                (job_id, *states),
            )
        return done.rowcount == 1

    def interrupt_running(self) -> int:
        """At the start: whatever ran when the last process ended was interrupted."""
        with self._database.transaction() as db:
            done = db.execute(
                "UPDATE jobs SET state = 'interrupted', problem = ?, ended_at = ? WHERE state = 'running'",
                (to_json(INTERRUPTED), time.time()),
            )
        return done.rowcount

    def lose_results(self, job_ids: set[str]) -> None:
        """Jobs that were done and whose result is no longer there: they can be resumed."""
        with self._database.transaction() as db:
            db.executemany(
                "UPDATE jobs SET state = 'interrupted', problem = ?, result_bytes = NULL"
                " WHERE id = ? AND state = 'done'",
                [(to_json(RESULT_GONE), job_id) for job_id in job_ids],
            )

    def expire(self, ended_before: float, owner: str | None = None, only: tuple[str, ...] = ()) -> list[str]:
        """Forgets jobs that ended before a time (a user's, or everybody's); their ids."""
        chosen = f"state IN ({ENDED_MARKS}) AND ended_at <= ?"
        values: list[object] = [*ENDED, ended_before]
        if owner is not None:
            chosen += " AND owner = ?"
            values.append(owner)
        if only:
            chosen += f" AND id IN ({','.join('?' * len(only))})"
            values.extend(only)
        with self._database.transaction() as db:
            ids = [row["id"] for row in db.execute(f"SELECT id FROM jobs WHERE {chosen}", values)]
            db.executemany(
                "UPDATE jobs SET state = 'expired', request = '', scan = NULL, context = NULL,"
                " problem = NULL, client = '', result_bytes = NULL, ended_at = ? WHERE id = ?",
                [(time.time(), job_id) for job_id in ids],
            )
        return ids

    def forget_expired(self, before: float) -> None:
        """Removes the last trace of jobs that expired before a time."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM jobs WHERE state = 'expired' AND ended_at <= ?", (before,))

    def with_result(self) -> set[str]:
        """Ids of the jobs whose result is kept."""
        with self._database.transaction() as db:
            return {row["id"] for row in db.execute("SELECT id FROM jobs WHERE state = 'done'")}


def _waiting(db: sqlite3.Connection) -> list[Job]:
    jobs = {row["id"]: _job(row) for row in db.execute("SELECT * FROM jobs WHERE state = 'queued'")}
    entries = [
        Waiting(row["id"], row["seq"], row["owner"], row["client"], Priority(row["priority"]))
        for row in db.execute("SELECT id, seq, owner, client, priority FROM jobs WHERE state = 'queued'")
    ]
    turns = {
        (row["owner"], row["client"]): int(row["latest"])
        for row in db.execute("SELECT owner, client, MAX(turn) AS latest FROM jobs GROUP BY owner, client")
    }
    return [jobs[entry.id] for entry in in_turn(entries, turns)]


def _job(row: sqlite3.Row) -> Job:
    expired = row["state"] == JobState.EXPIRED.value
    return Job(
        id=row["id"],
        owner=row["owner"],
        request=JobRequest("expired", "0" * 64) if expired else from_json(JobRequest, row["request"]),
        state=JobState(row["state"]),
        device=row["device"],
        problem=from_json(Problem, row["problem"]) if row["problem"] else None,
        attempts=row["attempts"],
        submitted_at=row["submitted_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        result_bytes=row["result_bytes"],
    )
