"""One scan by few examples: every plane across three axes is asked about, and the three answers are averaged.

Planes beside which no example holds the structure are not asked about: there is nothing to learn from, so
nothing is drawn. The contours by one axis alone make the spread. Held at once: the examples, one structure's
probabilities on the cube, and what the network needs for one plane and its support.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.few_shot.cube import AXES, SIDE, Cube, cube_of, plane, scaled
from inference_backend.few_shot.examples import SHAPE, LabelledCube
from inference_backend.few_shot.support import Shown, Support
from inference_backend.inference.back_sampling import mask_above
from inference_backend.inference.devices import Runtime
from inference_backend.inference.memory import is_out_of_memory
from inference_backend.inference.pace import Pace
from inference_backend.inference.votes import Votes
from inference_backend.models.model_grid import Floats

Ask = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes a picture [1, 1, h, w] and its support [1, s, 1, h, w] with labels; gives logits [1, 1, h, w]."""

CHOSEN, ASKED = 0.05, 0.97  # shares of the bar
WHOLE = Box((0, 0, 0), SHAPE)


@dataclass(frozen=True)
class SupportLimits:
    """`most`: pictures of the support at once. `picture_bytes`: what each takes on a CPU."""

    most: int
    picture_bytes: int


@dataclass(eq=False)
class FewShotResult:
    """Masks and spreads by catalogue id; sentences for the user."""

    masks: dict[str, Mask] = field(default_factory=dict)
    spread: dict[str, Spread] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Question:
    axis: int
    number: int
    support: tuple[Shown, ...]


def contour_by_examples(
    ask_on: Callable[[Runtime], Ask],
    examples: Sequence[LabelledCube],
    limits: SupportLimits,
    ct: CtScan,
    wanted: Sequence[str],
    runtime: Runtime,
    pace: Pace,
) -> FewShotResult:
    """The wanted structures, by at most so many planes of examples at once.

    `ask_on`: the network on a device. Raises Cancelled, NothingToContour, and MemoryError where even one
    example is too much.
    """
    pace.tell(0.0, "Choosing examples")
    cube = cube_of(ct)
    support = Support(examples, cube.hu_kji, cube.step_k_mm)
    asker = _Asker(ask_on, examples, scaled(cube.hu_kji), runtime, limits)
    plans = {name: _questions(support, name, limits.most, pace) for name in wanted}
    count = max(sum(map(len, plans.values())), 1)
    found, done = FewShotResult(), 0
    for name, questions in plans.items():
        share = [CHOSEN + (ASKED - CHOSEN) * n / count for n in (done, done + len(questions))]
        _contour(asker, name, questions, cube, ct, found, pace.part(share[0], share[1]))
        done += len(questions)
    shown = {s.example for questions in plans.values() for q in questions for s in q.support}
    found.findings += asker.findings
    found.findings += _support_told(shown, len(examples), asker.size)
    return found


def _questions(support: Support, name: str, size: int, pace: Pace) -> list[_Question]:
    found = []
    for axis in range(3):
        pace.tell(0.0, "Choosing examples")
        near = ((n, support.near(axis, n, size, name)) for n in range(SIDE))
        found += [_Question(axis, n, shown) for n, shown in near if shown]
    return found


def _contour(
    asker: _Asker,
    name: str,
    questions: Sequence[_Question],
    cube: Cube,
    ct: CtScan,
    found: FewShotResult,
    pace: Pace,
) -> None:
    """Adds one structure to what was found."""
    total = np.zeros(SHAPE, dtype=np.float32)
    votes = Votes()
    for axis in range(3):
        by_axis = np.zeros(SHAPE, dtype=np.float32)
        for n, question in enumerate(questions):
            if question.axis == axis:
                pace.tell(n / len(questions), f"{name}, {AXES[axis]} slice {question.number + 1} of {SIDE}")
                np.moveaxis(by_axis, axis, 0)[question.number] = asker.probabilities(question, name)
        votes.add(mask_above(by_axis, WHOLE, cube.grid, ct.geometry))
        total += by_axis
    found.masks[name] = mask_above(total / np.float32(3.0), WHOLE, cube.grid, ct.geometry)
    found.spread[name] = votes.spread()
    if not questions:
        found.findings.append(f"No example holds {name} where this scan could: it was not drawn.")


@dataclass
class _Asker:
    """Asks the network, with as many examples at once as memory allows. Once it ran out, later planes start
    with what sufficed."""

    ask_on: Callable[[Runtime], Ask]
    examples: Sequence[LabelledCube]
    values_kji: Floats
    runtime: Runtime
    limits: SupportLimits
    findings: list[str] = field(default_factory=list)
    ask: Ask | None = None

    def __post_init__(self) -> None:
        self.size = self.limits.most
        room = max(int(psutil.virtual_memory().available // self.limits.picture_bytes), 1)
        if not self.runtime.on_gpu and room < self.size:
            self._shrink(room)

    def probabilities(self, question: _Question, name: str) -> NDArray[np.float32]:
        """[h, w] of one plane, 0 to 1."""
        while True:
            try:
                return self._asked(question, name)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._need_less(error, len(question.support))

    def _asked(self, question: _Question, name: str) -> NDArray[np.float32]:
        if self.ask is None:
            self.ask = self.ask_on(self.runtime)
        shown = question.support[: self.size]
        hu = [plane(self.examples[s.example].hu_kji, question.axis, s.number) for s in shown]
        drawn = [plane(self.examples[s.example].labels_kji[name], question.axis, s.number) for s in shown]
        picture = plane(self.values_kji, question.axis, question.number)
        with torch.inference_mode():
            logits = self.ask(
                self._tensor(np.ascontiguousarray(picture)[None, None]),
                self._tensor(scaled(np.stack(hu))[None, :, None]),
                self._tensor(np.stack(drawn).astype(np.float32)[None, :, None]),
            )
            said: NDArray[np.float32] = logits[0, 0].float().sigmoid().cpu().numpy()
        return said

    def _tensor(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(values).to(self.runtime.device)

    def _need_less(self, error: Exception, shown: int) -> None:
        """Half of what was shown, or the CPU where one example was too much for a GPU."""
        if (now := min(self.size, shown)) > 1:
            self._shrink(now // 2)
        elif self.runtime.on_gpu:
            self.findings.append(
                f"The memory of {self.runtime.device} did not suffice: contoured on the CPU, more slowly."
            )
            self.runtime, self.ask = Runtime("cpu", self.runtime.deterministic), None
        else:
            raise MemoryError from error

    def _shrink(self, size: int) -> None:
        self.findings.append(
            f"The memory of {self.runtime.device} did not suffice for {self.size} examples at once: "
            f"{size} were shown."
        )
        self.size = size


def _support_told(shown: set[int], there: int, size: int) -> list[str]:
    if not shown:
        return []
    numbers = ", ".join(str(n + 1) for n in sorted(shown))
    return [
        f"Contoured by example: up to {size} slices at once, chosen by place and likeness from the labelled "
        f"cases {numbers} of {there}."
    ]
