"""A network that starts from a bundle says at once what the bundle says, of the structures that both draw."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference_backend.models.manifest import NetworkChoice
from inference_backend.models.networks import build
from inference_backend.training.transfer import start_from
from support.bundles import write_bundle

NAME = "attention_residual_unet"


@pytest.mark.parametrize("stem", [1, 2])
def test_shared_structures_are_drawn_alike_whatever_their_order_and_the_stem(
    stem: int, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    arguments = {"channels": [4, 8], "stem": stem}
    old = build(NAME, 1, 2, arguments)
    write_bundle(tmp_path, ("bladder", "anorectum"), [old], network=NetworkChoice(NAME, arguments))
    new = build(NAME, 1, 3, arguments)
    taken = start_from(new, NAME, arguments, ("anorectum", "uterus", "bladder"), tmp_path, 0)
    assert taken.structures == ("anorectum", "bladder")
    assert taken.body == taken.of_body
    picture = torch.randn(1, 1, 8, 8, 8)
    with torch.no_grad():
        before, after = old.eval()(picture), new.eval()(picture)
    assert torch.allclose(before[:, [1, 0]], after[:, [0, 2]])
