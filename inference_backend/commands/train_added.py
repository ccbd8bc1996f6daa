"""`amlart train calibrate-added`: expected editing of an added model, from cases it never learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.console import to_user


def calibrate_added(
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of the added model.")],
    folder: Annotated[Path, typer.Argument(metavar="COHORT", help="Folder of the labelled cohort.")],
    out: Annotated[Path, typer.Option(help="Folder of measured cases; those in it are not measured again.")],
    splits: Annotated[
        Path | None, typer.Option(help="Split of the cohort; without it every labelled case is used.")
    ] = None,
    fold: Annotated[
        list[int] | None, typer.Option(help="Folds to use, several times; without it the hold-out.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
) -> None:
    """Calibrate the expected editing of an added model on cases that it has not learnt from."""
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.few_shot.not_shown import not_shown
    from inference_backend.training.added_calibrate import calibrate_added as calibrated

    if fold and splits is None:
        raise BadSetting("Folds are those of a split.", advice="Give --splits too.")
    opened = open_cohort(folder)
    chosen = None if splits is None else _chosen(splits, fold or [])
    cases, told = not_shown([name], [c for c in opened.labelled if chosen is None or c.id in chosen])
    for sentence in told:
        to_user("[yellow]{}[/]", sentence)
    found = calibrated(name, opened, cases, out, _tell, device)
    limit = f"{found.likeness.limit:.2f}"
    to_user("{} is calibrated on {} cases; the limit of likeness is {}.", name, found.cases, limit)
    rough = [one.structure for one in found.structures if not one.fraction.residuals]
    if rough:
        to_user("[yellow]No estimate[/] of {}: too few calibration cases had it.", ", ".join(rough))
    if splits is not None and not fold:
        to_user("[yellow]The hold-out is used up by this:[/] measure the model on other cases.")


def _chosen(splits: Path, folds: list[int]) -> frozenset[str]:
    from inference_backend.dataset.splits import read_splits

    parts = read_splits(splits)
    lacking = [n for n in folds if not 0 <= n < len(parts.folds)]
    if lacking:
        raise BadSetting(
            f"The split has no fold {lacking[0]}.", advice=f"Its folds are 0 to {len(parts.folds) - 1}."
        )
    return frozenset(case for n in folds for case in parts.folds[n]) if folds else frozenset(parts.hold_out)


def _tell(done: int, of: int) -> None:
    to_user("{} of {} cases", done, of)
