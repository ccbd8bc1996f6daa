"""What a training run is made of: one readable file, strict, kept beside the weights it gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.models.model_grid import HuWindow

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class EnsembleRecipe:
    """An ensemble of equal networks.

    All members share `common_steps` on all cases, which costs one network's time; then each goes `own_steps`
    without every `members`-th case, with an order and variations of its own, and then as many rounds as
    `fine_rounds` says of it, each of `fine_steps` from the full learning rate to none, in which each of the
    `hard` structures counts `hard_counts` times. At work each sees the body `moves` voxels further on.
    `spacing_mm` (i, j, k) and `patch_kji` are the network's; `window_hu` the HU mapped to -1 and 1. `rare`:
    structures that the members look for harder than for others (`rare_loss`). `settle_windows`: windows from
    which the running means of the normalisation are taken anew at the end.
    """

    title: str
    structures: tuple[str, ...]
    rare: tuple[str, ...]
    hard: tuple[str, ...]
    hard_counts: float
    spacing_mm: tuple[float, float, float]
    window_hu: tuple[float, float]
    patch_kji: tuple[int, int, int]
    network: str
    arguments: Mapping[str, Any]
    seed: int
    cases: int
    members: int
    common_steps: int
    own_steps: int
    fine_rounds: tuple[int, ...]
    fine_steps: int
    learning_rate: float
    weight_decay: float
    settle_windows: int
    moves: tuple[int, ...]

    @property
    def window(self) -> HuWindow:
        """The HU window."""
        return HuWindow(*self.window_hu)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the file and the model's card."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def read_recipe(path: Path) -> EnsembleRecipe:
    """A recipe from its file. BadSetting for a field that is unknown or missing, a member without
    its rounds, or a rare or hard structure that is not among the structures."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    wanted = {field.name for field in fields(EnsembleRecipe)}
    if set(data) != wanted:
        wrong = ", ".join(sorted(wanted.symmetric_difference(data)))
        raise BadSetting(f"The recipe {path.name} has unknown or missing fields: {wrong}.")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    recipe = EnsembleRecipe(**values)
    if not len(recipe.fine_rounds) == len(recipe.moves) == recipe.members:
        raise BadSetting(f"The recipe {path.name} does not give fine_rounds and moves for each member.")
    if not {*recipe.rare, *recipe.hard} <= set(recipe.structures):
        raise BadSetting(f"A rare or hard structure of the recipe {path.name} is not among its structures.")
    return recipe
