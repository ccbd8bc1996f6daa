"""What every training run does alike: keep its state whole or not at all, find it again, settle its norms."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from AmlartContourLib.contract.errors import InputRefused
from AmlartContourLib.exchange.atomic import write_file

STATE = "state.pt"


def keep_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Writes the state of a run. ExportFailed on a full disk, with the last state kept."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    write_file(folder / STATE, content.getvalue(), replace=True)


def kept_state(folder: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The last state of a run; None before the first."""
    path = folder / STATE
    if not path.exists():
        return None
    kept: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return kept


def settle_norms(network: nn.Module, norms: Sequence[nn.BatchNorm3d], pictures: Iterable[Tensor]) -> None:
    """Takes the running means of these norms anew, as the plain means over the pictures."""
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    with torch.no_grad():
        for picture in pictures:
            network(picture)


def require_finished(unfinished: Sequence[str], between: str = ", ") -> None:
    """InputRefused, naming them, where networks are not trained to their end."""
    if unfinished:
        raise InputRefused(
            f"The training is not finished: {between.join(unfinished)}.",
            kept="What was trained is kept.",
            advice="Run the same training command again; it goes on from where it was.",
        )
