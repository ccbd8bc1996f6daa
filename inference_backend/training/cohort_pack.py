"""A finished run on a cohort as a bundle: weights, card, recipe and manifest, whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from torch import Tensor

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import to_plain
from AmlartContourLib.exchange.atomic import IfExists, write_folder
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.manifest import FORMAT, Manifest
from inference_backend.models.store import EMBEDDED_ID
from inference_backend.models.wish import CARD_FILE
from inference_backend.training.cohort_card import cohort_card
from inference_backend.training.cohort_plan import CohortPlan
from inference_backend.training.cohort_recipe import Labels
from inference_backend.training.cohort_run import CohortPhase
from inference_backend.training.pack import IN_ONE_PART, RECIPE_FILE, write_manifest
from inference_backend.training.states import require_finished

ONE_PART = frozenset({*IN_ONE_PART, "ctvp"})
SYNTHETIC = "Demonstration on synthetic patients. Not for patients: trained on drawn anatomy only."
OF_PATIENTS = (
    "Research. A proposal to edit, for scans like those it learnt from; every contour must be reviewed."
)


@dataclass(frozen=True)
class BundleNames:
    """How a bundle is called: its id is the folder's name and the engine's."""

    id: str
    version: str
    licence: str = "Internal use"

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.id) or not re.fullmatch(NAME, self.version) or self.id == EMBEDDED_ID:
            raise BadSetting(
                f"{self.id!r} with version {self.version!r} cannot name a bundle.",
                advice="Letters, digits, dots, dashes and underscores; 64 at most.",
            )


def pack_cohort(plan: CohortPlan, phases: Sequence[CohortPhase], out: Path, names: BundleNames) -> Manifest:
    """Writes the bundle. InputRefused while a network is unfinished; ExportFailed where the folder is not
    empty."""
    unfinished = [phase.name for phase in phases if not phase.weights.exists()]
    require_finished(unfinished, "; ")
    made: list[Manifest] = []

    def fill(folder: Path) -> None:
        members = []
        for n in range(plan.recipe.members):
            path = folder / f"member-{n + 1}.safetensors"
            path.write_bytes(safetensors.torch.save(_joined(plan, [p for p in phases if p.member == n])))
            members.append(file_in_bundle(path))
        text = json.dumps(to_plain(plan.recipe), indent=2) + "\n"
        (folder / RECIPE_FILE).write_text(text, encoding="utf-8")
        data = training_data(plan)
        card = cohort_card(plan, phases, names.version, names.licence, intended_use(plan), data)
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        manifest = Manifest(
            format=FORMAT,
            id=names.id,
            version=names.version,
            title=plan.recipe.title,
            structures=plan.recipe.structures,
            spacing_mm=plan.spacing_mm,
            window_hu=plan.recipe.window_hu,
            network=plan.recipe.choice,
            members=tuple(members),
            training_data=data,
            licence=names.licence,
            intended_use=intended_use(plan),
            demonstration=plan.synthetic,
            patch_kji=plan.recipe.patch_kji,
            overlap=0.5,
            largest_part_only=tuple(name for name in plan.recipe.structures if name in ONE_PART),
            card=file_in_bundle(folder / CARD_FILE),
        )
        write_manifest(folder, manifest)
        made.append(manifest)

    write_folder(out, fill, IfExists.REFUSE)
    return made[-1]


def intended_use(plan: CohortPlan) -> str:
    """In words, for manifest and card."""
    return SYNTHETIC if plan.synthetic else OF_PATIENTS


def training_data(plan: CohortPlan) -> str:
    """What it learnt from, without any case's name."""
    kind = "synthetic patients" if plan.synthetic else "labelled CTs"
    text = f"{len(plan.learnt_from)} {kind} of one cohort."
    if plan.of_clinic:
        text += f" {plan.of_clinic} of them were edited and approved by clinicians with this software."
    if plan.start is not None:
        of = " (trained on synthetic anatomy)" if plan.start.demonstration else ""
        text += f" Started from the weights of {plan.start.title} {plan.start.version}{of}."
    return text


def _joined(plan: CohortPlan, phases: Sequence[CohortPhase]) -> dict[str, Tensor]:
    """One member's weights: those of its one network, or of one for each structure, side by side."""
    states = [safetensors.torch.load_file(phase.weights) for phase in phases]
    if plan.recipe.labels is Labels.ALL_AT_ONCE:
        return states[0]
    return {f"{n}.{name}": tensor for n, state in enumerate(states) for name, tensor in state.items()}
