"""What a user says of a model made of one file of weights, and what every such model is added by."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from AmlartContourLib.contract.errors import BadSetting, InputRefused
from AmlartContourLib.contract.home import default_home
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import to_plain
from AmlartContourLib.exchange.atomic import write_folder
from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.card import CARD_FORMAT, INTENDED_USE, Card
from inference_backend.models.manifest import BundleFile
from inference_backend.models.store import EMBEDDED_ID, bundle_folder
from inference_backend.server.private_files import private_folder

LICENCE_FILE = "licence.txt"
CARD_FILE = "card.md"
LICENCE_BYTES = 1 << 20
WEIGHTS_FILE = "weights.safetensors"
C = TypeVar("C", bound=Card)


@dataclass(frozen=True)
class Wish:
    """`licence_file`: the licence's own words, kept beside the weights. `model_card`: Markdown, of a model
    that was trained here; empty for others."""

    id: str
    licence: str
    title: str
    version: str = "1"
    research_only: bool = False
    licence_file: Path | None = None
    intended_use: str = INTENDED_USE
    model_card: str = ""

    def card(self) -> dict[str, object]:
        """The fields that every description has."""
        return {
            "format": CARD_FORMAT,
            "id": self.id,
            "version": self.version,
            "title": self.title,
            "licence": self.licence,
            "research_only": self.research_only,
        }

    def kept_licence(self, folder: Path, came: bytes | None = None) -> BundleFile | None:
        """The licence's words in the model's folder, or those that `came` with the weights. InputRefused
        where they cannot be read."""
        if self.licence_file is None:
            return kept_text(folder, came)
        try:
            with self.licence_file.open("rb") as file:
                text = file.read(LICENCE_BYTES)
        except OSError as error:
            raise InputRefused(f"{self.licence_file.name} cannot be read ({error.strerror}).") from error
        if not text.strip():
            raise InputRefused(f"{self.licence_file.name} holds no licence: it is empty.")
        return kept_text(folder, text)

    def kept_card(self, folder: Path) -> BundleFile | None:
        """The model card in the model's folder; None where there is none."""
        if not self.model_card:
            return None
        (folder / CARD_FILE).write_text(self.model_card, encoding="utf-8")
        return file_in_bundle(folder / CARD_FILE)


def kept_text(folder: Path, text: bytes | None) -> BundleFile | None:
    """The words of a licence beside the weights; None where there are none."""
    if not text:
        return None
    (folder / LICENCE_FILE).write_bytes(text)
    return file_in_bundle(folder / LICENCE_FILE)


def require_name(name: str) -> None:
    """BadSetting where a word cannot be an added model's id."""
    if not re.fullmatch(NAME, name) or name == EMBEDDED_ID:
        raise BadSetting(
            f"{name!r} cannot name a model.", advice="Use letters, digits, dots and dashes; 64 at most."
        )


def written(wish: Wish, file: str, fill: Callable[[Path], C]) -> C:
    """The model that `fill` makes in its folder, whole or not at all. BadSetting where what is said of it
    cannot be; ExportFailed where a model of this id is there or the disk is full."""
    require_name(wish.id)
    made: list[C] = []

    def whole(folder: Path) -> None:
        try:
            card = fill(folder)
        except ValueError as error:
            raise BadSetting(f"This model cannot be added: {error}.") from error
        text = json.dumps(to_plain(card), indent=1, ensure_ascii=False)
        (folder / file).write_text(text, encoding="utf-8")
        made.append(card)

    private_folder(default_home())  # a backend refuses one that others can read
    write_folder(bundle_folder(wish.id), whole)
    return made[0]
