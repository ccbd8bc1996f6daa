"""Where a backend on this machine keeps its things, and how a client on this machine finds it.

The folder is private (0700). `running.json` (0600) tells where the running backend listens; `tokens` (0600)
holds one "name token" pair a line, the first named "local". A client trusts neither file unless it belongs to
the same user and nobody else can read or write it.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json

HOME_VARIABLE = "AMLART_HOME"
RUNNING_FILE = "running.json"
TOKENS_FILE = "tokens"
LOCAL_NAME = "local"


@dataclass(frozen=True)
class RunningBackend(Message):
    """A backend that runs: process id, address, whether TLS is used, and the id it gives in `Health`."""

    pid: int
    url: str
    instance: str
    tls: bool


def default_home() -> Path:
    """The folder of this user's backend: $AMLART_HOME, else what the system has for such data."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "AmlartContour"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "AmlartContour"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "amlart-contour"


def read_running(home: Path) -> RunningBackend | None:
    """The backend that says it runs in this folder, or None. Whether it still does is the caller's to ask."""
    try:
        return from_json(RunningBackend, _read_private(home / RUNNING_FILE))
    except (OSError, AmlartError):
        return None


def read_local_token(home: Path) -> str | None:
    """The token of this machine's own user, or None where there is none yet."""
    try:
        return parse_tokens(_read_private(home / TOKENS_FILE)).get(LOCAL_NAME)
    except (OSError, AmlartError):
        return None


def parse_tokens(text: str) -> dict[str, str]:
    """Tokens by name. BadSetting where a line is not "name token"."""
    tokens: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, _, token = line.partition(" ")
        if not token or name in tokens:
            raise BadSetting("The tokens file does not hold one name and one token a line, each name once.")
        tokens[name] = token.strip()
    return tokens


def _read_private(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        require_private(os.fstat(file.fileno()), path.name)
        return file.read(1 << 16)


def require_private(state: os.stat_result, name: str) -> None:
    """BadSetting unless the file or folder is this user's own and closed to all others. Windows keeps such
    folders private by the user's profile, so nothing is asked there."""
    if sys.platform == "win32":
        return
    if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise BadSetting(
            f"{name} can be read or changed by other users.", advice="Close it to them: chmod go-rwx."
        )
