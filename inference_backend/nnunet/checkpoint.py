"""A training checkpoint of nnU-Net v2, read by the restricted loader (`models.restricted`).

Beside tensors and plain values it may hold the few names that nnU-Net's own log of a training needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from AmlartContourLib.contract.errors import DamagedFile
from inference_backend.models.restricted import plain_data

COPIES = re.compile(r"^decoder\.encoder\.|\.all_modules\.")  # the same tensors under second and third names
PREFIXES = ("module.", "_orig_mod.")  # of parallel and of compiled training
NUMPY_TYPES = ("Float32DType", "Float64DType", "Int64DType", "Int32DType", "BoolDType")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """`weights`: every tensor once. `configuration`: the plans' part that was trained. `mirrors`: axes along
    which the training mirrored, which allow the network to be asked about mirror images."""

    weights: Mapping[str, torch.Tensor]
    configuration: str
    trainer: str
    mirrors: tuple[int, ...]


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint of nnU-Net v2. DamagedFile where it is none, or holds anything beyond plain data."""
    return _checked(plain_data(path, _allowed()), path.name)


def _allowed() -> list[Any]:
    """Names for `safe_globals`; numpy moved them between its versions, and files keep either."""
    from numpy._core import multiarray

    types = [getattr(np.dtypes, name) for name in NUMPY_TYPES]
    return [
        (multiarray.scalar, "numpy._core.multiarray.scalar"),
        (multiarray.scalar, "numpy.core.multiarray.scalar"),
        np.dtype,
        *types,
    ]


def _checked(data: object, name: str) -> Checkpoint:
    try:
        if not isinstance(data, dict):
            raise TypeError("a dictionary")
        weights = data["network_weights"]
        arguments = data.get("init_args") or {}
        mirrors = data.get("inference_allowed_mirroring_axes") or ()
        found = Checkpoint(
            _own_names(weights),
            str(arguments["configuration"]),
            str(data.get("trainer_name", "")),
            tuple(sorted({int(axis) for axis in mirrors})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFile(f"{name} is no checkpoint of nnU-Net v2: {error} is missing.") from error
    if not set(found.mirrors) <= {0, 1, 2}:
        raise DamagedFile(f"{name} mirrors along an axis that is none.")
    return found


def _own_names(weights: Mapping[str, object]) -> dict[str, torch.Tensor]:
    found = {}
    for name, tensor in weights.items():
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"the tensor {name}")
        if not COPIES.search(name):
            found[name] = tensor.detach().clone().contiguous()
    return found
