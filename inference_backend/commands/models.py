"""`amlart models`: models of your own or published ones: added, checked, listed, accepted, removed."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.contract.errors import AmlartError, BadSetting
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands import models_by_weights, models_published
from inference_backend.commands.choices import words
from inference_backend.commands.console import progress_bar, result_json, result_table, to_user
from inference_backend.few_shot.description import FewShot
from inference_backend.interactive.description import Interactive
from inference_backend.models.added import Added, read_added
from inference_backend.models.licences import accept as record_acceptance
from inference_backend.models.licences import accepted
from inference_backend.models.pack import Pack
from inference_backend.models.store import bundle_folder, own_bundles, own_packs
from inference_backend.monai_bundle.description import MonaiModel

app = typer.Typer(no_args_is_help=True, help="Models: add, download, verify, list, accept, remove.")
MEBIBYTE = 1 << 20
COLUMNS = ("id", "title", "version", "structures", "kind", "licence", "accepted", "size")
Id = Annotated[str, typer.Argument(help="Id of an added model.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Sources = Annotated[
    list[Path],
    typer.Argument(
        help="Trained nnU-Net v2 folders, folders above several, zips of them, or names of published weights "
        "that lie where their own program keeps them, such as totalsegmentator:total."
    ),
]
NewId = Annotated[str, typer.Option("--id", help="Id of the engine that it becomes.")]
Licence = Annotated[str | None, typer.Option(help="Licence of the weights, by name.")]
ResearchOnly = Annotated[bool, typer.Option("--research-only", help="The licence forbids commercial use.")]
Letters = Annotated[
    str | None, typer.Option(help="Axes of the training images: LPS is DICOM's order, RAS nibabel's.")
]
Like = Annotated[Path | None, typer.Option(help="An image of the training set, instead of --axes.")]
Mapped = Annotated[
    list[str] | None, typer.Option("--map", help="label=structure, or label= to leave it out.")
]
Folds = Annotated[str | None, typer.Option(help="Folds to use, such as 0,1 or all.")]
Step = Annotated[float | None, typer.Option(help="Windows apart, as a part of their side: 0.1 to 1.")]
Mirrors = Annotated[bool, typer.Option(help="Ask about mirror images where the training allows it.")]
Title = Annotated[str | None, typer.Option(help="Title, for lists and reports.")]
Version = Annotated[str, typer.Option(help="Version, for provenance.")]


def add_to(root: typer.Typer) -> None:
    """Adds the command."""
    models_by_weights.add_to(app)
    models_published.add_to(app)
    root.add_typer(app, name="models")


@app.command("add")
def add(
    sources: Sources,
    name: NewId,
    licence: Licence = None,
    research_only: ResearchOnly = False,
    axes: Letters = None,
    like: Like = None,
    mapped: Mapped = None,
    folds: Folds = None,
    step: Step = None,
    mirrors: Mirrors = True,
    title: Title = None,
    version: Version = "1",
) -> None:
    """Add a trained nnU-Net v2 folder, such as your own or TotalSegmentator's, as an engine."""
    from inference_backend.models.pack_adding import Wish, add_model
    from inference_backend.models.pack_labels import choices
    from inference_backend.models.published import require_here

    if axes and like:
        raise BadSetting("--axes and --like say the same.", advice="Give one of them.")
    weights = models_published.named(sources)
    wish = Wish(
        id=name,
        title=title or (weights.title if weights else None),
        version=version,
        licence=licence or (weights.licence if weights else None),
        licence_note=models_published.licence_note(weights) if weights else None,
        research_only=research_only or bool(weights and weights.research_only),
        axes=_axes_of(like) if like else axes,
        step=step,
        mirrors=mirrors,
        folds=words(folds),
        choices=choices(mapped or [], catalogue()),
    )
    with progress_bar() as report:
        pack = add_model(require_here(weights) if weights else sources, wish, report)
    to_user("[bold]{}[/] gives {}.", name, ", ".join(pack.structures))
    if pack.left_out:
        to_user("[yellow]Left out[/], unknown to the catalogue: {}.", ", ".join(pack.left_out))
    to_user("Read its licence and accept it: amlart models accept {}", name)


@app.command("accept")
def accept(
    name: Id, by: Annotated[str | None, typer.Option(help="Who accepts; without it this user.")] = None
) -> None:
    """Accept the licence of an added model, for the record. It does not run before."""
    folder, pack = _added(name)
    if pack.licence_text is not None:
        to_user("{}", (folder / pack.licence_text.file).read_text(encoding="utf-8", errors="replace"))
    if pack.research_only:
        to_user("[bold yellow]This licence forbids commercial use.[/]")
    given = record_acceptance(folder, pack.licence, by or getpass.getuser())
    to_user("{}: {} accepted the licence {}.", name, given.by, given.licence)


@app.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Ids; without them all.")] = None,
    as_json: Json = False,
) -> None:
    """Read every file of added models and see that each is what it was. Exit code 1 where one is not."""
    from inference_backend.models.pack_checking import fault_of

    found = {name: fault_of(bundle_folder(name)) for name in names or own_packs()}
    if as_json:
        result_json({"models": [{"id": n, "ok": not f, "fault": f} for n, f in found.items()]})
    else:
        table = Table("model", "in order", "what is wrong")
        for name, fault in found.items():
            table.add_row(name, "no" if fault else "yes", fault)
        result_table(table)
    if any(found.values()):
        raise typer.Exit(1)


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List added models and bundles: licence, who accepted it, size, structures."""
    rows = [_row(name) for name in own_packs()]
    if as_json:
        result_json({"models": rows, "bundles": list(own_bundles())})
        return
    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    result_table(table)
    if own_bundles():
        to_user("Bundles: {}.", ", ".join(own_bundles()))


@app.command("remove")
def remove(name: Id, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove an added model and its weights."""
    if name not in own_packs():
        raise BadSetting(f"There is no added model {name!r}.", advice=f"There are {_those()}.")
    if not yes:
        typer.confirm(f"Remove {name} and its weights?", abort=True, err=True)
    shutil.rmtree(bundle_folder(name))
    to_user("{} is removed.", name)


def _row(name: str) -> dict[str, str | int]:
    folder = bundle_folder(name)
    try:
        pack = read_added(folder)
    except AmlartError as error:
        return {**dict.fromkeys(COLUMNS, ""), "id": name, "title": str(error)}
    given = accepted(folder)
    return {
        "id": name,
        "title": pack.title,
        "version": pack.version,
        "structures": len(pack.structures),
        "kind": _kind(pack),
        "licence": pack.terms,
        "accepted": given.by if given else "nobody",
        "size": f"{pack.weight_bytes / MEBIBYTE:.1f} MiB",
    }


def _kind(model: Added) -> str:
    if isinstance(model, Pack):
        return f"nnU-Net, {sum(len(part.folds) for part in model.parts)} folds"
    if isinstance(model, FewShot):
        return f"few-shot, {len(model.examples)} examples"
    if isinstance(model, MonaiModel):
        return f"MONAI bundle, {model.network.arguments['network']}"
    if isinstance(model, Interactive):
        return "interactive, on a server" if model.folder is None else "interactive"
    return f"prompted, {model.look.value}"


def _added(name: str) -> tuple[Path, Added]:
    if name not in own_packs():
        raise BadSetting(f"There is no added model {name!r}.", advice=f"There are {_those()}.")
    return bundle_folder(name), read_added(bundle_folder(name))


def _those() -> str:
    return ", ".join(own_packs()) or "none yet"


def _axes_of(image: Path) -> str:
    import SimpleITK as sitk

    from inference_backend.nnunet.axes import Axes

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(image))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise BadSetting(f"{image.name} is no image that can be read.", advice="Give a .nii.gz.") from error
    return Axes.nearest(reader.GetDirection()).letters
