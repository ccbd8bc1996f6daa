"""Trained nnU-Net v2 folders made here: the library's own file form, with random or hand-set weights.

A checkpoint is written with the copies that the library writes (each convolution twice, the encoder a third
time within the decoder), so that the library itself loads it strictly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inference_backend.nnunet.architecture import PLAIN, RESIDUAL, architecture_of
from inference_backend.nnunet.unet import NnUNet

TRAINER = "nnUNetTrainer"
CONFIGURATION = "3d_fullres"


@dataclass(frozen=True)
class Folder:
    """What to make. `spacing_mm` and `window` in the network's order of axes. `rule`: the small network
    without norms whose weights `rule_folder` sets."""

    kind: str = PLAIN
    old_plans: bool = False
    labels: Mapping[str, object] = None  # type: ignore[assignment]  # set below: a dict is no default
    region_order: tuple[int, ...] | None = None
    window: tuple[int, int, int] = (24, 24, 24)
    spacing_mm: tuple[float, float, float] = (3.0, 3.0, 3.0)
    folds: tuple[str, ...] = ("0",)
    mirrors: tuple[int, ...] | None = (0, 1, 2)
    forward: tuple[int, int, int] = (0, 1, 2)
    reader: str = "SimpleITKIO"
    trainer: str = TRAINER
    seed: int = 1
    rule: bool = False

    def __post_init__(self) -> None:
        if self.labels is None:
            object.__setattr__(self, "labels", {"background": 0, "Bladder": 1, "Rectum": 2})


def make_folder(folder: Path, what: Folder) -> Path:
    """Writes plans.json, dataset.json and a checkpoint for each fold; random weights, others for each."""
    network = write_json_files(folder, what)
    for n, fold in enumerate(what.folds):
        generator = torch.Generator().manual_seed(what.seed + n)
        state = {
            name: torch.empty_like(tensor).normal_(0.0, 0.2, generator=generator)
            for name, tensor in network.state_dict().items()
        }
        write_checkpoint(folder, fold, state, what)
    return folder


def plans_and_dataset(what: Folder) -> tuple[dict[str, Any], dict[str, Any]]:
    """What plans.json and dataset.json hold."""
    dataset: dict[str, Any] = {
        "channel_names": {"0": "CT"},
        "labels": dict(what.labels),
        "numTraining": 1,
        "file_ending": ".nii.gz",
    }
    if what.region_order:
        dataset["regions_class_order"] = list(what.region_order)
    return _plans(what, _configuration(what)), dataset


def write_json_files(folder: Path, what: Folder) -> nn.Module:
    """plans.json and dataset.json, and an untrained network that fits them."""
    folder.mkdir(parents=True, exist_ok=True)
    plans, dataset = plans_and_dataset(what)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    outputs = len(what.labels) - 1 if what.region_order else len(what.labels)
    return NnUNet(architecture_of(_configuration(what)), 1, outputs)


def write_checkpoint(folder: Path, fold: str, state: Mapping[str, Tensor], what: Folder) -> Path:
    """A checkpoint as nnU-Net writes it, its log of the training with numpy scalars included."""
    place = folder / f"fold_{fold}"
    place.mkdir(exist_ok=True)
    data = {
        "network_weights": with_copies(state),
        "optimizer_state": {"state": {}, "param_groups": []},
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5)], "ema_fg_dice": [np.float32(0.5)]},
        "_best_ema": np.float64(0.5),
        "current_epoch": 1,
        "init_args": {"configuration": CONFIGURATION, "fold": fold},
        "trainer_name": what.trainer,
        "inference_allowed_mirroring_axes": what.mirrors,
    }
    torch.save(data, place / "checkpoint_final.pth")
    return place / "checkpoint_final.pth"


def with_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict with the second and third names the library gives its tensors."""
    own = dict(state)
    for name, tensor in state.items():
        for part, place in ((".conv.", ".all_modules.0."), (".norm.", ".all_modules.1.")):
            if part in name:
                own[name.replace(part, place)] = tensor
    return {**own, **{f"decoder.{n}": t for n, t in own.items() if n.startswith("encoder.")}}


def rule_folder(
    folder: Path, above_hu: float, what: Folder, look_kji: tuple[int, int, int] = (0, 0, 0), label: int = 1
) -> Path:
    """A network set by hand to the rule "this label is where the HU are above a threshold", in every fold."""
    what = replace(what, rule=True)
    network = write_json_files(folder, what)
    for fold in what.folds:
        write_checkpoint(folder, fold, rule_state(network, above_hu, what, look_kji, label), what)
    return folder


def rule_state(
    network: nn.Module,
    above_hu: float,
    what: Folder,
    look_kji: tuple[int, int, int] = (0, 0, 0),
    label: int = 1,
) -> dict[str, Tensor]:
    """Its weights, by the skip path alone. `look_kji`: how many voxels (-1 to 1) beside itself each voxel
    looks, along the k, j, i that the network sees."""
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    look = [look_kji[axis] for axis in what.forward]
    _set(state, "encoder.stages.0.0.convs.0.conv.weight", {(0, 0): 1.0, (1, 0): -1.0}, look)
    _set(state, "encoder.stages.0.0.convs.1.conv.weight", {(0, 0): 1.0, (1, 1): 1.0})
    # The upsampled half of the input comes first: channels 2 and 3 are the skip's.
    _set(state, "decoder.stages.0.convs.0.conv.weight", {(0, 2): 1.0, (1, 3): 1.0})
    _set(state, "decoder.stages.0.convs.1.conv.weight", {(0, 0): 1.0, (1, 1): 1.0})
    # LeakyReLU four times over: a positive value passes, a negative one shrinks by 0.01 each time; the two
    # channels hold x and -x, so their difference is x (1 + 0.01 ** 4) whatever its sign.
    _set(state, "decoder.seg_layers.0.weight", {(label, 0): 1.0, (label, 1): -1.0})
    state["decoder.seg_layers.0.bias"][label] = -(above_hu - MEAN_HU) / STD_HU * (1 + 0.01**4)
    return state


RULE = {
    "n_stages": 2, "features_per_stage": [2, 2], "kernel_sizes": [[3] * 3] * 2, "strides": [[1] * 3, [2] * 3],
    "n_conv_per_stage": [2, 2], "n_conv_per_stage_decoder": [2], "norm_op": None, "norm_op_kwargs": None,
}  # fmt: skip
MEAN_HU, STD_HU = 15.0, 320.0


def _set(
    state: dict[str, Tensor],
    name: str,
    values: Mapping[tuple[int, int], float],
    beside: Sequence[int] = (0, 0, 0),
) -> None:
    tensor = state[name]
    middle = tuple(side // 2 + n for side, n in zip(tensor.shape[2:], beside, strict=True))
    for (out, into), value in values.items():
        tensor[(out, into, *middle)] = value


def _plans(what: Folder, configuration: Mapping[str, object]) -> dict[str, Any]:
    return {
        "dataset_name": "Dataset999_Fake",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": list(what.spacing_mm),
        "original_median_shape_after_transp": [64] * 3,
        "image_reader_writer": what.reader,
        "transpose_forward": list(what.forward),
        "transpose_backward": [what.forward.index(axis) for axis in range(3)],
        "configurations": {CONFIGURATION: dict(configuration)},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "max": 3071.0, "mean": MEAN_HU, "median": 12.0, "min": -1024.0,
                "percentile_00_5": -990.0, "percentile_99_5": 1000.0, "std": STD_HU,
            }
        },
    }  # fmt: skip


def _configuration(what: Folder) -> dict[str, object]:
    resample = "resample_data_or_seg_to_shape"
    usual = {"order_z": 0, "force_separate_z": None}
    found: dict[str, object] = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(what.window),
        "median_image_size_in_voxels": [64.0] * 3,
        "spacing": list(what.spacing_mm),
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "batch_dice": False,
        "resampling_fn_data": resample,
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, **usual},
        "resampling_fn_seg": resample,
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, **usual},
        "resampling_fn_probabilities": resample,
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, **usual},
    }
    return found | (_old_network(what) if what.old_plans else {"architecture": _network(what)})


def _old_network(what: Folder) -> dict[str, object]:
    return {
        "UNet_class_name": what.kind,
        "UNet_base_num_features": 8,
        "unet_max_num_features": 32,
        "n_conv_per_stage_encoder": [1, 3, 2] if what.kind == RESIDUAL else [2, 2, 2],
        "n_conv_per_stage_decoder": [1, 1] if what.kind == RESIDUAL else [2, 2],
        "num_pool_per_axis": [2, 2, 2],
        "pool_op_kernel_sizes": [[1] * 3, [2] * 3, [2] * 3],
        "conv_kernel_sizes": [[3] * 3] * 3,
    }


def _network(what: Folder) -> dict[str, object]:
    blocks = {"n_blocks_per_stage": [1, 3, 2]} if what.kind == RESIDUAL else {"n_conv_per_stage": [2] * 3}
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{what.kind}",
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        "arch_kwargs": {
            "n_stages": 3,
            "features_per_stage": [8, 16, 32],
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[1, 3, 3], [3] * 3, [3] * 3],
            "strides": [[1] * 3, [1, 2, 2], [2] * 3],
            **blocks,
            "n_conv_per_stage_decoder": [1] * 2 if what.kind == RESIDUAL else [2] * 2,
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
            **(RULE if what.rule else {}),
        },
    }
