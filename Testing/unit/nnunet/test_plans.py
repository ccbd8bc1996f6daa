"""What a plans.json or dataset.json asks for that cannot be repeated here is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from AmlartContourLib.contract.errors import AmlartError, BadSetting, DamagedFile
from inference_backend.nnunet.axes import Axes
from inference_backend.nnunet.labels import labels_of_dataset
from inference_backend.nnunet.plans import configurations, parsed, plans_of
from support.nnunet_folders import CONFIGURATION, Folder, plans_and_dataset

Json = dict[str, Any]


def _configuration(plans: Json) -> Json:
    found: Json = plans["configurations"][CONFIGURATION]
    return found


def _arguments(plans: Json) -> Json:
    found: Json = _configuration(plans)["architecture"]["arch_kwargs"]
    return found


CHANGES: dict[str, Callable[[Json, Json], object]] = {
    "its network is STUNet": lambda p, _d: _configuration(p)["architecture"].update(
        network_class_name="a.STUNet"
    ),
    "its convolution is not Conv3d": lambda p, _d: _arguments(p).update(conv_op="torch.nn.Conv2d"),
    "its argument os is not known": lambda p, _d: _arguments(p).update(os="system"),
    "its norm is GroupNorm": lambda p, _d: _arguments(p).update(norm_op="torch.nn.GroupNorm"),
    "its nonlinearity is GELU": lambda p, _d: _arguments(p).update(nonlin="torch.nn.GELU"),
    "its stages do not match": lambda p, _d: _arguments(p).update(features_per_stage=[8, 16]),
    "a stage has too many features": lambda p, _d: _arguments(p).update(features_per_stage=[8, 16, 1 << 20]),
    "a kernel has another size": lambda p, _d: _arguments(p).update(kernel_sizes=[[3] * 3, [3] * 3, [4] * 3]),
    "second stage of a cascade": lambda p, _d: _configuration(p).update(previous_stage="3d_lowres"),
    "it is a 2D configuration": lambda p, _d: _configuration(p).update(patch_size=[64, 64]),
    "its window has no usable size": lambda p, _d: _configuration(p).update(patch_size=[64, 64, 1 << 20]),
    "its spacing is no spacing of a CT": lambda p, _d: _configuration(p).update(spacing=[3, 0, 3]),
    "its order of axes is none": lambda p, _d: p.update(transpose_forward=[0, 1, 1]),
    "its normalisation is RGBTo01": lambda p, _d: _configuration(p).update(normalization_schemes=["RGBTo01"]),
    "its normalisation looks at a mask": lambda p, _d: _configuration(p).update(
        normalization_schemes=["ZScoreNormalization"], use_mask_for_norm=[True]
    ),
    "its resampling is resample_torch_fornnunet": lambda p, _d: _configuration(p).update(
        resampling_fn_data="resample_torch_fornnunet"
    ),
    "its resampling has no usable order": lambda p, _d: _configuration(p).update(
        resampling_fn_data_kwargs={"order": 9}
    ),
    "inherits from itself": lambda p, _d: _configuration(p).update(inherits_from=CONFIGURATION),
    "there is no configuration": lambda p, _d: p.update(configurations={}),
    "needs more than one image": lambda _p, d: d.update(channel_names={"0": "CT", "1": "PET"}),
    "'spacing' is missing": lambda p, _d: _configuration(p).pop("spacing"),
    "'kernel_sizes' is missing": lambda p, _d: _arguments(p).pop("kernel_sizes"),
}


@pytest.mark.parametrize("told", list(CHANGES))
def test_plans_that_cannot_be_repeated_are_refused(told: str) -> None:
    plans, dataset = plans_and_dataset(Folder())
    plans_of(plans, dataset, CONFIGURATION)
    CHANGES[told](plans, dataset)
    with pytest.raises(BadSetting, match=told):
        plans_of(plans, dataset, CONFIGURATION)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"Bladder": 1},
        {"background": 0},
        {"background": 0, "Bladder": 2},
        {"background": 0, "Bladder": -1},
        {"background": 0, "Bladder": "1"},
        {"background": 0, "Bladder": True},
        {"background": 0, "Bladder": []},
        {"background": 0, **{str(n): n for n in range(1, 300)}},
    ],
    ids=lambda labels: f"{len(labels)} labels",
)
def test_labels_that_are_none_are_refused(labels: Json) -> None:
    with pytest.raises(BadSetting):
        labels_of_dataset({"labels": labels})


def test_labels_and_regions_have_the_channels_that_nnunet_gives_them() -> None:
    plain = labels_of_dataset({"labels": {"background": 0, "b": 2, "a": 1, "ignore": 3}})
    assert (dict(plain.channel_of), plain.regions, plain.channels) == ({"b": 2, "a": 1}, False, 3)
    regions = labels_of_dataset({"labels": {"background": 0, "whole": [1, 2], "core": 2}})
    assert (dict(regions.channel_of), regions.regions, regions.channels) == ({"whole": 0, "core": 1}, True, 2)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(DamagedFile, match=r"plans\.json"):
        parsed(text, "plans.json")


def test_a_configuration_takes_what_it_inherits() -> None:
    plans, dataset = plans_and_dataset(Folder())
    plans["configurations"]["3d_fine"] = {"inherits_from": CONFIGURATION, "spacing": [1.0, 1.0, 1.0]}
    found = plans_of(plans, dataset, "3d_fine")
    assert found.spacing_a_mm == (1.0, 1.0, 1.0)
    assert found.window_a == (24, 24, 24)
    assert configurations(plans) == (CONFIGURATION, "3d_fine")


def test_old_and_new_plans_of_one_network_are_the_same() -> None:
    (new, dataset), (old, _) = plans_and_dataset(Folder()), plans_and_dataset(Folder(old_plans=True))
    sizes = {"kernel_sizes": [[3] * 3] * 3, "strides": [[1] * 3, [2] * 3, [2] * 3]}
    _arguments(new).update(sizes)
    _configuration(old).update(conv_kernel_sizes=sizes["kernel_sizes"], pool_op_kernel_sizes=sizes["strides"])
    assert plans_of(new, dataset, CONFIGURATION) == plans_of(old, dataset, CONFIGURATION)


@pytest.mark.parametrize("letters", ["", "LP", "LPSS", "XPS", "SPL", "lps"])
def test_letters_that_name_no_axes_are_refused(letters: str) -> None:
    with pytest.raises(BadSetting, match="names no axes"):
        Axes(letters)


def test_axes_are_read_off_an_image_that_is_turned_a_little() -> None:
    assert Axes.nearest((1, 0.05, 0, -0.05, 1, 0, 0, 0, 1)).letters == "LPS"
    assert Axes.nearest((1, 0, 0, 0, -1, 0, 0, 0, 1)).letters == "LAS"
    with pytest.raises(AmlartError, match="not axial"):
        Axes.nearest((0, 0, 1, 1, 0, 0, 0, 1, 0))
