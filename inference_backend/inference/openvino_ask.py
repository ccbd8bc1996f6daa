"""Networks on the CPU by OpenVINO, where the extra `openvino` is installed: the same logits, sooner.

In bfloat16 where the processor computes in it (AVX512_BF16 or AMX), else in single precision. Our own network
is compiled once for windows of any size, others for each size, of which the last few are kept.
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
from inference_backend.models.attention_residual_unet import AttentionResidualUNet

BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
CPU_FLAGS = Path("/proc/cpuinfo")
SIZES_KEPT = 4
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
        example, shape = _traced(network, window)
        if shape not in compiled:
            while len(compiled) >= SIZES_KEPT:
                del compiled[next(iter(compiled))]
            compiled[shape] = _compiled(network, example, shape)
        return torch.from_numpy(compiled[shape](window.numpy())[0].copy())

    return ask


def _traced(network: nn.Module, window: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of the example that the network is traced with, and the shapes it is then good for (-1: any
    length). Of the networks of others it is not known whether a trace holds for other sizes."""
    if isinstance(network, AttentionResidualUNet):
        side = 2 * network.step
        return (1, 1, side, side, side), (1, 1, -1, -1, -1)
    return tuple(window.shape), tuple(window.shape)


def _compiled(network: nn.Module, example: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    import openvino

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it traces by torch.jit, which torch is leaving
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]  # see _traced
        model = openvino.convert_model(network, example_input=torch.zeros(example), input=[list(shape)])
    flags = CPU_FLAGS.read_text(encoding="utf-8") if CPU_FLAGS.exists() else ""
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16(flags) else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    return openvino.compile_model(model, "CPU", settings)
