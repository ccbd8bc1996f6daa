"""Is an added model still what it was: every file read again, every network built and filled."""

from __future__ import annotations

from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError
from inference_backend.few_shot.description import FewShot
from inference_backend.interactive.description import Interactive
from inference_backend.models.added import read_added
from inference_backend.models.bundle import Bundle, forget_hashes, verified
from inference_backend.models.pack import Pack
from inference_backend.models.pack_reading import network_of, trained_part
from inference_backend.monai_bundle.description import MonaiModel


def fault_of(folder: Path) -> str:
    """What is wrong with the added model in a folder, in words; empty where it is in order."""
    forget_hashes()
    try:
        model = read_added(folder)
        for file in model.files:
            verified(folder, file)
        if isinstance(model, Pack):
            _build_folds(folder, model)
        elif isinstance(model, FewShot):
            from inference_backend.few_shot.network import few_shot_network

            few_shot_network(folder, model)
        elif isinstance(model, MonaiModel):
            Bundle(folder, model.manifest()).network(0)
        elif isinstance(model, Interactive):
            if model.folder is not None:
                from inference_backend.interactive.sessions import network_of as interactive_network

                interactive_network(folder, model.folder)
        else:
            from inference_backend.prompted.network import prompted_network

            prompted_network(folder, model)
    except AmlartError as error:
        return str(error)
    return ""


def _build_folds(folder: Path, pack: Pack) -> None:
    for part in pack.parts:
        trained = trained_part(folder, part)
        for fold in part.folds:
            network_of(folder, trained, fold)
