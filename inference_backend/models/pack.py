"""What an added model says of itself: pack.json, typed and strict.

A pack is a folder below `models/` with this file and, beside it, the plans, labels and weights of one or more
trained nnU-Net folders. Everything in it but the texts was made when the model was added: the weights are
safetensors, so no pickle is ever loaded again. Reading it imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import Message, from_json
from inference_backend.models.manifest import BundleFile

PACK_FILE = "pack.json"
PACK_FORMAT = 1
PACK_BYTES = 1 << 20
MAX_PARTS = 32
MAX_FOLDS = 20
MAX_LABELS = 254
MAX_TEXT = 4000
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
class Pack(Message):
    """Everything a pack says of itself. `research_only`: its licence forbids commercial use.
    `left_out`: labels that the catalogue does not know. `licence_text`: the licence's own words."""

    format: int
    id: str
    version: str
    title: str
    licence: str
    research_only: bool
    parts: tuple[Part, ...]
    left_out: tuple[str, ...] = ()
    licence_text: BundleFile | None = None
    intended_use: str = field(default="Research. A proposal to edit.")

    def __post_init__(self) -> None:
        if self.format != PACK_FORMAT:
            raise ValueError(f"this version reads format {PACK_FORMAT}")
        if not all(re.fullmatch(NAME, text) for text in (self.id, self.version)):
            raise ValueError("a name has letters, digits, dots, dashes, underscores; 64 at most")
        if any(not 0 < len(text) <= MAX_TEXT for text in (self.title, self.licence, self.intended_use)):
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
    def terms(self) -> str:
        """The licence's name, and that it forbids commercial use where it does."""
        return f"{self.licence} (no commercial use)" if self.research_only else self.licence

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
    path = folder / PACK_FILE
    advice = f"Remove it with `amlart models remove {folder.name}` and add the model again."
    try:
        if path.stat().st_size > PACK_BYTES:
            raise TooLarge(f"The {PACK_FILE} of the model {folder.name} is longer than {PACK_BYTES} bytes.")
        return from_json(Pack, path.read_bytes())
    except OSError as error:
        what = f"The model {folder.name} has no readable {PACK_FILE} ({error.strerror})."
        raise DamagedFile(what, advice=advice) from error
    except DamagedFile as error:
        raise DamagedFile(f"The model {folder.name} cannot be used. {error.what}", advice=advice) from error
