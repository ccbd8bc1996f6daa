"""The versions that were installed together, one file for each extra of pyproject.toml, in `locks/`.

    cd Testing && python -m support.locks [EXTRA ...]

writes anew the files of these extras, or of all that are wholly installed in the interpreter that runs it.
They are pip's constraints: pip install -c locks/models.txt 'amlart-contour[models]'. The environment of `make
test` is made by those of core, models, sam, fast and web. Versions have no local part, so torch's builds for
CPU and GPU are one.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "locks"
CORE = "core"
NOT_LOCKED = ("dev", "peers", "bench")  # for tests and comparisons alone; nobody works with them
HEAD = """\
# Versions that were installed together. As constraints: pip install -c locks/{extra}.txt '{what}'
# Written by Testing/support/locks.py.
"""


def extras() -> dict[str, tuple[Requirement, ...]]:
    """What each locked extra asks for, and the package itself as `core`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {CORE: project["dependencies"], **project["optional-dependencies"]}
    return {name: tuple(map(Requirement, lines)) for name, lines in asked.items() if name not in NOT_LOCKED}


def installed(asked: tuple[Requirement, ...]) -> dict[str, Version] | None:
    """Every package that the requirements bring, with its version here; None where one is not installed."""
    found: dict[str, Version] = {}
    waiting = list(asked)
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        try:
            package = distribution(wanted.name)
        except PackageNotFoundError:
            return None
        found[canonicalize_name(wanted.name)] = Version(Version(package.version).public)
        waiting += _needs(package.requires or [], wanted.extras)
    return found


def read(extra: str) -> dict[str, Version]:
    """One file of versions."""
    lines = (LOCKS / f"{extra}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (re.fullmatch(r"([a-z0-9-]+)==(\S+)", line) for line in lines if not line.startswith("#"))
    return {found.group(1): Version(found.group(2)) for found in pairs if found}


def write(extra: str, versions: Mapping[str, Version]) -> None:
    """One file of versions, in order."""
    what = "amlart-contour" if extra == CORE else f"amlart-contour[{extra}]"
    body = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
    LOCKS.mkdir(exist_ok=True)
    (LOCKS / f"{extra}.txt").write_text(HEAD.format(extra=extra, what=what) + body, encoding="utf-8")


def _needs(lines: list[str], chosen: set[str]) -> Iterator[Requirement]:
    """What a package with the chosen extras of its own needs on this machine."""
    for line in lines:
        needed = Requirement(line)
        worlds: list[dict[str, str]] = [{"extra": extra} for extra in chosen] or [{"extra": ""}]
        if needed.marker is None or any(needed.marker.evaluate(world) for world in worlds):
            yield needed


if __name__ == "__main__":
    every = extras()
    for name in sys.argv[1:] or every:
        versions = installed(every[name])
        if versions is not None:
            write(name, versions)
