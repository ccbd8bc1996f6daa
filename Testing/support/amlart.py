"""Running the command `amlart` in this process, as its console script would."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from inference_backend.cli import main


@dataclass(frozen=True)
class Ran:
    """What one call gave back: exit code, standard output, standard error (as one line of words)."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object of a call with --json."""
        parsed: dict[str, Any] = json.loads(self.out)
        return parsed


def amlart(*words: object) -> Ran:
    """Calls the command with these words."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return Ran(code, out.getvalue(), " ".join(err.getvalue().split()))
