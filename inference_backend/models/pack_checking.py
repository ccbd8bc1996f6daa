"""Is an added model still what it was: every file read again, every network built and filled."""

from __future__ import annotations

from pathlib import Path

from AmlartContourLib.contract.errors import AmlartError
from inference_backend.models.bundle import forget_hashes, verified
from inference_backend.models.pack import read_pack
from inference_backend.models.pack_reading import network_of, trained_part


def fault_of(folder: Path) -> str:
    """What is wrong with the pack in a folder, in words; empty where it is in order."""
    forget_hashes()
    try:
        pack = read_pack(folder)
        for file in pack.files:
            verified(folder, file)
        for part in pack.parts:
            trained = trained_part(folder, part)
            for fold in part.folds:
                network_of(folder, trained, fold)
    except AmlartError as error:
        return str(error)
    return ""
