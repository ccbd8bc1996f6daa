"""Weights to start from, copied into a network by name; runs where nnU-Net is, on torch alone."""

from __future__ import annotations

import torch


def fill(network: torch.nn.Module, path: str) -> None:
    """Copies the body's tensors, and the rows of the head that both networks have.

    RuntimeError where a tensor of the body has no place, or the network has one that is not given.
    """
    given = torch.load(path, map_location="cpu", weights_only=True)
    own = dict(network.state_dict())
    places = {own[name].data_ptr() for name in given["body"] if name in own}
    lacking = [name for name, t in own.items() if ".seg_layers." not in name and t.data_ptr() not in places]
    if lacking or not given["body"].keys() <= own.keys():
        raise RuntimeError(f"The weights to start from do not fit this network: {lacking[:3]}")
    with torch.no_grad():
        for name, tensor in given["body"].items():
            own[name].copy_(tensor)
        for name, rows in given["head"].items():
            for row, tensor in rows.items():
                own[name][row].copy_(tensor)
