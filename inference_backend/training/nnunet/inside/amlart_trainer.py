"""nnU-Net's trainer with a recipe's settings; found by nnU-Net through `nnUNet_extTrainer`.

It runs in the interpreter that has nnU-Net, which need not have this project. Settings come in an environment
variable, as JSON. Weights to start from come in a file that holds tensors and names only.
"""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from filling import fill  # type: ignore[import-not-found]  # beside this file, where nnU-Net looks for trainers
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

SETTINGS = "AMLART_NNUNET_SETTINGS"


class AmlartTrainer(nnUNetTrainer):  # type: ignore[misc]  # nnU-Net ships no types
    """See the module. nnU-Net reads the names of the constructor's arguments, so they are repeated here."""

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008  # nnU-Net's own
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        told = json.loads(os.environ[SETTINGS])
        self.num_epochs = told["epochs"]
        self.num_iterations_per_epoch = told["iterations"]
        self.num_val_iterations_per_epoch = told["validation_iterations"]
        self.initial_lr = told["learning_rate"]
        self.save_every = told["keep_every"]
        self.mirrors = told["mirror"]
        self.start = told["start"]

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> Any:  # noqa: N802
        """As nnU-Net's, without mirror images where the recipe says so."""
        rotation, flat, patch, axes = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        if not self.mirrors:
            self.inference_allowed_mirroring_axes = None
            axes = None
        return rotation, flat, patch, axes

    def initialize(self) -> None:
        """As nnU-Net's, then the weights to start from; a training that goes on replaces them by its own."""
        super().initialize()
        if self.start:
            network: Any = getattr(self.network, "module", self.network)  # of a training on several GPUs
            fill(getattr(network, "_orig_mod", network), self.start)  # of a compiled one
            self.print_to_log_file(f"Started from {self.start}")
