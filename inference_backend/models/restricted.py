"""Weights in a pickle, read without running what it may carry.

A checkpoint is a pickle, and a pickle is a program. torch's restricted loader runs none: it knows tensors,
plain values and the few names that a caller allows. Anything else is refused. This happens once, when a
model is added; from then on the weights are safetensors.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from AmlartContourLib.contract.errors import DamagedFile, TooLarge

MAX_BYTES = 8 << 30


def plain_data(path: Path, allowed: Sequence[Any] = ()) -> object:
    """What a checkpoint holds. DamagedFile where it is none, or holds anything beyond plain data and the
    allowed names; TooLarge before it is read."""
    _check_size(path)
    try:
        with torch.serialization.safe_globals(list(allowed)):
            data: object = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except pickle.UnpicklingError as error:
        raise DamagedFile(
            f"{path.name} holds more than weights and was not loaded: loading it would run code.",
            kept="Nothing of it was run.",
            advice="Use weights from a source you trust, as their training wrote them.",
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise DamagedFile(
            f"{path.name} is no checkpoint that can be read.", advice="Copy it again."
        ) from error
    return data


def state_of(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file that holds nothing but a network's state, by name: each its own, contiguous."""
    data = plain_data(path)
    if not isinstance(data, dict) or not data:
        raise DamagedFile(f"{path.name} does not hold a network's weights.")
    if not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in data.items()):
        raise DamagedFile(f"{path.name} holds more than a network's weights.")
    return {name: tensor.detach().clone().contiguous() for name, tensor in data.items()}


def _check_size(path: Path) -> None:
    try:
        sizes = [path.stat().st_size]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                sizes.append(sum(entry.file_size for entry in archive.infolist()))
    except (OSError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"{path.name} cannot be read.", advice="Copy it again.") from error
    if max(sizes) > MAX_BYTES:
        raise TooLarge(f"{path.name} is longer than {MAX_BYTES >> 30} GB.")
