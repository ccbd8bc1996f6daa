"""What a bundle says of itself: manifest.json, typed and strict.

A bundle is a folder with this file, the weights of one or more networks of equal structure (safetensors),
and perhaps a calibration of expected editing. Nothing in it is code: the network is one of those listed in
`networks`, and unknown fields are refused. Reading it imports nothing heavy, so the process that serves
HTTP can.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from AmlartContourLib.contract.errors import DamagedFile, TooLarge
from AmlartContourLib.contract.messages import NAME, SHA256
from AmlartContourLib.contract.strict_json import Message, from_json

MANIFEST_FILE = "manifest.json"
FORMAT = 1
MANIFEST_BYTES = 1 << 18
FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"  # no separator and no leading dot: never outside the folder
MAX_STRUCTURES = 256
MAX_MEMBERS = 32
MAX_FILE_BYTES = 8 << 30
MAX_ARGUMENTS = 200
MAX_TEXT = 4000
SIDE_LIMITS = (8, 1024)  # voxels of a window's side
MOST_MOVED = 64  # voxels
SPACING_LIMITS_MM = (0.3, 20.0)

Triple = tuple[float, float, float]
Index3 = tuple[int, int, int]


@dataclass(frozen=True)
class BundleFile(Message):
    """A file of the bundle: its name in the folder, its SHA-256 and its length."""

    file: str
    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        if not re.fullmatch(FILE_NAME, self.file):
            raise ValueError("a file's name has letters, digits, dots, dashes and underscores, and no path")
        if not re.fullmatch(SHA256, self.sha256):
            raise ValueError("a hash has 64 hexadecimal digits")
        if not 0 < self.bytes <= MAX_FILE_BYTES:
            raise ValueError(f"a file has between 1 and {MAX_FILE_BYTES} bytes")


@dataclass(frozen=True)
class NetworkChoice(Message):
    """Which of the listed networks, and its arguments: plain JSON values."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise ValueError("a network's name has letters, digits, dots, dashes and underscores")
        if _count(self.arguments) > MAX_ARGUMENTS:
            raise ValueError(f"a network has at most {MAX_ARGUMENTS} arguments")


@dataclass(frozen=True)
class Flip(Message):
    """A flip of the patient that the network may be asked about too: left and right changed places.

    `swaps` pairs the structures that then change places; all others must be their own mirror image.
    """

    swaps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Manifest(Message):
    """Everything a bundle says of itself.

    `structures`: catalogue ids in the order of the network's outputs. `spacing_mm`: of the grid that the
    network sees, i, j, k. `window_hu`: the HU that become -1 and 1. `patch_kji`: size of a window, None for
    the whole body at once. `overlap`: which part of a window the next one shares. `members`: weights of
    networks trained apart. `moves`: by how many voxels each of them sees the body further on, so that their
    coarse voxels hold different ones together; by none where it is empty. `flip_left_right`: None where flips
    are not allowed. `largest_part_only`: structures of which only the largest connected part is kept.
    `demonstration`: trained on synthetic anatomy, never for patients.
    """

    format: int
    id: str
    version: str
    title: str
    structures: tuple[str, ...]
    spacing_mm: Triple
    window_hu: tuple[float, float]
    network: NetworkChoice
    members: tuple[BundleFile, ...]
    training_data: str
    licence: str
    intended_use: str
    demonstration: bool
    patch_kji: Index3 | None = None
    overlap: float = 0.25
    moves: tuple[int, ...] = ()
    flip_left_right: Flip | None = None
    largest_part_only: tuple[str, ...] = ()
    calibration: BundleFile | None = None
    card: BundleFile | None = None

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}")
        self._check_names()
        self._check_numbers()

    @property
    def files(self) -> tuple[BundleFile, ...]:
        """Every file besides the manifest."""
        return (*self.members, *(f for f in (self.calibration, self.card) if f is not None))

    @property
    def weight_bytes(self) -> int:
        """Length of all weights."""
        return sum(member.bytes for member in self.members)

    def moved_by(self, member: int) -> int:
        """By how many voxels a member sees the body further on."""
        return self.moves[member] if self.moves else 0

    def _check_names(self) -> None:
        for name in (self.id, self.version, *self.structures):
            if not re.fullmatch(NAME, name):
                raise ValueError("a name has letters, digits, dots, dashes, underscores; 64 at most")
        texts = (self.title, self.training_data, self.licence, self.intended_use)
        if any(not 0 < len(text) <= MAX_TEXT for text in texts):
            raise ValueError(f"a text is empty or longer than {MAX_TEXT} characters")
        if not 1 <= len(set(self.structures)) == len(self.structures) <= MAX_STRUCTURES:
            raise ValueError(f"there are 1 to {MAX_STRUCTURES} structures, each once")
        named = [f.file for f in self.files]
        if len(set(named)) < len(named) or MANIFEST_FILE in named:
            raise ValueError("a file is named twice")
        swapped = [name for pair in (self.flip_left_right or Flip()).swaps for name in pair]
        if not {*swapped, *self.largest_part_only} <= set(self.structures):
            raise ValueError("a structure is named that the network does not give")
        if len(set(swapped)) < len(swapped):
            raise ValueError("a structure changes places twice")

    def _check_numbers(self) -> None:
        low, high = SPACING_LIMITS_MM
        if not all(low <= mm <= high for mm in self.spacing_mm):
            raise ValueError(f"the spacing is not between {low} and {high} mm")
        if not -2000 <= self.window_hu[0] < self.window_hu[1] <= 10000:
            raise ValueError("the window is not two HU, the lower first")
        if self.patch_kji and not all(SIDE_LIMITS[0] <= n <= SIDE_LIMITS[1] for n in self.patch_kji):
            raise ValueError(f"a window's side is not between {SIDE_LIMITS[0]} and {SIDE_LIMITS[1]}")
        if not 0 <= self.overlap <= 0.9:
            raise ValueError("the overlap is not between 0 and 0.9")
        if not 1 <= len(self.members) <= MAX_MEMBERS:
            raise ValueError(f"there are 1 to {MAX_MEMBERS} members")
        if self.moves and len(self.moves) != len(self.members):
            raise ValueError("there is a move for each member, or none")
        if not all(0 <= voxels <= MOST_MOVED for voxels in self.moves):
            raise ValueError(f"a move is not between 0 and {MOST_MOVED} voxels")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle's folder. DamagedFile or TooLarge, naming the folder, where it is none."""
    path = folder / MANIFEST_FILE
    try:
        size = path.stat().st_size
        if size > MANIFEST_BYTES:
            raise TooLarge(f"The manifest of the bundle {folder.name} is longer than {MANIFEST_BYTES} bytes.")
        text = path.read_bytes()
    except OSError as error:
        raise DamagedFile(
            f"The bundle {folder.name} has no readable {MANIFEST_FILE} ({error.strerror}).",
            advice="Copy the whole bundle again.",
        ) from error
    try:
        return from_json(Manifest, text)
    except DamagedFile as error:
        raise DamagedFile(
            f"The bundle {folder.name} cannot be used. {error.what}", advice="Copy the whole bundle again."
        ) from error


def _count(value: object) -> int:
    """How many plain values an argument holds. ValueError where one is no plain JSON value."""
    if isinstance(value, Mapping):
        return sum(_count(item) for item in value.values()) + len(value)
    if isinstance(value, list):
        return sum(map(_count, value)) + 1
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("an argument is not finite")
    return 1
