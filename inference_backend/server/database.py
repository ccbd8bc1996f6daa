"""The embedded database: jobs, uploads and measured runs in one SQLite file (WAL, every commit on the disk).

One connection, one lock: `transaction` is the only way in, and it is the innermost lock of the backend:
nothing else is locked, sent or waited for inside one. A full disk is a refusal and changes nothing.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.problems import Code, refusal

SCHEMA_VERSION = 1
NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
PRIMARY_CODE = 0xFF  # SQLite's extended codes carry the primary code in the low byte

SCHEMA = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    client TEXT NOT NULL,
    priority TEXT NOT NULL,
    request TEXT NOT NULL,
    scan TEXT,
    context TEXT,
    state TEXT NOT NULL,
    device TEXT,
    problem TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    turn INTEGER NOT NULL DEFAULT 0,
    submitted_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    result_bytes INTEGER
);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_owner ON jobs (owner, seq);
CREATE TABLE uploads (
    sha256 TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    grid TEXT NOT NULL,
    structures TEXT NOT NULL,
    voxels INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    last_used_at REAL NOT NULL,
    held_until REAL NOT NULL
);
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    engine TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    device TEXT NOT NULL,
    voxels INTEGER NOT NULL,
    seconds REAL NOT NULL,
    peak_bytes INTEGER NOT NULL
);
"""


class Database:
    """The open file. Made once by the backend's process; workers never see it."""

    def __init__(self, path: Path) -> None:
        """BadSetting where the file is no database of this version, or the disk takes none."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise BadSetting(
                f"The backend's database {path.name} cannot be used: {error}.",
                kept="Nothing in it was changed.",
                advice="If the disk is full, free some space. A damaged one can be moved away, its jobs too.",
            ) from error

    def _open(self, path: Path) -> None:
        self._connection.row_factory = sqlite3.Row
        path.chmod(0o600)
        # Exclusive: no index in shared memory, which a full disk would turn into a fatal signal.
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "journal_size_limit=1048576",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        self._prepare()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. BackendRefused with DISK_FULL where the disk takes no more."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                if error.sqlite_errorcode & PRIMARY_CODE in NO_ROOM:
                    raise disk_full() from error
                raise
            except BaseException:  # also an interrupt must not leave a transaction open
                self._roll_back()
                raise

    def close(self) -> None:
        """Writes what is pending into the main file and lets go of it."""
        with self._lock:
            self._connection.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _prepare(self) -> None:
        with self.transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in filter(str.strip, SCHEMA.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise BadSetting(
                    "The backend's folder was written by another version of this software.",
                    kept="Nothing in it was changed.",
                    advice="Use that version, or give another --home.",
                )


def disk_full() -> Exception:
    """The refusal where the disk takes no more."""
    return refusal(
        Code.DISK_FULL,
        "The backend's disk is full.",
        kept="Jobs and results that are there are kept.",
        advice="Free some space, or remove old results with `amlart jobs purge`.",
    )
