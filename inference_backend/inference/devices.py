"""Which device a network runs on, in which precision, and whether every run gives the same bits.

On a GPU networks run in half precision (float16 has three more bits of mantissa than bfloat16); a window
whose logits are not finite is asked again in float32. `AMLART_DETERMINISTIC=1` asks for float32 throughout
and for algorithms that give the same bits in every run; on the CPU they do anyway.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from AmlartContourLib.contract.errors import BadSetting
from inference_backend.inference.blending import Ask

DETERMINISTIC = "AMLART_DETERMINISTIC"
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@dataclass(frozen=True)
class Runtime:
    """A device, and whether runs on it repeat bit for bit at the price of time."""

    device: str = "cpu"
    deterministic: bool = False

    @property
    def on_gpu(self) -> bool:
        """True on a CUDA device."""
        return self.device.startswith("cuda")

    def give_back(self) -> None:
        """Gives memory that nothing uses back to the GPU."""
        if self.on_gpu:
            torch.cuda.empty_cache()


def runtime_on(device: str) -> Runtime:
    """The runtime of a device by name: "cpu", "cuda:0". BadSetting where this machine has no such device."""
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
        raise BadSetting(f"There is no device {device!r}.", advice="Use cpu, cuda or cuda:0.")
    if kind == "cuda":
        count = torch.cuda.device_count()
        if int(number or 0) >= count:
            raise BadSetting(
                f"This machine offers torch {count} GPUs, so there is no {device}.",
                advice="Start the backend with --device cpu, or install a torch that knows the GPU.",
            )
    deterministic = os.environ.get(DETERMINISTIC, "") not in ("", "0")
    if deterministic:
        os.environ.setdefault(CUBLAS, ":4096:8")  # read by cuBLAS when it starts
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    return Runtime(device, deterministic)


def gpus_here(asked: int | None) -> int:
    """How many GPUs to use: as many as asked for, one where nobody asks and one is there. BadSetting where
    there are fewer than asked for."""
    count = torch.cuda.device_count()
    if asked is None:
        return min(count, 1)
    if not 0 <= asked <= count:
        raise BadSetting(
            f"This machine offers torch {count} GPUs, and {asked} are asked for.",
            kept="Nothing was begun.",
            advice="Ask for as many as there are, or for 0 to train on the CPU.",
        )
    return asked


def asking(network: nn.Module, runtime: Runtime) -> Ask:
    """The network as a function of one window, in the runtime's precision; logits are float32."""

    def whole(window: Tensor) -> Tensor:
        logits: Tensor = network(window)
        return logits.float()

    def half(window: Tensor) -> Tensor:
        with torch.autocast("cuda", dtype=torch.float16):
            logits = whole(window)
        return logits if bool(torch.isfinite(logits).all()) else whole(window)

    return half if runtime.on_gpu and not runtime.deterministic else whole
