"""What an added model says of itself: pack.json, typed and strict.

A pack is a folder below `models/` with this file and, beside it, the plans, labels and weights of one or more
trained nnU-Net folders. Everything in it but the texts was made when the model was added: the weights are
safetensors, so no pickle is ever loaded again. Reading it imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.messages import NAME, SHA256
from AmlartContourLib.contract.strict_json import Message
from inference_backend.models.card import INTENDED_USE, MAX_TEXT, Card, read_card
from inference_backend.models.manifest import BundleFile

PACK_FILE = "pack.json"
MAX_PARTS = 32
MAX_FOLDS = 20
MAX_LABELS = 254
AXES = r"^[LR][PA][SI]$"


@dataclass(frozen=True)
class Part(Message):
    """One trained folder. `gives`: catalogue id of each label that is used. `axes`: see `nnunet.axes`.
    `step`: part of a window from one to the next. `mirrors`: axes along which mirror images are asked about.
    """

    name: str
    configuration: str
    trainer: str
    plans: BundleFile
    dataset: BundleFile
    folds: tuple[BundleFile, ...]
    gives: Mapping[str, str]
    axes: str
    step: float = 0.5
    mirrors: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.folds) <= MAX_FOLDS:
            raise ValueError(f"a part has 1 to {MAX_FOLDS} folds")
        if not 1 <= len(self.gives) <= MAX_LABELS:
            raise ValueError(f"a part gives 1 to {MAX_LABELS} structures")
        ids = list(self.gives.values())
        if len(set(ids)) < len(ids) or not all(re.fullmatch(NAME, one) for one in ids):
            raise ValueError("a part gives a structure twice, or one whose id is none")
        if not re.fullmatch(AXES, self.axes):
            raise ValueError("the axes are three letters such as LPS")
        if not 0.1 <= self.step <= 1 or not set(self.mirrors) <= {0, 1, 2}:
            raise ValueError("the windows or mirrors cannot be used")

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file of this part."""
        return (self.plans, self.dataset, *self.folds)


@dataclass(frozen=True)
class Origin(Message):
    """A file that a pack was made of and that was fetched: where from, and what came. `expected`: somebody
    had said which hash it must have."""

    url: str
    sha256: str
    bytes: int
    expected: bool

    def __post_init__(self) -> None:
        if not re.fullmatch(SHA256, self.sha256) or not 0 < len(self.url) <= MAX_TEXT:
            raise ValueError("an address or a hash is none")


@dataclass(frozen=True)
class Pack(Card):
    """Everything a pack says of itself. `left_out`: labels that the catalogue does not know. `licence_text`:
    the licence's own words. `origins`: what it was made of, where that was fetched."""

    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()
    licence_text: BundleFile | None = None
    intended_use: str = INTENDED_USE
    origins: tuple[Origin, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < len(self.intended_use) <= MAX_TEXT:
            raise ValueError(f"a text is empty or longer than {MAX_TEXT} characters")
        if not 1 <= len(self.parts) <= MAX_PARTS:
            raise ValueError(f"there are 1 to {MAX_PARTS} parts")
        named = [file.file for file in self.files]
        if len(set(named)) < len(named) or PACK_FILE in named:
            raise ValueError("a file is named twice")
        if len(set(self.structures)) < sum(len(part.gives) for part in self.parts):
            raise ValueError("a structure is given by two parts")

    @property
    def structures(self) -> tuple[str, ...]:
        """Catalogue ids, in the order of the parts."""
        return tuple(dict.fromkeys(one for part in self.parts for one in part.gives.values()))

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file besides pack.json."""
        text = () if self.licence_text is None else (self.licence_text,)
        return (*(file for part in self.parts for file in part.files), *text)

    @property
    def weight_bytes(self) -> int:
        """Length of all weights."""
        return sum(fold.bytes for part in self.parts for fold in part.folds)


def read_pack(folder: Path) -> Pack:
    """The pack in a folder. DamagedFile or TooLarge, naming the folder, where there is none."""
    return read_card(Pack, folder, PACK_FILE)
