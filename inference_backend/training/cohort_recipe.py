"""Learning from a labelled cohort, as settings in one readable file, kept beside the weights it gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.strict_json import Message, from_json
from AmlartContourLib.exchange.resources import catalogue
from inference_backend.models.manifest import MAX_MEMBERS, SIDE_LIMITS, SPACING_LIMITS_MM, NetworkChoice
from inference_backend.models.model_grid import HuWindow
from inference_backend.models.networks import ONE_EACH, side_multiple
from inference_backend.training.recipe import RECIPES

COHORT_RECIPE = "cohort"


class Labels(Enum):
    """Whether one network learns all structures, or each structure has one. Values are words of recipes."""

    ALL_AT_ONCE = "all_at_once"
    ONE_EACH = "one_network_each"


@dataclass(frozen=True)
class CohortRecipe(Message):
    """An ensemble of `members`; member n learns without fold n of those that are not for calibration.

    `structures`: catalogue ids. `spacing_mm` (i, j, k): of the network's grid; None takes the median of the
    scans. `window_hu`: the HU that become -1 and 1. `patch_kji`: voxels of a window, `batch` windows in a
    step. `learning_rates` replaces `learning_rate` for weights whose names begin so (the longest beginning
    counts); `frozen` names beginnings of weights that stay as they are. `rule_weight`: of the rule loss.
    `calibration_folds`: the first folds, which no member learns from. Every `keep_every` steps the state is
    kept and the loss taken on `validation_windows` of the member's own fold. `settle_windows`: from which
    running means of normalisation are taken anew at the end.
    """

    title: str
    structures: tuple[str, ...]
    labels: Labels
    spacing_mm: tuple[float, float, float] | None
    window_hu: tuple[float, float]
    patch_kji: tuple[int, int, int]
    network: str
    arguments: Mapping[str, object]
    members: int
    steps: int
    batch: int
    learning_rate: float
    learning_rates: Mapping[str, float]
    weight_decay: float
    frozen: tuple[str, ...]
    rule_weight: float
    calibration_folds: int
    keep_every: int
    validation_windows: int
    settle_windows: int
    seed: int

    def __post_init__(self) -> None:
        self._check_names()
        multiple, (low, high) = side_multiple(self.network, self.arguments), SIDE_LIMITS
        if any(side % multiple or not low <= side <= high for side in self.patch_kji):
            raise ValueError(f"sides of a window are multiples of {multiple} between {low} and {high}")
        least, most = SPACING_LIMITS_MM
        if self.spacing_mm is not None and not all(least <= mm <= most for mm in self.spacing_mm):
            raise ValueError(f"the spacing is between {least} and {most} mm, or null for the median")
        if not 1 <= self.members <= MAX_MEMBERS:
            raise ValueError(f"there are 1 to {MAX_MEMBERS} members")
        if min(self.steps, self.batch, self.keep_every, self.validation_windows) < 1:
            raise ValueError("steps, batch, keep_every and validation_windows are 1 or more")
        if min(self.calibration_folds, self.settle_windows, self.seed) < 0:
            raise ValueError("folds, windows and seed are not below 0")
        rates = (self.learning_rate, *self.learning_rates.values())
        if not all(0 < rate < 1 for rate in rates) or min(self.weight_decay, self.rule_weight) < 0:
            raise ValueError("learning rates lie between 0 and 1, and no weight is below 0")

    def _check_names(self) -> None:
        if not self.structures or len(set(self.structures)) < len(self.structures):
            raise ValueError("there is at least one structure, each once")
        unknown = [name for name in self.structures if name not in catalogue()]
        if unknown:
            raise ValueError(f"the catalogue has no {', '.join(unknown)}")
        if self.network == ONE_EACH:
            raise ValueError("one network for each structure is asked for by `labels`")
        if self.labels is Labels.ONE_EACH and self.rule_weight > 0:
            raise ValueError("the rule loss needs all structures at once (rule_weight 0 switches it off)")

    @property
    def window(self) -> HuWindow:
        """The HU window."""
        return HuWindow(*self.window_hu)

    @property
    def choice(self) -> NetworkChoice:
        """The network of the bundle that comes of it."""
        if self.labels is Labels.ALL_AT_ONCE:
            return NetworkChoice(self.network, dict(self.arguments))
        return NetworkChoice(ONE_EACH, {"network": self.network, "arguments": dict(self.arguments)})

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The structures of each network that is trained by itself."""
        if self.labels is Labels.ALL_AT_ONCE:
            return (self.structures,)
        return tuple((name,) for name in self.structures)

    def rate_of(self, weight: str) -> float:
        """The learning rate of a weight by its name; 0 where it is frozen."""
        if weight.startswith(self.frozen):
            return 0.0
        own = [beginning for beginning in self.learning_rates if weight.startswith(beginning)]
        return self.learning_rates[max(own, key=len)] if own else self.learning_rate


def read_cohort_recipe(path: Path | None = None) -> CohortRecipe:
    """A recipe from its file, the one of the software without. BadSetting where it cannot be read,
    DamagedFile where it is no such recipe."""
    path = path or RECIPES / f"{COHORT_RECIPE}.json"
    try:
        return from_json(CohortRecipe, path.read_bytes())
    except OSError as error:
        raise BadSetting(f"The recipe {path.name} cannot be read ({error.strerror}).") from error


def rate_share(step: int, steps: int, warm_up: int = 30) -> float:
    """Share of the learning rate at one step: a short rise, then a cosine to nothing."""
    return min((step + 1) / min(warm_up, steps), 1.0) * 0.5 * (1 + math.cos(math.pi * step / steps))
