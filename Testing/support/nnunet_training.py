"""Whether nnU-Net itself can train here, and the environment in which its commands do so in small."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

PYTHON = "AMLART_NNUNET_PYTHON"
MISSING = "nnunetv2 is not installed, and AMLART_NNUNET_PYTHON names no python that has it"
ON_CPU = '''"""On a torch without CUDA, PyPI's torchvision lacks two operators and stops timm, which nnU-Net
imports when it looks for a trainer. nnU-Net takes a thread for each core, slower here than one.
"""
import multiprocessing

import torch

multiprocessing.cpu_count = lambda: 1
if not torch.version.cuda:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
'''


def can_train() -> bool:
    """True where nnU-Net is at hand."""
    return bool(os.environ.get(PYTHON)) or importlib.util.find_spec("nnunetv2") is not None


def training_environment(folder: Path) -> dict[str, str]:
    """The environment of this process for small trainings on the CPU; `folder` takes a file for it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(ON_CPU, encoding="utf-8")
    home = str(folder / "home")
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "AMLART_HOME": home}
