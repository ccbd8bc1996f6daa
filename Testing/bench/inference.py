"""Inference outside the network, against MONAI's and nnU-Net's, on the same network and volume in one run.

python Testing/bench/inference.py [--rounds N] [--small]

1. Tiling: a pointwise network over 193 x 256 x 256 voxels with 14 outputs, windows of 96 x 160 x 160 that
share half of each other; the network's own time is taken off. Its exact logits are known. 2. Back to the
scan: 14 smooth logits on that grid to labels on 512 x 512 x 193, against interpolation by torch and argmax
in single precision, and nnU-Net's default resampling where it is installed.

One thread. Times are of the processor, medians over the rounds; memory is what a separate process takes at
most beyond its inputs. Freed memory is kept for the next window, as the backend's worker does, for all alike.
`--small` halves every side, for a quick look. A peer that is not installed is said to be missing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.measures import accelerator
from inference_backend.inference.back_sampling import labels_of
from inference_backend.inference.blending import Blended, blended_logits
from inference_backend.inference.windows import plan_windows
from inference_backend.models.allocation import keep_freed_memory
from support.clocked import Clocked

OUTPUTS, OVERLAP = 14, 0.5
WHOLE, SIDE, SCAN_IJK = (193, 256, 256), (96, 160, 160), (512, 512, 193)
MIXED_GOAL = 0.01
MISSING = "not installed"


def say(line: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def pointwise() -> torch.nn.Module:
    """The cheapest network with 14 outputs: what is left of its time is the tiling's."""
    torch.manual_seed(1)
    return torch.nn.Conv3d(1, OUTPUTS, 1).eval().requires_grad_(False)


def volume(shape: tuple[int, int, int]) -> torch.Tensor:
    """A smooth picture in -1 to 1."""
    torch.manual_seed(2)
    coarse = torch.randn(1, 1, *(n // 8 for n in shape))
    return torch.nn.functional.interpolate(coarse, shape, mode="trilinear")[0, 0].clamp_(-1, 1)


def ours(network: torch.nn.Module, x: torch.Tensor, side: tuple[int, int, int]) -> Blended:
    """Sums in 16 bits."""
    plan = plan_windows(tuple(x.shape), side, OVERLAP)
    with torch.inference_mode():
        return blended_logits(network, x, plan, range(OUTPUTS), lambda _n: None)


def ours_plain(network: torch.nn.Module, x: torch.Tensor, side: tuple[int, int, int]) -> Blended:
    """The same without compiled loops."""
    os.environ[accelerator.VARIABLE] = accelerator.NUMPY
    try:
        return ours(network, x, side)
    finally:
        del os.environ[accelerator.VARIABLE]


def monai(network: torch.nn.Module, x: torch.Tensor, side: tuple[int, int, int]) -> torch.Tensor:
    """MONAI's inferer with its Gaussian weights."""
    from monai.inferers import SlidingWindowInferer

    with torch.inference_mode():
        found: torch.Tensor = SlidingWindowInferer(side, 1, OVERLAP, mode="gaussian")(x[None, None], network)
    return found[0]


def nnunet(network: torch.nn.Module, x: torch.Tensor, side: tuple[int, int, int]) -> torch.Tensor:
    """nnU-Net's predictor, without mirroring."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(
        tile_step_size=1 - OVERLAP,
        use_mirroring=False,
        perform_everything_on_device=False,
        device=torch.device("cpu"),
        allow_tqdm=False,
    )

    predictor.configuration_manager = SimpleNamespace(patch_size=side)
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=OUTPUTS)
    predictor.network, predictor.allowed_mirroring_axes = network, None
    found: torch.Tensor = predictor.predict_sliding_window_return_logits(x[None])
    return found


Tiler = Callable[[torch.nn.Module, torch.Tensor, tuple[int, int, int]], torch.Tensor | Blended]
TILERS: dict[str, Tiler] = {
    "ours": ours,
    "ours, not compiled": ours_plain,
    "MONAI": monai,
    "nnU-Net": nnunet,
}


def processor_s(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def peak_of_tiling(name: str, shape: tuple[int, int, int], side: tuple[int, int, int]) -> float:
    """MB beyond the inputs, in a process of its own."""
    torch.set_num_threads(1)
    network, x = pointwise(), volume(shape)
    TILERS[name](network, x[:16, :16, :16].contiguous(), (8, 8, 8))  # libraries are loaded before
    return peak_mb(lambda: TILERS[name](network, x, side))


def peak_mb(work: Callable[[], object]) -> float:
    """MB by which the process grows at most during one call (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    work()
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024 - now


def in_its_own_process(work: Callable[..., float], *arguments: object) -> float:
    """A figure from a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *arguments).result()


def largest_error(found: torch.Tensor | Blended, exact: torch.Tensor) -> float:
    """Of a logit anywhere."""
    said = found.logits if isinstance(found, Blended) else found.float().__getitem__
    return max(float((said(channel) - logits).abs().max()) for channel, logits in enumerate(exact))


def tiling(rounds: int, shape: tuple[int, int, int], side: tuple[int, int, int]) -> None:
    """Part 1."""
    network, x = Clocked(pointwise()), volume(shape)
    exact = network(x[None, None])[0].detach()
    say(f"1. Tiling: {len(plan_windows(shape, side, OVERLAP))} windows")
    say("| | overhead, s | memory, MB | largest error of a logit |")
    say("| --- | --- | --- | --- |")

    def overhead_s(run: Callable[..., torch.Tensor]) -> float:
        network.seconds = 0.0
        return processor_s(lambda: run(network, x, side)) - network.seconds

    found: dict[str, float] = {}
    for name, run in TILERS.items():
        try:
            error = largest_error(run(network, x, side), exact)
            found[name] = statistics.median(overhead_s(run) for _ in range(rounds))
        except ImportError:
            say(f"| {name} | {MISSING} | | |")
            continue
        peak = in_its_own_process(peak_of_tiling, name, shape, side)
        say(f"| {name} | {found[name]:.2f} | {peak:.0f} | {error:.4f} |")
    for peer, goal in (("MONAI", 2), ("nnU-Net", 5)):
        if peer in found:
            say(f"{peer} takes {found[peer] / found['ours']:.1f} times our overhead (goal {goal})")
    say()


def logits(shape: tuple[int, int, int]) -> np.ndarray:
    """14 smooth logits: a background and 13 blobs, as a trained network gives them."""
    rng = np.random.default_rng(3)
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij"))
    found = np.full((OUTPUTS, *shape), 0.0, dtype=np.float32)
    for channel in range(1, OUTPUTS):
        middle = rng.uniform(-0.6, 0.6, 3).astype(np.float32)
        radius = rng.uniform(0.08, 0.22)
        away = np.sqrt(((places - middle[:, None, None, None]) ** 2).sum(0))
        coarse = rng.standard_normal((12, 16, 16)).astype(np.float32)
        wave = ndimage.zoom(coarse, [n / m for n, m in zip(shape, coarse.shape, strict=True)], order=1)
        found[channel] = (radius - away) * 40 + wave
    return found


def grids(small: bool) -> tuple[Geometry, Geometry]:
    """The model's grid and the scan's, both covering the same body."""
    i, j, k = (n // 2 for n in SCAN_IJK) if small else SCAN_IJK
    scan = Geometry((i, j, k), (1.3, 1.3, 2.5))
    shape = tuple(n // 2 for n in WHOLE) if small else WHOLE
    spacing = tuple(
        s * n / m for s, n, m in zip(scan.spacing_mm, scan.size_ijk, reversed(shape), strict=True)
    )
    origin = tuple((m - s) / 2 for m, s in zip(spacing, scan.spacing_mm, strict=True))
    return Geometry(tuple(reversed(shape)), spacing, origin), scan


def by_torch(values: np.ndarray, scan: Geometry) -> np.ndarray:
    """All classes interpolated by torch in single precision, then the largest."""
    full = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], scan.shape_kji, mode="trilinear", align_corners=False
    )
    return full[0].argmax(0).to(torch.uint8).numpy()


def by_nnunet(values: np.ndarray, scan: Geometry) -> np.ndarray:
    """nnU-Net's default resampling of logits, then the largest."""
    from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape

    full = resample_data_or_seg_to_shape(
        values,
        scan.shape_kji,
        (1.0,) * 3,
        (1.0,) * 3,
        is_seg=False,
        order=1,
        order_z=0,
        force_separate_z=False,
    )
    return np.asarray(full).argmax(0).astype(np.uint8)


def peak_of_labels(small: bool) -> float:
    """MB beyond the logits, in a process of its own; the loops are compiled before."""
    grid, scan = grids(small)
    tiny = Geometry((8, 8, 8), (2.0,) * 3)
    labels_of(np.zeros((2, 8, 8, 8), np.float32), Box((0, 0, 0), (8, 8, 8)), tiny, tiny)
    values = logits(grid.shape_kji)
    return peak_mb(lambda: labels_of(values, Box((0, 0, 0), grid.shape_kji), grid, scan))


def back(rounds: int, small: bool) -> None:
    """Part 2."""
    grid, scan = grids(small)
    values = logits(grid.shape_kji)
    block = Box((0, 0, 0), grid.shape_kji)
    labels_of(values[:2, :4, :4, :4], Box((0, 0, 0), (4, 4, 4)), grid, scan)  # compiles
    runs: dict[str, Callable[[], np.ndarray]] = {
        "ours, compiled": lambda: labels_of(values, block, grid, scan),
        "torch": lambda: by_torch(values, scan),
        "nnU-Net": lambda: by_nnunet(values, scan),
    }
    reference = by_torch(values, scan)
    got = labels_of(values, block, grid, scan)
    differ = np.argwhere(got != reference)
    say(f"2. Logits to labels: {differ.shape[0]} of {got.size} voxels differ from torch (goal 0)")
    say("| | processor, s |")
    say("| --- | --- |")
    times: dict[str, float] = {}
    for name, run in runs.items():
        try:
            times[name] = statistics.median(
                processor_s(run) for _ in range(1 if name == "nnU-Net" else rounds)
            )
        except ImportError:
            say(f"| {name} | {MISSING} |")
            continue
        say(f"| {name} | {times[name]:.2f} |")
    os.environ["AMLART_MEASURES"] = "numpy"
    times["ours, numpy"] = processor_s(lambda: labels_of(values, block, grid, scan))
    same = np.array_equal(got, labels_of(values, block, grid, scan))
    del os.environ["AMLART_MEASURES"]
    say(f"| ours, numpy ({'the same' if same else 'OTHER'} voxels) | {times['ours, numpy']:.2f} |")
    say(
        f"torch takes {times['torch'] / times['ours, compiled']:.0f} times as long (goal 20), "
        f"without compiled loops {times['torch'] / times['ours, numpy']:.1f} times (goal 2)"
    )
    if "nnU-Net" in times:
        say(f"nnU-Net takes {times['nnU-Net'] / times['ours, compiled']:.0f} times as long (goal 100)")
    say(f"Memory beyond the logits: {in_its_own_process(peak_of_labels, small):.0f} MB (goal 100)\n")


def main() -> None:
    """Runs all parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    half = (lambda t: tuple(n // 2 for n in t)) if chosen.small else (lambda t: t)
    tiling(chosen.rounds, half(WHOLE), half(SIDE))
    back(chosen.rounds, chosen.small)
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "avx512_bf16" not in flags and "amx_bf16" not in flags:
        say(
            "Goal 14 (bfloat16 on the CPU) is not applicable: this processor has neither AVX512_BF16 nor AMX."
        )


if __name__ == "__main__":
    main()
