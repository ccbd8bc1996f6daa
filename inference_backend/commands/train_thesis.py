"""`amlart train thesis`: the second source thesis' study on one structure of a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.exchange.resources import catalogue
from inference_backend.commands.choices import Cluster
from inference_backend.commands.console import to_user


def thesis(
    cohort: Annotated[Path, typer.Argument(help="Folder of the labelled cohort.")],
    splits: Annotated[Path, typer.Option(help="Split made by `amlart cohort split`.")],
    structure: Annotated[str, typer.Option(help="The structure to learn.")],
    run: Annotated[Path, typer.Option(help="Folder of the run; goes on if it is there.")],
    start: Annotated[Path | None, typer.Option(help="Weights to learn from, .safetensors.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Recipe file; without it the thesis' own.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    cluster: Cluster = None,
) -> None:
    """Cross-validate the attention residual U-Net, go on with the least variable fold, test once."""
    import numpy as np

    from inference_backend.cluster.farm import farm, gpus_of
    from inference_backend.dataset.cohort import open_cohort
    from inference_backend.dataset.splits import read_splits
    from inference_backend.models.networks import told_network
    from inference_backend.training.thesis_cases import ThesisCases
    from inference_backend.training.thesis_recipe import RECIPE, read_thesis_recipe
    from inference_backend.training.thesis_study import thesis_study

    chosen = read_thesis_recipe(recipe or RECIPE)
    structure_id = catalogue().resolve(structure).id
    window = (chosen.slices, chosen.in_plane, chosen.in_plane)
    to_user("{}", told_network(chosen.network, 1, chosen.arguments, window))
    run = run.resolve()
    cases = ThesisCases(open_cohort(cohort.resolve()), structure_id, chosen, run / "cases")
    with farm(cluster, gpus_of(device)) as place:
        made = thesis_study(
            cases,
            read_splits(splits),
            run,
            _tell,
            start=start.resolve() if start else None,
            device=device,
            tell=lambda text: to_user("{}", text),
            place=place,
        )
    for n, dice in enumerate(made.folds):
        mark = ", goes on" if n == made.chosen else ""
        to_user("fold {}: Dice {} ± {}{}", n, f"{np.mean(dice):.3f}", f"{np.std(dice):.3f}", mark)
    if made.test:
        to_user("test, {} cases: Dice {}", len(made.test), f"{np.mean(made.test):.3f}")


def _tell(phase: str, epoch: int, learnt: float, seen: float) -> None:
    to_user("{}: epoch {}, training {}, validation {}", phase, epoch, f"{learnt:.4f}", f"{seen:.4f}")
