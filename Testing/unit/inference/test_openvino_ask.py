"""OpenVINO gives torch's logits, and is left alone where torch is asked for."""

from __future__ import annotations

import pytest
import torch

from inference_backend.inference.devices import Runtime, asking
from inference_backend.inference.openvino_ask import asking_sooner, has_bfloat16, is_installed
from inference_backend.models.networks import build


@pytest.mark.parametrize(
    ("flags", "has"),
    [("fma avx2 f16c", False), ("avx512f avx512_bf16", True), ("amx_tile amx_bf16", True), ("", False)],
)
def test_bfloat16_is_told_by_the_processors_flags(flags: str, has: bool) -> None:
    assert has_bfloat16(flags) is has


@pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("attention_residual_unet", {"channels": [4, 8]}),
        ("attention_residual_unet", {"channels": [4, 8], "stem": 2}),
        ("monai_unet", {"channels": [4, 8], "strides": [2]}),
    ],
)
def test_its_logits_are_those_of_torch_in_windows_of_any_size(
    name: str, arguments: dict[str, object]
) -> None:
    torch.manual_seed(1)
    network = build(name, 1, 3, arguments).eval().requires_grad_(False)
    sooner = asking_sooner(network, Runtime())
    for shape in ((1, 1, 16, 16, 16), (1, 1, 8, 16, 24), (1, 1, 16, 16, 16)):
        window = torch.rand(shape)
        torch.testing.assert_close(sooner(window), asking(network, Runtime())(window), atol=0.02, rtol=0)


def test_a_deterministic_runtime_is_left_to_torch() -> None:
    network = build("attention_residual_unet", 1, 2, {"channels": [2, 2]}).eval().requires_grad_(False)
    window = torch.rand(1, 1, 8, 8, 8)
    said = asking_sooner(network, Runtime(deterministic=True))(window)
    assert torch.equal(said, asking(network, Runtime())(window))
