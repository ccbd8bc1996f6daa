"""`amlart commission`: an evaluation held against the site's own pass limits, as a page to sign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import to_plain
from AmlartContourLib.exchange.atomic import write_file
from inference_backend.commands.console import to_user
from inference_backend.evaluation.commissioning import form, judged, read_figures, read_limits
from inference_backend.evaluation.commissioning_page import passed, verdict, write_commissioning

FORM_FIGURES = ("Dice", "surface Dice at 3 mm", "HD95 mm")


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("commission")(commission)


def commission(
    evaluation: Annotated[Path, typer.Argument(help="Folder of `amlart evaluate --out`.")],
    limits: Annotated[Path | None, typer.Option(help="The site's limits.")] = None,
    blank: Annotated[
        Path | None, typer.Option("--form", help="Write a form of limits to fill in, all unset.")
    ] = None,
) -> None:
    """Hold an evaluation against the site's own pass limits. Exit code 1 where they are not met or unset."""
    figures = read_figures(evaluation)
    if blank is not None:
        text = json.dumps(to_plain(form(figures, FORM_FIGURES)), indent=1) + "\n"
        write_file(blank, text.encode())
        to_user("Fill in {}, then give it after --limits.", blank.name)
        return
    if limits is None:
        raise BadSetting("No limits are given.", advice="Write a form to fill in with --form FILE.")
    told = read_limits(limits)
    rows = judged(told, figures)
    page = write_commissioning(evaluation, told, rows, figures)
    for source in dict.fromkeys(row.source for row in figures):
        to_user("{}", verdict(source, rows))
    to_user("Read [bold]{}[/].", page)
    if not passed(rows):
        raise typer.Exit(1)
