"""The kinds of added model, read by the file that describes each."""

from __future__ import annotations

from pathlib import Path

from inference_backend.few_shot.description import FEW_SHOT_FILE, FewShot
from inference_backend.interactive.description import INTERACTIVE_FILE, Interactive
from inference_backend.models.card import read_card
from inference_backend.models.pack import PACK_FILE, Pack
from inference_backend.models.store import described_by
from inference_backend.monai_bundle.description import MONAI_FILE, MonaiModel
from inference_backend.prompted.description import PROMPTED_FILE, Prompted

Added = Pack | FewShot | Prompted | Interactive | MonaiModel
KINDS: dict[str, type[Added]] = {
    PACK_FILE: Pack,
    FEW_SHOT_FILE: FewShot,
    PROMPTED_FILE: Prompted,
    INTERACTIVE_FILE: Interactive,
    MONAI_FILE: MonaiModel,
}


def read_added(folder: Path) -> Added:
    """The added model in a folder. DamagedFile or TooLarge, naming the folder, where there is none."""
    name = described_by(folder)
    model: Added = read_card(KINDS[name], folder, name)
    return model
