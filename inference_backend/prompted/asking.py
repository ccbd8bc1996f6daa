"""Asking a prompted network about one slice: the slow look at the picture once, each prompt quickly.

The last looks are kept, so a second prompt on a slice costs a fraction of the first. Where a GPU's memory
runs out the CPU goes on, and the user is told.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from AmlartContourLib.contract.errors import TooLarge
from inference_backend.inference.devices import Runtime
from inference_backend.inference.memory import is_out_of_memory
from inference_backend.prompted.description import Look
from inference_backend.prompted.pictures import BRIGHT, BoxJi, Frame

KEPT_LOOKS = 8  # 4 MB each for the published sizes


@dataclass(frozen=True)
class SlicePrompt:
    """A prompt on one slice. `inside_ji`, `outside_ji`: pixels that belong, and that do not."""

    box_ji: BoxJi | None = None
    inside_ji: tuple[tuple[int, int], ...] = ()
    outside_ji: tuple[tuple[int, int], ...] = ()


class Answerer(Protocol):
    """A network on a device, in two steps."""

    side: int

    def look(self, frame: Frame, hu_ji: NDArray[np.int16]) -> Tensor:
        """What is kept of a slice."""

    def answer(self, frame: Frame, seen: Tensor, prompt: SlicePrompt) -> Tensor:
        """Logits [1, 1, h, w] on the network's square."""


class SamAnswerer:
    """A network of segment-anything."""

    def __init__(self, network: nn.Module, look: Look, device: str) -> None:
        moved: Any = network.to(device)
        self._network = moved
        self._look = look
        self._device = device
        self.side = int(moved.image_encoder.img_size)

    def look(self, frame: Frame, hu_ji: NDArray[np.int16]) -> Tensor:
        """The encoder's features of a slice."""
        picture = frame.picture(hu_ji).to(self._device)
        if self._look is Look.MEDSAM:
            scaled = picture / BRIGHT
        else:
            scaled = (picture - self._network.pixel_mean) / self._network.pixel_std
        features: Tensor = self._network.image_encoder(frame.padded(scaled))
        return features

    def answer(self, frame: Frame, seen: Tensor, prompt: SlicePrompt) -> Tensor:
        """The decoder's mask; of the three it offers for points alone, the one it thinks best."""
        sparse, dense = self._network.prompt_encoder(
            points=self._points(frame, prompt), boxes=self._box(frame, prompt), masks=None
        )
        several = prompt.box_ji is None and len(prompt.inside_ji) + len(prompt.outside_ji) == 1
        masks, quality = self._network.mask_decoder(
            image_embeddings=seen,
            image_pe=self._network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        best = int(quality[0].argmax())
        logits: Tensor = masks[:, best : best + 1]
        return logits

    def _box(self, frame: Frame, prompt: SlicePrompt) -> Tensor | None:
        if prompt.box_ji is None:
            return None
        return torch.from_numpy(frame.box_xyxy(prompt.box_ji)).to(self._device)[None]

    def _points(self, frame: Frame, prompt: SlicePrompt) -> tuple[Tensor, Tensor] | None:
        points = (*prompt.inside_ji, *prompt.outside_ji)
        if not points:
            return None
        places = torch.from_numpy(frame.points_xy(np.asarray(points))).to(self._device)[None]
        belongs = [1] * len(prompt.inside_ji) + [0] * len(prompt.outside_ji)
        return places, torch.tensor(belongs, dtype=torch.int, device=self._device)[None]


MakeAnswerer = Callable[[Runtime], Answerer]


@dataclass
class Asker:
    """Asks about slices. `findings` collects sentences for the user."""

    make: MakeAnswerer
    runtime: Runtime
    look: Look
    findings: list[str] = field(default_factory=list)
    _answerer: Answerer | None = None
    _looks: OrderedDict[str, Tensor] = field(default_factory=OrderedDict)

    def inside(self, hu_ji: NDArray[np.int16], prompt: SlicePrompt) -> NDArray[np.bool_]:
        """The pixels of a slice that belong to what is prompted. MemoryError where the CPU has too little."""
        try:
            return self._inside(hu_ji, prompt)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if not self.runtime.on_gpu:
                raise MemoryError from error
        self.findings.append(
            f"The memory of {self.runtime.device} did not suffice: contoured on the CPU, more slowly."
        )
        self.runtime = Runtime("cpu", self.runtime.deterministic)
        self._answerer = None
        self._looks.clear()
        return self._inside(hu_ji, prompt)

    def _inside(self, hu_ji: NDArray[np.int16], prompt: SlicePrompt) -> NDArray[np.bool_]:
        if self._answerer is None:
            self._answerer = self.make(self.runtime)
        height, width = hu_ji.shape
        frame = Frame((height, width), self._answerer.side, self.look)
        with torch.inference_mode():
            seen = self._seen(self._answerer, frame, hu_ji)
            said = frame.back(self._answerer.answer(frame, seen, prompt).float())
        found: NDArray[np.bool_] = said > 0
        return found

    def _seen(self, answerer: Answerer, frame: Frame, hu_ji: NDArray[np.int16]) -> Tensor:
        key = hashlib.sha256(np.ascontiguousarray(hu_ji).tobytes()).hexdigest() + str(hu_ji.shape)
        if key not in self._looks:
            self._looks[key] = answerer.look(frame, hu_ji)
            while len(self._looks) > KEPT_LOOKS:
                self._looks.popitem(last=False)
        self._looks.move_to_end(key)
        return self._looks[key]


def require_room(needed: int, title: str) -> None:
    """TooLarge where the look at one picture does not fit in memory, in bytes."""
    free = int(psutil.virtual_memory().available)
    if needed > free:
        raise TooLarge(
            f"{title} needs at least {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free.",
            kept="The scan is kept.",
            advice="Close other programs, or use a machine with more memory.",
        )
