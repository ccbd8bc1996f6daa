"""A finished training run as a bundle: weights, card and manifest in one folder, hashes included.

The calibration of expected editing is added later, when it has been measured on phantoms that the run never
saw (`calibrate`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from AmlartContourLib.contract.strict_json import to_json
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.manifest import (
    FORMAT,
    MANIFEST_FILE,
    Manifest,
    NetworkChoice,
)
from inference_backend.models.store import EMBEDDED_ID
from inference_backend.models.wish import CARD_FILE
from inference_backend.training.card import card_of
from inference_backend.training.recipe import EnsembleRecipe
from inference_backend.training.run import last_phases
from inference_backend.training.states import require_finished

RECIPE_FILE = "recipe.json"
IN_ONE_PART = (  # by anatomy; anything apart from the largest part is noise
    "bladder",
    "anorectum",
    "femur_left",
    "femur_right",
    "gtvp",
    "cervix",
    "uterus",
    "vagina",
    "parametrium_left",
    "parametrium_right",
)
INTENDED_USE = (
    "Demonstration of the software on synthetic patients. Not for patients: trained on drawn anatomy only."
)
TRAINING_DATA = (
    "{cases} random synthetic phantoms of this repository (seed {seed}): drawn from formulas, no patient, no "
    "expert contour."
)


def pack(recipe: EnsembleRecipe, run_folder: Path, out: Path, version: str) -> Manifest:
    """Writes the bundle of a finished run into a folder. InputRefused while a member is unfinished."""
    members = last_phases(recipe, run_folder)
    unfinished = [phase.folder.name for phase in members if not phase.weights.exists()]
    require_finished(unfinished)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for number, phase in enumerate(members, start=1):
        name = f"member-{number}.safetensors"
        shutil.copyfile(phase.weights, out / name)
        files.append(file_in_bundle(out / name))
    (out / CARD_FILE).write_text(card_of(recipe, run_folder, version), encoding="utf-8")
    (out / RECIPE_FILE).write_text(json.dumps(recipe.to_json(), indent=2) + "\n", encoding="utf-8")
    manifest = Manifest(
        format=FORMAT,
        id=EMBEDDED_ID,
        version=version,
        title="Demonstration ensemble (synthetic anatomy, not for patients)",
        structures=recipe.structures,
        spacing_mm=recipe.spacing_mm,
        window_hu=recipe.window_hu,
        network=NetworkChoice(recipe.network, dict(recipe.arguments)),
        members=tuple(files),
        training_data=TRAINING_DATA.format(cases=recipe.cases, seed=recipe.seed),
        licence="Apache-2.0",
        intended_use=INTENDED_USE,
        demonstration=True,
        moves=recipe.moves,
        largest_part_only=tuple(name for name in IN_ONE_PART if name in recipe.structures),
        card=file_in_bundle(out / CARD_FILE),
    )
    write_manifest(out, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes a bundle's manifest, readable and whole."""
    part = folder / f"{MANIFEST_FILE}.part"
    part.write_text(json.dumps(json.loads(to_json(manifest)), indent=2) + "\n", encoding="utf-8")
    part.replace(folder / MANIFEST_FILE)
