"""Fetching one file by HTTPS: only where a user asked for it, verified, limited, and resumed after a break.

What came before a break stays beside the target as `.part`, with its address and the mark that the server
gave it; the next try asks for the rest, and begins anew where the file is another by then. Proxies and
further certificates are taken from the environment, as `requests` does. Redirects are followed to HTTPS only.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from AmlartContourLib.contract.errors import BadSetting, DamagedFile, InputRefused, TooLarge

CHUNK = 1 << 16  # what is lost at most where the way breaks
MEBIBYTE = 1 << 20
MOST_BYTES = 8 << 30
REDIRECTS = 5
TRIES = 3
TIMEOUT_S = (15.0, 60.0)  # to connect, and between two pieces
GO_ON = "Type the same command again: it goes on where it was."
Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Wanted:
    """A file to fetch. `sha256`: what it must be, where somebody says so. `ca_file`: a site's own
    certificates."""

    url: str
    sha256: str | None = None
    limit: int = MOST_BYTES
    ca_file: Path | None = None


@dataclass(frozen=True)
class Fetched:
    """What came."""

    path: Path
    sha256: str
    bytes: int


def fetch(wanted: Wanted, target: Path, tell: Tell) -> Fetched:
    """Fetches a file, or finds it fetched. BadSetting for an address that is not HTTPS; InputRefused where
    the server cannot be reached or trusted, or the way broke; TooLarge beyond the limit or the disk;
    DamagedFile where it is not what it must be."""
    _require_https(wanted.url)
    if not target.is_file():
        part = target.with_name(target.name + ".part")
        for attempt in range(TRIES):
            try:
                _fetch(wanted, part, tell)
                break
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            ) as error:
                if isinstance(error, requests.exceptions.SSLError) or attempt == TRIES - 1:
                    raise _broken(wanted.url, part, error) from error
        part.replace(target)
        _mark(part).unlink(missing_ok=True)
    digest = _digest(target)
    if wanted.sha256 is not None and digest != wanted.sha256:
        target.unlink()
        raise DamagedFile(
            f"{target.name} is not what it must be: its SHA-256 is {digest}.",
            kept="It was removed.",
            advice="Fetch it again; if that does not help, ask who published it.",
        )
    return Fetched(target, digest, target.stat().st_size)


def _fetch(wanted: Wanted, part: Path, tell: Tell) -> None:
    """One try: the rest of what is there, or all."""
    with _answer(wanted, _range(part, wanted.url)) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink(missing_ok=True)  # it is not the beginning of this file
            raise requests.ConnectionError("the part is of another file")
        if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise _refused(wanted.url, answer.status_code)
        at = _start_of(answer, part)
        total = at + int(answer.headers.get("Content-Length") or 0)
        _require_room(total, wanted, part)
        _mark(part).write_text(json.dumps({"url": wanted.url, "mark": answer.headers.get("ETag", "")}))
        with part.open("ab" if at else "wb") as file:
            for piece in answer.iter_content(CHUNK):
                at += len(piece)
                if at > wanted.limit:
                    raise TooLarge(f"{part.stem} is longer than {wanted.limit // MEBIBYTE} MB.")
                file.write(piece)
                tell(at / total if total >= at else 0.0, f"Fetching {part.stem}: {at // MEBIBYTE} MB")
        if at < total:
            raise requests.ConnectionError("the answer ended early")


@contextmanager
def _answer(wanted: Wanted, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer after its redirects, each of them to HTTPS."""
    url = wanted.url
    with requests.Session() as session:
        trusted: bool | str = True if wanted.ca_file is None else str(wanted.ca_file)
        for __ in range(REDIRECTS + 1):
            answer = session.get(
                url,
                headers=headers,
                stream=True,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                verify=trusted,
            )
            with closing(answer):
                if not answer.is_redirect:
                    yield answer
                    return
                url = urljoin(url, answer.headers["Location"])
                _require_https(url)
    raise InputRefused(f"{_place(wanted.url)} leads from one address to another without end.")


def _range(part: Path, url: str) -> dict[str, str]:
    """Asks for the rest, where the part is of this address and the server can tell whether it changed."""
    plain = {"Accept-Encoding": "identity"}
    try:
        known = json.loads(_mark(part).read_text())
        size = part.stat().st_size
    except (OSError, ValueError):
        return plain
    mark = str(known.get("mark") or "") if isinstance(known, dict) and known.get("url") == url else ""
    if not size or not mark or mark.startswith("W/"):  # a weak mark does not tell one byte from another
        return plain
    return {**plain, "Range": f"bytes={size}-", "If-Range": mark}


def _start_of(answer: requests.Response, part: Path) -> int:
    """How much of the file is there already."""
    if answer.status_code != requests.codes.partial_content:
        return 0
    told = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    size = part.stat().st_size
    if told is None or int(told.group(1)) != size:
        part.unlink(missing_ok=True)
        raise requests.ConnectionError("the server gave another part")
    return size


def _require_room(total: int, wanted: Wanted, part: Path) -> None:
    if total > wanted.limit:
        raise TooLarge(f"{part.stem} has {total // MEBIBYTE} MB; {wanted.limit // MEBIBYTE} are the most.")
    there = part.stat().st_size if part.is_file() else 0
    free = shutil.disk_usage(part.parent).free
    if total - there > free:
        raise TooLarge(
            f"{part.stem} has {total // MEBIBYTE} MB, and {free // MEBIBYTE} MB are free on the disk.",
            advice="Free some space.",
        )


def _require_https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username:
        raise BadSetting(f"Weights are fetched by https only, not from {_place(url)}.")


def _refused(url: str, status: int) -> InputRefused:
    return InputRefused(
        f"{_place(url)} answers {status} for {urlsplit(url).path.rpartition('/')[2]}.",
        kept="Nothing was added.",
        advice="It may have moved: fetch the zip by hand and use `amlart models add ZIP`.",
    )


def _broken(url: str, part: Path, error: Exception) -> InputRefused:
    if isinstance(error, requests.exceptions.SSLError):
        return InputRefused(
            f"The certificate of {_place(url)} cannot be trusted.",
            kept="Nothing was fetched.",
            advice="Behind a proxy that opens TLS, give the hospital's certificate after --ca-file.",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return InputRefused(
            f"The proxy does not lead to {_place(url)}.", advice="Check HTTPS_PROXY and NO_PROXY."
        )
    came = part.stat().st_size // MEBIBYTE if part.is_file() else 0
    return InputRefused(
        f"The connection to {_place(url)} broke or was not made.",
        kept=f"{came} MB are kept." if came else "",
        advice=GO_ON,
    )


def _place(url: str) -> str:
    return urlsplit(url).hostname or "that address"


def _mark(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
