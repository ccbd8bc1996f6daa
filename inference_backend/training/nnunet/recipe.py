"""Training by nnU-Net, as settings in one readable file: what nnU-Net leaves to its user, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.training.cohort_recipe import Labels
from inference_backend.training.recipe import RECIPES

FROM_SCRATCH, FINE_TUNING = "nnunet", "nnunet_fine_tuning"
STOCK_TRAINER, OWN_TRAINER = "nnUNetTrainer", "AmlartTrainer"
STOCK_RATE = 0.01
STOCK = (1000, 250, 50, STOCK_RATE, True, 50)
"""What nnU-Net's own trainer does: epochs, iterations, validation iterations, learning rate, mirror images,
epochs from one kept state to the next."""

MOST_REGIONS = 8  # each voxel's structures are the bits of one byte


@dataclass(frozen=True)
class NnUNetRecipe(Message):
    """`labels`: `all_at_once` trains overlapping regions, `one_network_each` a data set for each structure.

    `configuration` and `planner`: names of nnU-Net's; `gpu_memory_gb`: what the planner fills, None for its
    own default. `folds`: those of the split that are trained, each a member of the ensemble. `keep_every`: in
    epochs. `calibration_folds`: the first folds of the split, which no member learns from.
    """

    title: str
    structures: tuple[str, ...]
    labels: Labels
    configuration: str
    planner: str
    gpu_memory_gb: float | None
    folds: tuple[int, ...]
    epochs: int
    iterations: int
    validation_iterations: int
    learning_rate: float
    mirror: bool
    keep_every: int
    calibration_folds: int = 0

    def __post_init__(self) -> None:
        if not self.structures or len(set(self.structures)) < len(self.structures):
            raise ValueError("there is at least one structure, each once")
        unknown = [name for name in self.structures if name not in catalogue()]
        if unknown:
            raise ValueError(f"the catalogue has no {', '.join(unknown)}")
        if self.labels is Labels.ALL_AT_ONCE and len(self.structures) > MOST_REGIONS:
            raise ValueError(f"at most {MOST_REGIONS} structures fit into regions; use one_network_each")
        if not self.folds or len(set(self.folds)) < len(self.folds) or min(self.folds) < 0:
            raise ValueError("there is at least one fold, each once, from 0")
        if not 0 <= self.calibration_folds <= min(self.folds):
            raise ValueError("a fold that is for calibration is not trained")
        if min(self.epochs, self.iterations, self.validation_iterations, self.keep_every) < 1:
            raise ValueError("epochs, iterations, validation_iterations and keep_every are 1 or more")
        if not 0 < self.learning_rate < 1 or (self.gpu_memory_gb or 1) <= 0:
            raise ValueError("the learning rate lies between 0 and 1, and memory is more than 0")

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The structures of each data set."""
        if self.labels is Labels.ALL_AT_ONCE:
            return (self.structures,)
        return tuple((name,) for name in self.structures)

    def trainer(self, *, started: bool) -> str:
        """nnU-Net's own trainer where it does what the recipe says; ours sets what differs."""
        asked = (
            self.epochs,
            self.iterations,
            self.validation_iterations,
            self.learning_rate,
            self.mirror,
            self.keep_every,
        )
        return STOCK_TRAINER if asked == STOCK and not started else OWN_TRAINER


def read_nnunet_recipe(path: Path | None, *, started: bool) -> NnUNetRecipe:
    """A recipe from its file; without one that of the software, for training from weights or from scratch.
    BadSetting where it cannot be read, DamagedFile where it is no such recipe."""
    path = path or RECIPES / f"{FINE_TUNING if started else FROM_SCRATCH}.json"
    try:
        return from_json(NnUNetRecipe, path.read_bytes())
    except OSError as error:
        raise BadSetting(f"The recipe {path.name} cannot be read ({error.strerror}).") from error
