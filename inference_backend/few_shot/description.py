"""What a few-shot model says of itself: few-shot.json, typed and strict.

Beside it lie the weights and, for each labelled case it may show to the network, the case on a cube of
points. A case is known by its number: its name stays in this file and goes into no result, because a folder
may be named after a patient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import Message
from inference_backend.models.card import INTENDED_USE, Card
from inference_backend.models.manifest import BundleFile

FEW_SHOT_FILE = "few-shot.json"
LIBRARY = "universeg"
MEND = "pip install --no-deps 'git+https://github.com/JJGO/UniverSeg.git'"
MAX_EXAMPLES = 500
MOST_SUPPORT = 80
USUAL_SUPPORT = 64
"""What the published weights were trained with."""
MAX_WIDTH = 4096
BYTES_A_CHANNEL = 1 << 20
"""Of each picture of the support and each channel of the widest stage: measured 0.8 MB on a CPU."""


@dataclass(frozen=True)
class Example(Message):
    """One labelled case: its name, its file, and the structures that were labelled; a missing label is
    unknown, not empty."""

    name: str
    file: BundleFile
    structures: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.structures or not all(re.fullmatch(NAME, one) for one in self.structures):
            raise ValueError("an example has at least one structure, by its id")


@dataclass(frozen=True)
class FewShot(Card):
    """Everything a few-shot model says of itself. `blocks`: channels of each stage of the network, as they
    cross and as they go on. `support_size`: most examples that the network sees at once."""

    weights: BundleFile
    blocks: tuple[tuple[int, int], ...]
    support_size: int
    examples: tuple[Example, ...]
    licence_text: BundleFile | None = None
    intended_use: str = INTENDED_USE
    card: BundleFile | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.blocks) <= 8 or not all(1 <= n <= MAX_WIDTH for two in self.blocks for n in two):
            raise ValueError("the network's stages cannot be built")
        if not 1 <= self.support_size <= MOST_SUPPORT:
            raise ValueError(f"the support holds 1 to {MOST_SUPPORT} examples")
        if not 1 <= len(self.examples) <= MAX_EXAMPLES:
            raise ValueError(f"there are 1 to {MAX_EXAMPLES} examples")

    @property
    def structures(self) -> tuple[str, ...]:
        """Catalogue ids that at least one example has, in the order they come."""
        return tuple(dict.fromkeys(one for example in self.examples for one in example.structures))

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file besides few-shot.json."""
        texts = tuple(one for one in (self.licence_text, self.card) if one is not None)
        return (self.weights, *(example.file for example in self.examples), *texts)

    @property
    def picture_bytes(self) -> int:
        """What one picture of the support takes on a CPU."""
        return max(n for two in self.blocks for n in two) * BYTES_A_CHANNEL

    @property
    def working_bytes(self) -> int:
        """What the largest support takes on a CPU."""
        return self.support_size * self.picture_bytes

    @property
    def weight_bytes(self) -> int:
        """Length of the weights and of the examples, which are all held while it contours."""
        return self.weights.bytes + sum(example.file.bytes for example in self.examples)
