"""Which backend a command means: this machine's own, or one elsewhere with its token and certificate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.client.address import BackendAddress
from AmlartContourLib.client.backend import BackendClient
from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.client.local_backend import LocalBackend, serve_command
from AmlartContourLib.contract.errors import BackendUnreachable, BadSetting
from AmlartContourLib.contract.problems import Cause

TokenFile = Annotated[Path | None, typer.Option(help="File that holds the token of a backend elsewhere.")]
CaFile = Annotated[Path | None, typer.Option(help="Certificate to trust for a backend elsewhere.")]


def running_backend(
    url: str | None, token_file: Path | None, ca_file: Path | None, home: Path | None
) -> BackendClient:
    """The backend at the URL, or the one that runs on this machine. BackendUnreachable where none runs."""
    if url is not None:
        return _elsewhere(url, token_file, ca_file)()
    address = LocalBackend((), home).find()
    if address is None:
        raise BackendUnreachable(
            "No backend runs on this machine.",
            Cause.REFUSED.value,
            advice="Start it with `amlart serve`, or give --url.",
        )
    return BackendClient(address)


def any_backend(url: str | None, token_file: Path | None, ca_file: Path | None) -> Connect:
    """The backend at the URL, or this machine's own, which is started where none runs and ends by itself."""
    if url is not None:
        return _elsewhere(url, token_file, ca_file)
    return LocalBackend(serve_command(Path(sys.executable))).connect


def _elsewhere(url: str, token_file: Path | None, ca_file: Path | None) -> Connect:
    if token_file is None:
        raise BadSetting("A backend elsewhere needs a token.", advice="Give --token-file.")
    try:
        token = token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSetting(f"The token file cannot be read: {error.strerror}.") from error
    address = BackendAddress(url, token, ca_file)
    return lambda: BackendClient(address)
