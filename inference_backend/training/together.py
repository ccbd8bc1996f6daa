"""One training shared by several processes of one machine: each takes its part of every batch, and their
gradients are added up, so each step is that of one process with the whole batch.

All processes start from the same weights and make the same steps; the first one alone writes and reports.
They find each other through a file, and talk over the machine's own loopback only. Running means are those of
the first one's windows, until they are taken anew at the end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch import multiprocessing, nn
from torch.multiprocessing.spawn import ProcessExitedException, spawn

from AmlartContourLib.contract.errors import AmlartError, BackendProblem, BadSetting


@dataclass(frozen=True)
class Together:
    """Which process of how many this is."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """The one that writes and reports."""
        return self.rank == 0

    def part(self, count: int) -> range:
        """This process's numbers of 0 to count - 1."""
        return range(self.rank, count, self.size)

    def add_up(self, weights: Iterable[nn.Parameter], value: float) -> float:
        """Gives every process the sum of all gradients, and of a number, which is returned."""
        if self.size == 1:
            return value
        learning = [weight for weight in weights if weight.requires_grad]
        for weight in learning:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        gradients = [weight.grad for weight in learning if weight.grad is not None]
        flat = torch.cat([*(one.reshape(-1) for one in gradients), gradients[0].new_tensor([value])])
        dist.all_reduce(flat)
        first = 0
        for own in gradients:
            own.copy_(flat[first : first + own.numel()].view_as(own))
            first += own.numel()
        return float(flat[-1])


ALONE = Together()
Work = Callable[[str, Together], None]
"""Takes the device and the process's place. It is sent to other processes: a function of a module."""


def run_together(processes: int, work: Work, device: str) -> None:
    """Does the work in so many processes, on a GPU each or all on the CPU. An error of one ends all and is
    raised as it was there; BadSetting where there are fewer GPUs."""
    if processes == 1:
        work(device, ALONE)
        return
    if device != "cpu" and torch.cuda.device_count() < processes:
        raise BadSetting(
            f"{processes} processes need {processes} GPUs, and {torch.cuda.device_count()} are here.",
            advice="Ask for fewer processes.",
        )
    failed = multiprocessing.get_context("spawn").SimpleQueue()
    with TemporaryDirectory() as folder:
        arguments = (processes, work, device, folder, failed)
        try:
            spawn(_one, arguments, nprocs=processes)  # type: ignore[no-untyped-call]
        except ProcessExitedException as error:
            if not failed.empty():
                raise failed.get() from None
            raise BackendProblem(
                "A process of the training ended before it was done.",
                kept="The last state is kept.",
                advice="Run the same command again; it goes on from there.",
            ) from error


def _one(rank: int, size: int, work: Work, device: str, folder: str, failed: Any) -> None:
    if sys.platform == "linux":
        os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = "lo"
    own = device if device == "cpu" else f"cuda:{rank}"
    if own == "cpu":
        torch.set_num_threads(max((os.cpu_count() or 1) // size, 1))
    else:
        torch.cuda.set_device(rank)
    store = f"file://{Path(folder) / 'store'}"
    dist.init_process_group("gloo" if own == "cpu" else "nccl", store, rank=rank, world_size=size)
    try:
        work(own, Together(rank, size))
    except AmlartError as error:
        failed.put(error)
        sys.stdout.flush()
        os._exit(1)  # the others wait for this one in vain: they are ended with it
    dist.destroy_process_group()
