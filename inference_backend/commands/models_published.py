"""`amlart models published` and `download`: weights that others publish, found here or fetched where the user
asks for it."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.contract.messages import SHA256
from inference_backend.commands.console import progress_bar, result_json, result_table, to_user
from inference_backend.models.pack import Origin
from inference_backend.models.published import PUBLISHED, Published, found_here, published
from inference_backend.models.store import bundle_folder
from inference_backend.models.wish import require_name

DOWNLOADS = "downloads"
COLUMNS = ("name", "title", "files", "licence", "on this machine")


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("published")(list_published)
    app.command("download")(download)


def named(sources: Sequence[Path]) -> Published | None:
    """The published weights that the one source is the name of; None where it is a path."""
    names = {one.name: one for one in PUBLISHED}
    return names.get(str(sources[0])) if len(sources) == 1 else None


def licence_note(weights: Published) -> bytes:
    """What is kept beside weights that come without the text of their licence."""
    return f"{weights.licence}\n{weights.licence_url}\n".encode()


def list_published(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List published weights that can be fetched, their licence, and whether they are on this machine."""
    rows = [(one, bool(found_here(one))) for one in PUBLISHED]
    if as_json:
        result_json({"published": [_plain(one, is_here) for one, is_here in rows]})
        return
    table = Table(*COLUMNS)
    for one, is_here in rows:
        terms = f"{one.licence} (no commercial use)" if one.research_only else one.licence
        table.add_row(one.name, one.title, str(len(one.folders)), terms, "yes" if is_here else "no")
    result_table(table)


def download(
    name: Annotated[str, typer.Argument(help="Name of published weights: see `amlart models published`.")],
    engine: Annotated[str, typer.Option("--id", help="Id of the engine that they become.")],
    by: Annotated[str | None, typer.Option(help="Who accepts the licence; without it this user.")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence that is shown, without a question.")
    ] = False,
    mirror: Annotated[
        str | None, typer.Option(help="https address of the hospital's own copy, instead of the publisher's.")
    ] = None,
    expected: Annotated[
        list[str] | None, typer.Option("--sha256", help="FILE=HASH that a file must have.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="The hospital's certificates, where a proxy opens TLS.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the zips after they were added.")] = False,
) -> None:
    """Fetch published weights, check them, and add them as an engine. No other command fetches anything."""
    from inference_backend.models.licences import accept
    from inference_backend.models.pack_adding import Wish, add_model

    require_name(engine)
    weights = published(name)
    hashes = _hashes(expected or [], weights)
    if bundle_folder(engine).exists():
        raise BadSetting(f"There is a model {engine} already.", advice="Choose another --id, or remove it.")
    _ask(weights, mirror, accept_licence=accept_licence)
    zips, origins = _fetched(weights, mirror, hashes, ca_file)
    wish = Wish(
        id=engine,
        title=weights.title,
        version=weights.release,
        licence=weights.licence,
        research_only=weights.research_only,
        licence_note=licence_note(weights),
        origins=origins,
    )
    with progress_bar() as report:
        pack = add_model(zips, wish, report)
    given = accept(bundle_folder(engine), pack.licence, by or getpass.getuser())
    if not keep:
        for path in zips:
            path.unlink()
    _tell(engine, pack.structures, origins, given.by)


def _fetched(
    weights: Published, mirror: str | None, hashes: Mapping[str, str], ca_file: Path | None
) -> tuple[list[Path], tuple[Origin, ...]]:
    """Every part as a zip, and where each came from. Raises what `fetch` raises."""
    from inference_backend.models.fetching import Wanted, fetch
    from inference_backend.server.private_files import private_folder

    folder = private_folder(private_folder(default_home()) / DOWNLOADS)
    zips, origins = [], []
    for part in weights.folders:
        file = f"{part}.zip"
        wanted = Wanted(weights.url(part, mirror), hashes.get(file), ca_file=ca_file)
        with progress_bar() as report:
            came = fetch(wanted, folder / file, report)
        zips.append(came.path)
        origins.append(Origin(wanted.url, came.sha256, came.bytes, wanted.sha256 is not None))
    return zips, tuple(origins)


def _ask(weights: Published, mirror: str | None, *, accept_licence: bool) -> None:
    """Shows what would be fetched and under which licence. Aborts unless the user agrees."""
    for part in weights.folders:
        to_user("{}", weights.url(part, mirror))
    to_user("Licence: [bold]{}[/]", weights.licence)
    if weights.research_only:
        to_user("[bold yellow]This licence forbids commercial use.[/]")
    if not accept_licence:
        typer.confirm("Fetch these files, and accept their licence?", abort=True, err=True)


def _tell(engine: str, structures: tuple[str, ...], origins: tuple[Origin, ...], by: str) -> None:
    for origin in origins:
        source = "as expected" if origin.expected else "worked out; its publisher gives none"
        to_user("SHA-256 {} ({}): {}", origin.sha256, source, origin.url.rpartition("/")[2])
    to_user("[bold]{}[/] gives {}. {} accepted its licence.", engine, ", ".join(structures), by)


def _hashes(entries: list[str], weights: Published) -> dict[str, str]:
    """What was said of files by FILE=HASH. BadSetting where it is none, or of another file."""
    found = {}
    for entry in entries:
        file, _, digest = entry.rpartition("=")
        if not re.fullmatch(SHA256, digest.lower()) or file.removesuffix(".zip") not in weights.folders:
            raise BadSetting(
                f"{entry!r} is no hash of a file of {weights.name}.",
                advice="Write FILE.zip=HASH, 64 digits; `amlart models published --json` lists the files.",
            )
        found[file] = digest.lower()
    return found


def _plain(one: Published, is_here: bool) -> dict[str, object]:
    return {
        "name": one.name,
        "title": one.title,
        "licence": one.licence,
        "research_only": one.research_only,
        "files": [one.url(folder) for folder in one.folders],
        "here": is_here,
    }
