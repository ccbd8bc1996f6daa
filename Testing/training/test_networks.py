"""The attention residual U-Net is what its description says, and only listed networks can be built."""

from __future__ import annotations

import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.models.attention_residual_unet import AttentionGate, AttentionResidualUNet, spread
from inference_backend.models.networks import BUILDERS, build, side_multiple, told_network
from inference_backend.training.cohort_recipe import read_cohort_recipe
from inference_backend.training.thesis_recipe import read_thesis_recipe

ARGUMENTS = {
    "attention_residual_unet": {"channels": [4, 8]},
    "monai_unet": {"channels": [4, 8], "strides": [2]},
    "monai_segresnet": {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]},
    "monai_swin_unetr": {"feature_size": 12},
    "monai_bundle": {
        "network": "monai_segresnet",
        "arguments": {"init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]},
        "outputs": 6,
        "channels": [1, 2, 3, 4, 5],
        "axes": "RAS",
        "values": [0.0, 1.0],
        "exclusive": True,
    },
    "one_network_each": {"network": "attention_residual_unet", "arguments": {"channels": [4, 8]}},
}


def _parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_default_network_has_the_blocks_of_its_source() -> None:
    def block(inputs: int, outputs: int) -> int:
        convolutions = 27 * inputs * outputs + 27 * outputs * outputs + inputs * outputs
        return convolutions + 3 * 2 * outputs  # a scale and a shift for each of three normalisations

    def up(coarse: int, skip: int) -> int:
        half = skip // 2
        transposed = 8 * coarse * skip + skip
        gate = skip * half + (skip * half + half) + (half + 1)
        return transposed + gate + block(2 * skip, skip)

    encoder = block(1, 16) + block(16, 32) + block(32, 64) + block(64, 128)
    decoder = up(128, 64) + up(64, 32) + up(32, 16)
    head = 16 * 7 + 7
    assert _parameters(AttentionResidualUNet(1, 7)) == encoder + decoder + head


@pytest.mark.parametrize("stem", [1, 2])
def test_the_output_has_one_channel_for_each_structure_at_the_size_of_the_input(stem: int) -> None:
    network = AttentionResidualUNet(1, 3, (4, 8, 12), stem).eval()
    side = network.step
    with torch.no_grad():
        assert network(torch.zeros(1, 1, side, 2 * side, 3 * side)).shape == (1, 3, side, 2 * side, 3 * side)


def test_a_coarse_point_gives_each_voxel_of_its_block_a_logit_of_its_own() -> None:
    x = torch.arange(2 * 8 * 2 * 1 * 3, dtype=torch.float32).reshape(1, 16, 2, 1, 3)
    found = spread(x, 2)
    assert found.shape == (1, 2, 4, 2, 6)
    for structure, k, j, i in ((0, 0, 0, 0), (0, 3, 1, 4), (1, 1, 0, 5), (1, 2, 1, 3)):
        within = 4 * (k % 2) + 2 * (j % 2) + i % 2
        assert found[0, structure, k, j, i] == x[0, 8 * structure + within, k // 2, j // 2, i // 2]


def test_a_gate_only_weakens_what_passes_it() -> None:
    torch.manual_seed(1)
    skip, gating = torch.randn(1, 4, 3, 3, 3), torch.randn(1, 4, 3, 3, 3)
    passed = AttentionGate(4, 4)(skip, gating)
    assert bool((passed.abs() <= skip.abs()).all())
    assert bool((passed * skip >= 0).all())


def test_a_training_tells_the_size_of_its_network_and_what_goes_in_and_comes_out() -> None:
    thesis = read_thesis_recipe()
    told = told_network(
        thesis.network, 1, thesis.arguments, (thesis.slices, thesis.in_plane, thesis.in_plane)
    )
    assert told == "attention_residual_unet: 1,428,980 weights, 1 x 64 x 64 x 64 in, 1 x 64 x 64 x 64 out"
    cohort = read_cohort_recipe()
    told = told_network(cohort.network, 7, cohort.arguments, cohort.patch_kji)
    assert told.endswith("1 x 96 x 128 x 160 in, 7 x 96 x 128 x 160 out")


def test_two_structures_may_claim_the_same_voxel() -> None:
    network = AttentionResidualUNet(1, 2, (4, 8)).eval()
    with torch.no_grad():
        network.head.weight.zero_()
        assert network.head.bias is not None
        network.head.bias.fill_(5.0)
        probability = torch.sigmoid(network(torch.zeros(1, 1, 4, 4, 4)))
    assert bool((probability > 0.9).all())


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_listed_network_runs_on_the_smallest_window_it_names(name: str) -> None:
    side = 2 * side_multiple(name, ARGUMENTS[name])
    network = build(name, 1, 5, ARGUMENTS[name]).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, side, side, side)).shape == (1, 5, side, side, side)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("os.system", {}),
        ("monai.networks.nets.UNet", {}),
        ("attention_residual_unet", {"channels": [8]}),
        ("attention_residual_unet", {"stem": 3}),
        ("attention_residual_unet", {"unknown": 1}),
        ("monai_unet", {}),
    ],
)
def test_another_name_or_wrong_arguments_are_refused_in_words(
    name: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(BadSetting):
        build(name, 1, 5, arguments)
