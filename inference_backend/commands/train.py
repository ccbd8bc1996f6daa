"""`amlart train`: the embedded demonstration model, from random phantoms to a bundle.

Ended at any time, the same command goes on where it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.commands.console import to_user
from inference_backend.commands.train_added import calibrate_added
from inference_backend.commands.train_cohort import calibrate_cohort, cohort, replace, roll_back
from inference_backend.commands.train_nnunet import nnunet
from inference_backend.commands.train_slices import few_shot, prompted
from inference_backend.commands.train_study import study
from inference_backend.commands.train_thesis import thesis

if TYPE_CHECKING:
    from inference_backend.phantom.spec import PhantomSpec
    from inference_backend.training.phantom_cohort import Split

app = typer.Typer(no_args_is_help=True, help="Train, calibrate and evaluate models.")
EMBEDDED_RECIPE = "embedded"
Bundle = Annotated[Path, typer.Option(help="Folder of the bundle.")]
Measured = Annotated[Path, typer.Option(help="Folder of measured cases; those in it are not measured again.")]
Cases = Annotated[int, typer.Option(help="How many phantoms to measure.")]
First = Annotated[int, typer.Option(help="Number of the first phantom, to share the work.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the phantoms; without it the recipe's.")]
OnlyMeasure = Annotated[
    bool, typer.Option("--only-measure", help="Measure the cases and write nothing else.")
]


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
        typer.Option(
            help="Only this one, to share cores: 0 the common start, then the members, then their fine steps."
        ),
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


@app.command("calibrate")
def calibrate(
    bundle: Bundle,
    measured: Measured,
    cases: Cases = 60,
    first: First = 0,
    seed: Seed = None,
    device: str = "cpu",
    only_measure: OnlyMeasure = False,
) -> None:
    """Calibrate a bundle's expected editing on phantoms that its training never saw."""
    from inference_backend.training.calibrate import calibrate as written
    from inference_backend.training.measured_cases import measure_cases
    from inference_backend.training.phantom_cohort import Split

    specs = _specs(bundle, Split.CALIBRATE, seed, range(first, first + cases))
    figures = measure_cases(bundle, specs, measured, _tell_cases, device)
    if not only_measure:
        found = written(bundle, figures)
        limit = f"{found.likeness.limit:.2f}"
        to_user("The bundle is calibrated on {} cases; the limit of likeness is {}.", found.cases, limit)


@app.command("evaluate")
def evaluate(
    bundle: Bundle,
    measured: Measured,
    out: Annotated[Path, typer.Option(help="Markdown file to write; replaced where it is there.")],
    cases: Cases = 20,
    first: First = 0,
    seed: Seed = None,
    device: str = "cpu",
    only_measure: OnlyMeasure = False,
) -> None:
    """Measure a bundle on phantoms used for nothing else: Dice, surface Dice, added path, coverage."""
    from AmlartContourLib.exchange.atomic import write_file
    from inference_backend.training.evaluate import report
    from inference_backend.training.measured_cases import measure_cases
    from inference_backend.training.phantom_cohort import Split

    specs = _specs(bundle, Split.EVALUATE, seed, range(first, first + cases))
    figures = measure_cases(bundle, specs, measured, _tell_cases, device)
    if not only_measure:
        write_file(out, report(bundle, figures).encode(), replace=True)
        to_user("The table is in {}.", out)


def _specs(bundle: Path, split: Split, seed: int | None, numbers: range) -> list[tuple[str, PhantomSpec]]:
    """Names and specifications of the cases of a split; the seed is that of the bundle's recipe."""
    from inference_backend.training.pack import RECIPE_FILE
    from inference_backend.training.phantom_cohort import spec_of_case
    from inference_backend.training.recipe import read_recipe

    used = read_recipe(bundle / RECIPE_FILE).seed if seed is None else seed
    return [(f"{split.name.lower()}-{n:04d}", spec_of_case(used, split, n)) for n in numbers]


def _tell_cases(done: int, of: int) -> None:
    to_user("{} of {} cases", done, of)


def _tell(phase: str, step: int, steps: int, loss: float) -> None:
    to_user("{}: step {} of {}, loss {}", phase, step, steps, f"{loss:.4f}")


app.command("cohort")(cohort)
app.command("calibrate-cohort")(calibrate_cohort)
app.command("calibrate-added")(calibrate_added)
app.command("replace")(replace)
app.command("roll-back")(roll_back)
app.command("nnunet")(nnunet)
app.command("few-shot")(few_shot)
app.command("prompted")(prompted)
app.command("study")(study)
app.command("thesis")(thesis)
