"""Networks on the CPU by OpenVINO, where the extra `openvino` is installed: the same logits, sooner.

In bfloat16 where the processor computes in it (AVX512_BF16 or AMX), else in single precision. A network is
compiled once for each size of window.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from inference_backend.inference.blending import Ask
from inference_backend.inference.devices import Runtime, asking

BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
CPU_FLAGS = Path("/proc/cpuinfo")
_COMPILED: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], Any]] = WeakKeyDictionary()


def is_installed() -> bool:
    """True where OpenVINO can be imported; it is not imported to find out."""
    return importlib.util.find_spec("openvino") is not None


def has_bfloat16(cpu_flags: str) -> bool:
    """True where a processor with these flags computes in bfloat16."""
    return any(flag in cpu_flags.split() for flag in BFLOAT16_FLAGS)


def asking_sooner(network: nn.Module, runtime: Runtime) -> Ask:
    """The network as a function of one window: by OpenVINO on the CPU where it is installed, else by torch.

    A deterministic runtime is torch's.
    """
    if runtime.on_gpu or runtime.deterministic or not is_installed():
        return asking(network, runtime)
    compiled = _COMPILED.setdefault(network, {})

    def ask(window: Tensor) -> Tensor:
        shape = tuple(window.shape)
        if shape not in compiled:
            compiled[shape] = _compiled(network, shape)
        return torch.from_numpy(compiled[shape](window.numpy())[0].copy())

    return ask


def _compiled(network: nn.Module, shape: tuple[int, ...]) -> Any:
    import openvino

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it traces by torch.jit, which torch is leaving
        model = openvino.convert_model(network, example_input=torch.zeros(shape), input=[list(shape)])
    flags = CPU_FLAGS.read_text(encoding="utf-8") if CPU_FLAGS.exists() else ""
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16(flags) else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    return openvino.compile_model(model, "CPU", settings)
