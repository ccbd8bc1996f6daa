"""What an interactive model says of itself: interactive.json, typed and strict.

It is either a trained folder of nnInteractive, kept here as safetensors with its plans and what it says of
its prompts, or a server of nnInteractive's own that holds the weights. Reading it imports nothing heavy.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.prompt import PromptKind
from AmlartContourLib.contract.strict_json import Message
from inference_backend.models.card import INTENDED_USE, Card
from inference_backend.models.manifest import BundleFile

INTERACTIVE_FILE = "interactive.json"
LIBRARY, CLIENT = "nnInteractive.inference.inference_session", "nnInteractive.inference.remote"
MEND = "pip install 'amlart-contour[interactive]'"
MEND_CLIENT = "pip install 'amlart-contour[interactive-client]'"
KEY_VARIABLE = "NN_INTERACTIVE_API_KEY"
MAX_STRUCTURES = 256
SUPPORTED = {
    "points": PromptKind.POINT,
    "bbox2d": PromptKind.BOX,
    "bbox3d": PromptKind.BOX_3D,
    "scribble": PromptKind.SCRIBBLE,
    "lasso": PromptKind.LASSO,
}
"""nnInteractive's words for what a prompt may be made of."""


@dataclass(frozen=True)
class Ways(Message):
    """What a trained folder says of its prompts. `capability`: as the library's session takes it. `channels`:
    pictures of prompts that the network sees beside the scan. `point_radius`: voxels. `thickness`: of a
    scribble, in voxels. `decay`: how much less an earlier prompt counts."""

    capability: Mapping[str, object]
    channels: int
    point_radius: int
    thickness: tuple[int, int, int]
    decay: float

    def __post_init__(self) -> None:
        if not 2 <= self.channels <= 64 or not 1 <= self.point_radius <= 32 or not 0 < self.decay <= 1:
            raise ValueError("the channels, the radius of a point or the decay is out of range")
        if not all(1 <= side <= 32 for side in self.thickness):
            raise ValueError("the thickness of a scribble is out of range")


@dataclass(frozen=True)
class Folder(Message):
    """A trained folder. `window`: voxels of one look, which takes `working_bytes` on a CPU."""

    weights: BundleFile
    plans: BundleFile
    dataset: BundleFile
    configuration: str
    trainer: str
    window: tuple[int, int, int]
    working_bytes: int
    ways: Ways

    def __post_init__(self) -> None:
        if not all(1 <= side <= 1024 for side in self.window):
            raise ValueError("the window cannot be used")


@dataclass(frozen=True)
class Interactive(Card):
    """Everything an interactive model says of itself. `gives`: structures that it may be asked about.
    `autozoom`: looks at more of the scan where an answer reaches the edge of what it saw."""

    gives: tuple[str, ...]
    prompts: tuple[PromptKind, ...]
    folder: Folder | None = None
    server: str | None = None
    autozoom: bool = True
    licence_text: BundleFile | None = None
    intended_use: str = INTENDED_USE

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.folder is None) == (self.server is None):
            raise ValueError("it has either a folder of weights or a server")
        if self.server is not None:
            require_server(self.server)
        if not self.prompts:
            raise ValueError("it takes no prompts")
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
        """Every file besides interactive.json."""
        text = () if self.licence_text is None else (self.licence_text,)
        if self.folder is None:
            return text
        return (self.folder.weights, self.folder.plans, self.folder.dataset, *text)

    @property
    def weight_bytes(self) -> int:
        """Length of the weights that are held here: none where a server holds them."""
        return 0 if self.folder is None else self.folder.weights.bytes

    @property
    def needs(self) -> dict[str, str]:
        """Libraries beside torch, with the command that installs each."""
        return {CLIENT: MEND_CLIENT} if self.folder is None else {LIBRARY: MEND}


def require_server(url: str) -> None:
    """ValueError unless it is the address of a server that a scan may be sent to: this machine, or another
    by TLS."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("the server's address is none, such as http://127.0.0.1:1527")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ValueError("a scan is sent to another machine by https only")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
