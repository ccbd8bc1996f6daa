"""What a prompted model says of itself: prompted.json, typed and strict.

Beside it lie the weights of a network of the library segment-anything: SAM's own, MedSAM's, or weights
fine-tuned from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from AmlartContourLib.contract.messages import NAME
from inference_backend.models.card import INTENDED_USE, Card
from inference_backend.models.manifest import BundleFile

PROMPTED_FILE = "prompted.json"
LIBRARY = "segment_anything"
MEND = "pip install 'amlart-contour[sam]'"
MAX_STRUCTURES = 256


class Look(Enum):
    """How a slice was shown to the network in training. Values are words of the command line.

    MEDSAM: stretched to a square, brightness 0 to 1. SAM: the longer side fits, the rest is padding,
    brightness scaled as photographs were.
    """

    MEDSAM = "medsam"
    SAM = "sam"


@dataclass(frozen=True)
class Prompted(Card):
    """Everything a prompted model says of itself. `gives`: structures whose boxes it may be asked about.
    `working_bytes`: what the look at one slice takes on a CPU."""

    weights: BundleFile
    look: Look
    gives: tuple[str, ...]
    working_bytes: int
    licence_text: BundleFile | None = None
    intended_use: str = INTENDED_USE
    card: BundleFile | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.gives) <= MAX_STRUCTURES or len(set(self.gives)) < len(self.gives):
            raise ValueError(f"it gives 1 to {MAX_STRUCTURES} structures, each once")
        if not all(re.fullmatch(NAME, one) for one in self.gives):
            raise ValueError("a structure's id is none")

    @property
    def structures(self) -> tuple[str, ...]:
        """Catalogue ids."""
        return self.gives

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file besides prompted.json."""
        return (self.weights, *(one for one in (self.licence_text, self.card) if one is not None))

    @property
    def weight_bytes(self) -> int:
        """Length of the weights."""
        return self.weights.bytes
