"""`amlart pack-offline`: a folder from which the backend is installed where there is no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.client.offline_folder import pack_offline
from inference_backend.commands.console import to_user

SOURCE = Path(__file__).resolve().parents[2]


def command(
    folder: Annotated[Path, typer.Argument(help="Where the folder is to be; it must not be there yet.")],
    platform: Annotated[
        list[str] | None,
        typer.Option(help="The computers it is for, as pip names them (win_amd64); else such as this one."),
    ] = None,
    index: Annotated[
        list[str] | None, typer.Option(help="A further package index, such as PyTorch's for one GPU.")
    ] = None,
    source: Annotated[Path, typer.Option(help="The backend's own folder, or a wheel of it.")] = SOURCE,
) -> None:
    """Pack all that the backend needs, with its hashes, for computers without a network."""
    pip = [part for url in index or () for part in ("--extra-index-url", url)]
    files = pack_offline(source, folder, platform or (), pip)
    size_gb = sum(file.stat().st_size for file in files) / 1e9
    to_user("{} files, {} GB, are in [bold]{}[/].", len(files), f"{size_gb:.2f}", folder)


def add_to(app: typer.Typer) -> None:
    """Registers the command."""
    app.command("pack-offline")(command)
