"""`amlart models add-few-shot`, `add-prompted`, `add-interactive`, `add-monai`: models that are no nnU-Net
folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.structures import Role
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands.choices import words
from inference_backend.commands.console import progress_bar, to_user
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.layout import STRUCTURES
from inference_backend.dataset.splits import read_splits
from inference_backend.few_shot.description import USUAL_SUPPORT
from inference_backend.models.known_weights import known_weights
from inference_backend.models.wish import Wish
from inference_backend.prompted.description import Look

DRAWN = (Role.ORGAN, Role.GTV, Role.CTV_PART, Role.NODAL_LEVEL, Role.LANDMARK)
Weights = Annotated[Path, typer.Argument(help="File of weights, such as .pt or .pth.")]
NewId = Annotated[str, typer.Option("--id", help="Id of the engine that it becomes.")]
Structures = Annotated[str | None, typer.Option(help="Catalogue ids, with commas between them.")]
Licence = Annotated[str | None, typer.Option(help="Licence of the weights, by name.")]
LicenceFile = Annotated[Path | None, typer.Option(help="The licence's text, kept beside the weights.")]
ResearchOnly = Annotated[bool, typer.Option("--research-only", help="The licence forbids commercial use.")]
Title = Annotated[str | None, typer.Option(help="Title, for lists and reports.")]
Version = Annotated[str, typer.Option(help="Version, for provenance.")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("add-few-shot")(add_few_shot)
    app.command("add-prompted")(add_prompted)
    app.command("add-interactive")(add_interactive)
    app.command("add-monai")(add_monai)


def add_few_shot(
    weights: Weights,
    cases: Annotated[Path, typer.Option(help="Folder of labelled cases that become its examples.")],
    name: NewId,
    splits: Annotated[
        Path | None, typer.Option(help="Split of those cases; its hold-out becomes no examples.")
    ] = None,
    all_cases: Annotated[
        bool, typer.Option("--all-cases", help="Instead of --splits: every labelled case becomes an example.")
    ] = False,
    licence: Licence = None,
    licence_file: LicenceFile = None,
    research_only: ResearchOnly = False,
    structures: Structures = None,
    support_size: Annotated[int, typer.Option(help="Most examples shown at once, 1 to 80.")] = USUAL_SUPPORT,
    title: Title = None,
    version: Version = "1",
) -> None:
    """Add UniverSeg with labelled cases of your own as its examples."""
    from inference_backend.few_shot.adding import add_few_shot as add

    wish = _wish(weights, name, licence, title, version, research_only, licence_file)
    held = _hold_out(splits, cases, all_cases=all_cases)
    gives = _ids(structures) or tuple(STRUCTURES)
    with progress_bar() as report:
        model, told = add(weights, cases, gives, support_size, wish, report, held)
    for sentence in told:
        to_user("[yellow]{}[/]", sentence)
    to_user("[bold]{}[/] gives {}, by {} examples.", name, ", ".join(model.structures), len(model.examples))
    _tell_licence(name, research_only=model.research_only)


def add_prompted(
    weights: Weights,
    name: NewId,
    licence: Licence = None,
    licence_file: LicenceFile = None,
    research_only: ResearchOnly = False,
    look: Annotated[
        Look | None, typer.Option(help="How slices were shown in training; known for published weights.")
    ] = None,
    structures: Structures = None,
    title: Title = None,
    version: Version = "1",
) -> None:
    """Add SAM or MedSAM: contours by boxes round other contours, and "fix here" where you point."""
    from inference_backend.prompted.adding import add_prompted as add

    known = known_weights(weights)
    shown = look or (known.look if known else None)
    if shown is None:
        raise BadSetting(
            "Nobody says how slices were shown to these weights in training.",
            advice="Give --look medsam, or --look sam.",
        )
    wish = _wish(weights, name, licence, title, version, research_only, licence_file)
    model = add(weights, _ids(structures) or _drawn(), shown, wish)
    to_user("[bold]{}[/] takes boxes and points for {} structures.", name, len(model.gives))
    _tell_licence(name, research_only=model.research_only)


def add_interactive(
    name: NewId,
    source: Annotated[
        Path | None, typer.Argument(help="Trained folder of nnInteractive, or a zip of one.")
    ] = None,
    server: Annotated[
        str | None, typer.Option(help="Instead of a folder: the address of a server that runs.")
    ] = None,
    licence: Licence = None,
    licence_file: LicenceFile = None,
    research_only: ResearchOnly = False,
    autozoom: Annotated[
        bool, typer.Option(help="Look at more of the scan where an answer reaches the edge.")
    ] = True,
    structures: Structures = None,
    title: Title = None,
    version: Version = "1",
) -> None:
    """Add nnInteractive: "fix here" by points, boxes, scribbles and lassos in space."""
    from inference_backend.interactive.adding import add_folder, add_server

    if (source is None) == (server is None):
        raise BadSetting("Give either a folder or --server.", advice="`amlart models add-interactive --help`")
    wish = Wish(name, licence or "", title or "nnInteractive", version, research_only, licence_file)
    gives = _ids(structures) or _drawn()
    if source is not None:
        model = add_folder(source, gives, wish, autozoom=autozoom)
    else:
        model = add_server(server or "", gives, wish)
    takes = ", ".join(kind.value for kind in model.prompts)
    to_user("[bold]{}[/] takes {} for {} structures.", name, takes, len(model.gives))
    _tell_licence(name, research_only=model.research_only)


def add_monai(
    bundle: Annotated[Path, typer.Argument(help="Folder of a MONAI bundle, or a zip of one.")],
    name: NewId,
    licence: Licence = None,
    licence_file: LicenceFile = None,
    research_only: ResearchOnly = False,
    mapped: Annotated[
        list[str] | None, typer.Option("--map", help="label=structure, or label= to leave it out.")
    ] = None,
    spacing: Annotated[
        str | None, typer.Option(help="Spacing in mm along x, y, z, where the bundle's is a program.")
    ] = None,
    weights: Annotated[str, typer.Option(help="File below models, where there are several.")] = "model.pt",
    title: Title = None,
    version: Version = "1",
) -> None:
    """Add a MONAI bundle of a SegResNet, a SwinUNETR, a UNet or VISTA3D. Its configuration is not run."""
    from inference_backend.models.pack_labels import choices
    from inference_backend.monai_bundle.adding import Choices
    from inference_backend.monai_bundle.adding import add_monai as add

    wish = Wish(name, licence or "", title or name, version, research_only, licence_file)
    chosen = Choices(choices(mapped or [], catalogue()), _three(spacing), weights)
    model = add(bundle, wish, chosen)
    to_user("[bold]{}[/] gives {}.", name, ", ".join(model.structures))
    if model.left_out:
        to_user("[yellow]Left out[/], unknown to the catalogue: {}.", ", ".join(model.left_out))
    _tell_licence(name, research_only=model.research_only)


def _hold_out(splits: Path | None, cases: Path, *, all_cases: bool) -> tuple[str, ...]:
    """The cases that are to be measured later. BadSetting where nobody tells, or the split is another's."""
    if (splits is None) != all_cases:
        raise BadSetting(
            "A case that becomes an example can measure the model no more, and which may is not told.",
            advice="Give --splits, whose hold-out stays out, or --all-cases; one of them.",
        )
    if splits is None:
        return ()
    parts = read_splits(splits)
    if not {case.id for case in open_cohort(cases).cases} & {*parts.hold_out, *sum(parts.folds, ())}:
        raise BadSetting(f"The split {splits.name} is of another cohort: it names none of these cases.")
    return parts.hold_out


def _three(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        x, y, z = (float(word) for word in words(text))
    except ValueError:
        raise BadSetting(f"{text!r} is no spacing.", advice="Write three numbers: 1.5,1.5,1.5.") from None
    return x, y, z


def _drawn() -> tuple[str, ...]:
    """Every structure of the catalogue that is drawn, not composed."""
    return tuple(one.id for one in catalogue().with_role(*DRAWN))


def _ids(text: str | None) -> tuple[str, ...]:
    book = catalogue()
    return tuple(book.resolve(word).id for word in words(text))


def _wish(
    weights: Path,
    name: str,
    licence: str | None,
    title: str | None,
    version: str,
    research_only: bool,
    licence_file: Path | None,
) -> Wish:
    """What was said, and what is known of published weights where nothing was."""
    known = known_weights(weights)
    if not licence and known is None:
        raise BadSetting("The model's licence is not told.", advice="Give its name after --licence.")
    return Wish(
        id=name,
        licence=licence or (known.licence if known else ""),
        title=title or (known.title if known else name),
        version=version,
        research_only=research_only or (known is not None and known.research_only),
        licence_file=licence_file,
    )


def _tell_licence(name: str, *, research_only: bool) -> None:
    if research_only:
        to_user("[bold yellow]Its licence forbids commercial use.[/]")
    to_user("Read its licence and accept it: amlart models accept {}", name)
