"""What UniverSeg is asked while it is fine-tuned: a plane of one case, with planes of the others as support.

The support is chosen as it is when a scan is contoured, by place and likeness, and among cases that are
learnt from only, never the asked one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.few_shot.cube import SIDE, plane, scaled
from inference_backend.few_shot.examples import LabelledCube
from inference_backend.few_shot.support import NEAR_PLANES, Shown, Support
from inference_backend.models.model_grid import Floats
from inference_backend.training.slices.recipe import FewShotRecipe
from inference_backend.training.windows import varied

TRIES = 200


class FewShotLesson:
    """See the module. `cubes`: every case by name; `training`, `validation`: names."""

    def __init__(
        self,
        recipe: FewShotRecipe,
        network: nn.Module,
        cubes: Mapping[str, LabelledCube],
        training: Sequence[str],
        validation: Sequence[str],
        device: str = "cpu",
    ) -> None:
        self.network = network
        self._recipe, self._cubes, self._device = recipe, cubes, torch.device(device)
        self._training, self._validation = training, validation
        self._support = cache(self._made_support)

    def answer(self, rng: np.random.Generator, *, plain: bool) -> tuple[Tensor, Tensor]:
        """See `Lesson`."""
        name, structure, axis, number, others, shown = self._drawn(rng, plain=plain)
        cube = self._cubes[name]
        hu = plane(cube.hu_kji, axis, number)
        label = plane(cube.labels_kji[structure], axis, number)
        pictures = [plane(others[one.example].hu_kji, axis, one.number) for one in shown]
        labels = [plane(others[one.example].labels_kji[structure], axis, one.number) for one in shown]
        logits: Tensor = self.network(
            self._tensor(self._seen(hu, rng, plain=plain)[None, None]),
            self._tensor(np.stack([self._seen(one, rng, plain=plain) for one in pictures])[None, :, None]),
            self._tensor(np.stack(labels).astype(np.float32)[None, :, None]),
        )
        return logits, self._tensor(label.astype(np.float32)[None, None])

    def _drawn(
        self, rng: np.random.Generator, *, plain: bool
    ) -> tuple[str, str, int, int, list[LabelledCube], tuple[Shown, ...]]:
        """Case, structure, axis and plane, and the support; drawn again where no other case holds any.

        BadSetting where none is found: the cases have no structure in common.
        """
        names = self._validation if plain else self._training
        for _ in range(TRIES):
            name = names[int(rng.integers(len(names)))]
            labels = self._cubes[name].labels_kji
            structure = list(labels)[int(rng.integers(len(labels)))]
            axis = int(rng.integers(3))
            held = np.flatnonzero(labels[structure].any(axis=tuple({0, 1, 2} - {axis})))
            if not held.size:
                continue
            first, last = max(held[0] - NEAR_PLANES, 0), min(held[-1] + NEAR_PLANES, SIDE - 1)
            number = int(rng.integers(first, last + 1))
            others, support = self._support(name)
            shown = support.near(axis, number, self._recipe.support_size, structure)
            if shown:
                return name, structure, axis, number, others, shown
        raise BadSetting(
            "No two cases have a structure in common that one could be an example of for the other.",
            advice="Give more cases, or other structures.",
        )

    def _made_support(self, name: str) -> tuple[list[LabelledCube], Support]:
        others = [self._cubes[other] for other in self._training if other != name]
        cube = self._cubes[name]
        return others, Support(others, cube.hu_kji.astype(np.float32), cube.step_k_mm)

    def _seen(self, hu: NDArray[np.int16], rng: np.random.Generator, *, plain: bool) -> Floats:
        values = hu.astype(np.float32)
        return scaled(values if plain or not self._recipe.augment else varied(values, rng))

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
