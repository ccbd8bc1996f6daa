"""`amlart second-opinion-calibrate`: thresholds of two engines' disagreement, from local cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from AmlartContourLib.client.job_run import Connect
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.exchange.pair_files import PairFiles
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.expected_effort import LEAST_RESIDUALS
from AmlartContourLib.measures.second_opinion import PairCalibration
from inference_backend.commands.backend_choice import CaFile, TokenFile, any_backend
from inference_backend.commands.console import progress_bar, result_table, to_user
from inference_backend.commands.through_backend import contourer
from inference_backend.dataset.cohort import open_cohort
from inference_backend.few_shot.not_shown import not_shown
from inference_backend.training.pair_calibrate import Drawer, calibrate_pair


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("second-opinion-calibrate")(second_opinion_calibrate)


def second_opinion_calibrate(
    cohort: Annotated[Path, typer.Argument(help="Folder of local cases with a clinician's contours.")],
    engine: Annotated[list[str], typer.Option(help="Give it twice: the first is measured by the second.")],
    out: Annotated[Path, typer.Option(help="Folder of the figures; goes on where it was ended.")],
    backend: Annotated[
        str | None, typer.Option(help="URL of a backend elsewhere; this machine's own if none.")
    ] = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
) -> None:
    """Learn from local cases at what disagreement of two engines much is edited, for both faces."""
    if len(engine) != 2 or engine[0] == engine[1]:
        raise BadSetting("A second opinion needs two engines.", advice="Give --engine twice, each another.")
    opened = open_cohort(cohort)
    if backend is None:  # what another machine's models were shown is not known here
        cases, told = not_shown(engine, opened.labelled)
        opened = replace(opened, cases=cases)
        for sentence in told:
            to_user("[yellow]{}[/]", sentence)
    first, second = _drawers(engine, any_backend(backend, token_file, ca_file))
    with progress_bar() as bar:
        found = calibrate_pair(
            first, second, opened, out, lambda done, every: bar(done / every, f"case {done} of {every}")
        )
    path = PairFiles(default_home()).write(found)
    _tell(found)
    to_user("Kept in {}. Panels on this computer use it from now on.", path)


def _drawers(names: list[str], connect: Connect) -> tuple[Drawer, Drawer]:
    client = connect()
    try:
        infos = {info.id: info for info in client.capabilities().engines}
    finally:
        client.close()
    unknown = [name for name in names if name not in infos]
    if unknown:
        raise BadSetting(f"The backend has no engine {unknown[0]!r}.", advice=f"It has {', '.join(infos)}.")
    first, second = (Drawer(infos[name], contourer(name, connect)) for name in names)
    return first, second


def _tell(found: PairCalibration) -> None:
    book = catalogue()
    table = Table(
        "structure",
        "cases",
        "threshold of the structure",
        "threshold of a slice, mm2",
        title=f"{found.second} as a second opinion on {found.first}: {found.cases} local cases",
    )
    for one in found.structures:
        fraction = "none" if one.fraction is None else f"{one.fraction:.1%} of the surface"
        area = "none" if one.slice_mm2 is None else f"{one.slice_mm2:.0f}"
        table.add_row(book[one.rules.structure].display_name, str(one.cases), fraction, area)
    result_table(table)
    few = [book[one.rules.structure].display_name for one in found.structures if one.fraction is None]
    if few or not found.structures:
        to_user(
            "[yellow]No threshold[/] of {}: {} local cases that have the structure are the least.",
            ", ".join(few) or "any structure",
            LEAST_RESIDUALS,
        )
