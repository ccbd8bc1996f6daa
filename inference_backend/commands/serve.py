"""`amlart serve`: the backend, in the foreground, until Ctrl-C."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.home import RunningBackend, default_home
from AmlartContourLib.contract.notice import RESEARCH_ONLY
from inference_backend.commands.console import to_user
from inference_backend.engines.registry import Registry, listed
from inference_backend.server.private_files import private_folder
from inference_backend.server.settings import DEFAULT_PORT, Limits, Settings
from inference_backend.server.tokens import add_token


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 need TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.")] = DEFAULT_PORT,
    home: Annotated[Path | None, typer.Option(help="Private folder for uploads, jobs and results.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key, PEM.")] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A further name to answer to.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu, cuda:0, ...: one worker each.")] = None,
    retention_hours: Annotated[float, typer.Option(help="How long ended jobs and uploads are kept.")] = 24.0,
    job_minutes: Annotated[float, typer.Option(help="A job is ended after that.")] = 60.0,
    new_token: Annotated[str | None, typer.Option(help="Make a token for this user, print it, end.")] = None,
) -> None:
    """Run the backend. It keeps voxels and geometry only, in a private folder, for the retention time."""
    folder = home or default_home()
    if new_token is not None:
        typer.echo(add_token(private_folder(folder), new_token))
        return
    from inference_backend.server.serving import serve as run_backend  # heavy: not for every other command

    settings = Settings(
        home=folder,
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        more_hosts=tuple(allow_host or ()),
        devices=tuple(device or ("cpu",)),
        retention_s=retention_hours * 3600,
        limits=Limits(job_seconds=job_minutes * 60),
    )
    logging.getLogger().setLevel(logging.INFO)
    run_backend(settings, Registry(listed(folder)), _announce)


def _announce(running: RunningBackend) -> None:
    to_user("Backend listening at {}. Ctrl-C ends it.", running.url)
    to_user("Clients on this machine find it and its token by themselves; for others: --new-token NAME.")
    to_user(RESEARCH_ONLY)
