"""The second source thesis' recipe for one structure, as settings in one readable file.

Each scan is brought to `in_plane` x `in_plane` pixels (bicubic, labels nearest), `slices` slices round the
structure are taken, values become z-scores. Loss: Dice and binary cross-entropy. Adam; its rate falls by
`decay` every `decay_steps` steps. Cross-validation of at most `epochs` with `patience`; the fold whose Dice
has the lowest SD goes on for at most `final_epochs` with `final_patience`; one test at the end. The thesis
names no batch size; `batch` 1 is an assumption. `frozen`: beginnings of names of weights that stay as they
are in transfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json
from inference_backend.models.networks import side_multiple

RECIPE = Path(__file__).parent / "recipes" / "source_thesis.json"


@dataclass(frozen=True)
class ThesisRecipe(Message):
    """See the module. Sizes in voxels, `learning_rate` at the first step."""

    title: str
    network: str
    arguments: Mapping[str, object]
    in_plane: int
    slices: int
    learning_rate: float
    decay: float
    decay_steps: int
    folds: int
    epochs: int
    patience: int
    final_epochs: int
    final_patience: int
    batch: int
    frozen: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        multiple = side_multiple(self.network, self.arguments)
        if self.in_plane % multiple or self.slices % multiple or min(self.in_plane, self.slices) < 1:
            raise ValueError(f"sides are multiples of {multiple}")
        if min(self.batch, self.epochs, self.patience, self.decay_steps) < 1 or self.learning_rate <= 0:
            raise ValueError("batch, epochs, patience, steps and rate are above 0")

    def rate(self, step: int) -> float:
        """The learning rate of one step."""
        return float(self.learning_rate * self.decay ** (step / self.decay_steps))


def read_thesis_recipe(path: Path = RECIPE) -> ThesisRecipe:
    """A recipe from its file. BadSetting where it cannot be read, DamagedFile where it is no such recipe."""
    try:
        return from_json(ThesisRecipe, path.read_bytes())
    except OSError as error:
        raise BadSetting(f"The recipe {path.name} cannot be read ({error.strerror}).") from error
