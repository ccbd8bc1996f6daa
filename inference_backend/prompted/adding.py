"""Adding a prompted model: one file of weights of SAM, MedSAM or a network fine-tuned from them."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch

from inference_backend.models.bundle import file_in_bundle
from inference_backend.models.restricted import state_of
from inference_backend.models.wish import WEIGHTS_FILE, Wish, written
from inference_backend.prompted.description import PROMPTED_FILE, Look, Prompted
from inference_backend.prompted.network import filled, working_bytes


def add_prompted(weights: Path, gives: tuple[str, ...], look: Look, wish: Wish) -> Prompted:
    """The model. DamagedFile where the weights cannot be used; BadSetting where the library is missing."""
    state = state_of(weights)
    network = filled(state, weights.name)

    def make(folder: Path) -> Prompted:
        safetensors.torch.save_file(state, folder / WEIGHTS_FILE)
        return Prompted(
            **wish.card(),  # type: ignore[arg-type]  # the fields of every description
            weights=file_in_bundle(folder / WEIGHTS_FILE),
            look=look,
            gives=gives,
            working_bytes=working_bytes(network),
            licence_text=wish.kept_licence(folder),
            intended_use=wish.intended_use,
            card=wish.kept_card(folder),
        )

    return written(wish, PROMPTED_FILE, make)
