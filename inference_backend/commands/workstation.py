"""`amlart workstation`: the browser workstation over a folder of patients, until Ctrl-C."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.home import default_home
from AmlartContourLib.contract.notice import RESEARCH_ONLY
from inference_backend.commands.console import to_user
from inference_backend.server.private_files import private_folder
from inference_backend.server.settings import Settings
from inference_backend.server.tokens import Tokens, add_token

DEFAULT_PORT = 8643
FOLDER = "workstation"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("workstation")(workstation)


def workstation(
    patients: Annotated[Path | None, typer.Argument(help="Folder of patients: DICOM or NIfTI.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 need TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; a free one where it is taken; 0: any.")] = DEFAULT_PORT,
    home: Annotated[Path | None, typer.Option(help="Private folder for the work and the backend.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key, PEM.")] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A further name to answer to.")] = None,
    new_user: Annotated[str | None, typer.Option(help="Make a link for this user, print it, end.")] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the link here.")] = True,
) -> None:
    """Run the workstation in the browser. Prints a link; whoever has it works as that user."""
    base = home or default_home()
    folder = private_folder(private_folder(base) / FOLDER)
    if new_user is not None:
        typer.echo(add_token(folder, new_user))
        to_user("Open http(s)://…/enter?token=… with this token, at the address the workstation printed.")
        return
    from inference_backend.commands.workstation_run import serve_workstation  # heavy: not for other commands

    Tokens(folder)  # makes this machine's own user where there is none yet
    settings = Settings(
        home=folder,
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        more_hosts=tuple(allow_host or ()),
    )

    def announce(link: str) -> None:
        to_user("Open the workstation: [bold]{}[/]", link)
        to_user("The link is for you alone: it lets in whoever has it. Ctrl-C ends the workstation.")
        to_user(RESEARCH_ONLY)
        if open_browser:
            webbrowser.open(link)

    serve_workstation(settings, patients, base, announce)
