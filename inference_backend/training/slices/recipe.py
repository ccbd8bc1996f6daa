"""Fine-tuning of networks that see slices, UniverSeg and SAM or MedSAM: settings in one readable file each.

Of the first source study is known: UniverSeg with supports of 80 pictures, MedSAM by boxes with a margin and
augmentation. MedSAM's other settings are those of its published training script; UniverSeg's other ones are
assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.few_shot.description import MOST_SUPPORT
from inference_backend.prompted.description import Look

RECIPES = Path(__file__).parent.parent / "recipes"
FEW_SHOT, PROMPTED = "universeg", "medsam"
SQUARE = 1024
"""Side in pixels of the picture that margins of boxes are told for: MedSAM's."""


@dataclass(frozen=True)
class SliceRecipe(Message):
    """What both have.

    `structures`: catalogue ids. `validation_fold`: no picture of it is learnt from, and the weights with the
    lowest loss on it are kept. `batch`: pictures in a step. AdamW at one rate. `frozen`: beginnings of names
    of weights that stay as they are. The loss is soft Dice (`squared_dice`: of squares in the denominator)
    and `entropy_weight` times binary cross-entropy. `augment`: pictures are blurred, noised, and changed in
    contrast and brightness. Every `keep_every` steps the state is kept and the loss taken on
    `validation_pictures`.
    """

    title: str
    structures: tuple[str, ...]
    validation_fold: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    frozen: tuple[str, ...]
    squared_dice: bool
    entropy_weight: float
    augment: bool
    keep_every: int
    validation_pictures: int
    seed: int

    def __post_init__(self) -> None:
        unknown = [name for name in self.structures if name not in catalogue()]
        if unknown or not self.structures or len(set(self.structures)) < len(self.structures):
            raise ValueError("structures are ids of the catalogue, at least one and each once")
        if min(self.steps, self.batch, self.keep_every, self.validation_pictures) < 1:
            raise ValueError("steps, batch, keep_every and validation_pictures are 1 or more")
        if not 0 < self.learning_rate < 1 or min(self.weight_decay, self.entropy_weight) < 0:
            raise ValueError("the learning rate lies between 0 and 1, and no weight is below 0")
        if min(self.validation_fold, self.seed) < 0:
            raise ValueError("fold and seed are not below 0")


@dataclass(frozen=True)
class FewShotRecipe(SliceRecipe):
    """`support_size`: pictures that the network is shown beside the one it is asked about."""

    support_size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.support_size <= MOST_SUPPORT:
            raise ValueError(f"the support holds 1 to {MOST_SUPPORT} pictures")


@dataclass(frozen=True)
class PromptedRecipe(SliceRecipe):
    """`look`: how slices are shown. Each side of a box lies 0 to `box_margin_pixels` beyond the label, by
    chance, of a picture of 1024 x 1024."""

    look: Look
    box_margin_pixels: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.box_margin_pixels < SQUARE // 2:
            raise ValueError(f"the margin of a box is 0 to {SQUARE // 2 - 1} pixels")


R = TypeVar("R", bound=SliceRecipe)


def read_slice_recipe(kind: type[R], path: Path | None) -> R:
    """A recipe from its file, that of the software without. BadSetting where it cannot be read, DamagedFile
    where it is no such recipe."""
    path = path or RECIPES / f"{FEW_SHOT if kind is FewShotRecipe else PROMPTED}.json"
    try:
        return from_json(kind, path.read_bytes())
    except OSError as error:
        raise BadSetting(f"The recipe {path.name} cannot be read ({error.strerror}).") from error
