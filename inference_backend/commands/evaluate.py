"""`amlart evaluate`: engines and folders of contours against a cohort's labels, in one table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import NAME
from inference_backend.cluster.evaluating import contour_shared, measure_shared
from inference_backend.cluster.farm import farm, gpus_of
from inference_backend.commands.choices import Cluster
from inference_backend.commands.console import progress_bar, to_user
from inference_backend.dataset.cohort import open_cohort
from inference_backend.dataset.splits import read_splits
from inference_backend.evaluation.measured import SourceOfContours
from inference_backend.evaluation.overlays import overlays
from inference_backend.evaluation.report import write_evaluation
from inference_backend.few_shot.not_shown import not_shown


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    cohort: Annotated[Path, typer.Argument(help="Folder of the cohort, with labels.")],
    out: Annotated[Path, typer.Option(help="Folder to write; goes on where it was ended.")],
    engine: Annotated[list[str] | None, typer.Option(help="Engine to run; several times.")] = None,
    bundle: Annotated[list[Path] | None, typer.Option(help="Bundle to run; several times.")] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER with contours by case; several times.")
    ] = None,
    splits: Annotated[Path | None, typer.Option(help="Only the hold-out of this split.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    pictures: Annotated[bool, typer.Option(help="Draw the best, middle and worst case.")] = True,
    cluster: Cluster = None,
) -> None:
    """Measure every source on the same cases: table, box plots, paired tests, pictures, CSV, paper table."""
    opened = open_cohort(cohort.resolve())
    cases = opened.labelled
    if splits is not None:
        held = read_splits(splits).hold_out
        cases = tuple(case for case in cases if case.id in held)
    cases, told = not_shown(engine or [], cases)
    for sentence in told:
        to_user("[yellow]{}[/]", sentence)
    if not cases:
        raise BadSetting("No labelled case is left to measure on.")
    sources, out = [_folder(text) for text in test or []], out.resolve()
    named: list[tuple[str, Path | None]] = [(name, None) for name in engine or []]
    named += [(path.resolve().name, path.resolve()) for path in bundle or []]
    if not sources and not named:
        raise BadSetting(
            "Nothing to measure.", advice="Give --engine ID, --bundle FOLDER or --test NAME=FOLDER."
        )
    with farm(cluster, gpus_of(device)) as place, progress_bar() as report:
        for name, path in named:
            folder = out / "contours" / name
            sources.append(contour_shared(place, name, path, opened, cases, folder, report, device))
        measured = {source.name: measure_shared(place, source, opened, cases, report) for source in sources}
        shown = [overlays(s, opened, measured[s.name]) for s in sources] if pictures else []
    page = write_evaluation(out, measured, shown)
    to_user("{} sources on {} cases. Read [bold]{}[/].", len(sources), len(cases), page)


def _folder(text: str) -> SourceOfContours:
    name, equals, folder = text.partition("=")
    if not equals or not re.fullmatch(NAME, name) or not Path(folder).is_dir():
        raise BadSetting(f"{text!r} is no source.", advice="Write NAME=FOLDER, such as model=contours.")
    return SourceOfContours(name, Path(folder).resolve())
