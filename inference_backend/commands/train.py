"""`amlart train`: the embedded demonstration model, from random phantoms to a bundle.

Ended at any time, the same command goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.console import to_user

app = typer.Typer(no_args_is_help=True, help="Train, calibrate and evaluate models.")
EMBEDDED_RECIPE = "embedded"


def add_to(root: typer.Typer) -> None:
    """Adds the command."""
    root.add_typer(app, name="train")


@app.command("embedded")
def embedded(
    run: Annotated[
        Path, typer.Option(help="Folder of the run: phantoms, states, curves. Goes on if it is there.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle to write.")],
    recipe: Annotated[Path | None, typer.Option(help="Recipe file; without it the embedded model's.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    phase: Annotated[
        int | None,
        typer.Option(help="Only this one: 0 the common start, 1 and up the members (to share cores)."),
    ] = None,
    version: Annotated[str, typer.Option(help="Version to write into the manifest.")] = "1",
) -> None:
    """Train the demonstration ensemble on random phantoms and pack it as a bundle."""
    from inference_backend.models.allocation import keep_freed_memory
    from inference_backend.training.pack import pack
    from inference_backend.training.recipe import RECIPES, read_recipe
    from inference_backend.training.run import phases, train_phase

    keep_freed_memory()
    chosen = read_recipe(recipe or RECIPES / f"{EMBEDDED_RECIPE}.json")
    all_phases = phases(chosen, run)
    if phase is not None and not 0 <= phase < len(all_phases):
        raise BadSetting(f"There is no phase {phase}.", advice=f"Choose 0 to {len(all_phases) - 1}.")
    for one in all_phases if phase is None else (all_phases[phase],):
        train_phase(chosen, one, run / "phantoms", _tell, device)
    if phase is not None:
        to_user("Phase {} is trained. Without --phase the bundle is packed.", phase)
        return
    manifest = pack(chosen, run, out, version)
    to_user("The bundle {} was written to {}: {} members.", manifest.id, out, len(manifest.members))


def _tell(phase: str, step: int, steps: int, loss: float) -> None:
    to_user("{}: step {} of {}, loss {}", phase, step, steps, f"{loss:.4f}")
