"""When memory runs out: smaller windows, then the CPU, and a sentence each time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from inference_backend.inference.devices import Runtime
from inference_backend.inference.ensemble import EnsembleResult, contour_by_ensemble
from inference_backend.inference.memory import Attempt, attempts, is_out_of_memory, with_fallback
from inference_backend.inference.pace import Pace
from inference_backend.models.bundle import open_bundle
from support.bundles import threshold_network, write_bundle
from support.rising_scans import rising_scan

GAIN = 20.0  # large enough for sums in 16 bits to decide nothing


class Greedy(nn.Module):
    """A network that needs more memory than there is for windows above a size."""

    def __init__(self, network: nn.Module, most_voxels: int, error: Exception) -> None:
        super().__init__()
        self.network, self.most_voxels, self.error = network, most_voxels, error

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() > self.most_voxels:
            raise self.error
        said: Tensor = self.network(x)
        return said


def _contoured(folder: Path, network: nn.Module | None = None, members: int = 1) -> EnsembleResult:
    plain = threshold_network((100.5,), GAIN)
    write_bundle(folder, ("bladder",), [plain], patch_kji=(64, 64, 64))
    return contour_by_ensemble(
        [network or plain] * members,
        open_bundle(folder).manifest,
        2,
        rising_scan("head first"),
        ("bladder",),
        Runtime(),
        Pace(lambda _f, _s: None, lambda: False),
    )


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["torch", "allocator"],
)
def test_smaller_windows_give_the_same_contour_and_say_so(tmp_path: Path, error: Exception) -> None:
    roomy = _contoured(tmp_path / "a")
    tight = _contoured(tmp_path / "b", Greedy(threshold_network((100.5,), GAIN), 64 * 64 * 32, error))
    assert tight.masks["bladder"].same_voxels(roomy.masks["bladder"])
    assert not roomy.findings
    (told,) = tight.findings
    assert "windows of 64x64x64" in told
    assert "32x64x64" in told


def test_later_members_start_with_what_sufficed(tmp_path: Path) -> None:
    tight = Greedy(threshold_network((100.5,), GAIN), 64 * 64 * 32, torch.OutOfMemoryError("out of memory"))
    assert len(_contoured(tmp_path / "a", tight, members=3).findings) == 1


def test_where_nothing_suffices_the_job_ends_with_a_memory_error(tmp_path: Path) -> None:
    with pytest.raises(MemoryError):
        _contoured(tmp_path / "a", Greedy(nn.Identity(), 0, torch.OutOfMemoryError("out of memory")))


def test_another_fault_is_not_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        _contoured(tmp_path / "a", Greedy(nn.Identity(), 0, RuntimeError("size mismatch")))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_a_gpu_is_given_up_for_the_cpu_last() -> None:
    told: list[str] = []

    def run(attempt: Attempt) -> str:
        if attempt.runtime.on_gpu:
            raise torch.OutOfMemoryError("out of memory")
        return attempt.runtime.device

    first = Attempt(Runtime("cuda:0"), (96, 64, 64))
    assert with_fallback(first, 16, run, told.append)[0] == "cpu"
    assert told[-1] == "The memory of cuda:0 did not suffice: contoured on the CPU, more slowly."
    tried = list(attempts(first, 16))
    assert tried[1].side_kji == (48, 64, 64)
    assert all(side % 16 == 0 and side >= 32 for one in tried for side in one.side_kji)
    assert [one.runtime.device for one in tried] == sorted((o.runtime.device for o in tried), reverse=True)
