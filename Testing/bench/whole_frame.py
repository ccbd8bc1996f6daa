"""The embedded engine from scan to contours, held against the whole frame by MONAI's inferer, in one run.

    python Testing/bench/whole_frame.py [--seed N]

One member and one phantom of 512 x 512 voxels in the plane. Against MONAI's inferer over the whole frame in
single precision: ours in the same windows, which shows what blending, half sums and the way back cost; ours
as the engine works, with windows round the body; and as a measure for that, MONAI's whole frame with all
windows a little further on. All get the same values on the network's grid but one row, in which MONAI brings
the scan to it and the probabilities back by its own resampling. Each is held against the phantom's truth too;
"outside" is all but the network. One thread, processor time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.overlap import overlap
from AmlartContourLib.measures.pair import pair
from inference_backend.engines.bundle import BundleEngine
from inference_backend.inference.back_sampling import mask_above
from inference_backend.inference.blending import blended_logits
from inference_backend.inference.devices import Runtime
from inference_backend.inference.ensemble import contour_by_ensemble
from inference_backend.inference.pace import Pace
from inference_backend.inference.view import AIR
from inference_backend.inference.windows import WindowPlan
from inference_backend.models.allocation import keep_freed_memory
from inference_backend.models.bundle import open_bundle
from inference_backend.models.manifest import Manifest
from inference_backend.models.model_grid import HuWindow, hu_on, model_grid
from inference_backend.models.networks import side_multiple
from inference_backend.models.store import EMBEDDED_FOLDER, EMBEDDED_ID
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.spec import PhantomSpec
from support.clocked import Clocked

SHIFTS = (1, 8)


@dataclass(frozen=True)
class WholeCase:
    """A phantom, one member of the embedded engine, and the model's grid over the whole frame."""

    phantom: Phantom
    manifest: Manifest
    network: Clocked
    grid: Geometry
    values_kji: np.ndarray

    @classmethod
    def of(cls, phantom: Phantom) -> WholeCase:
        """With the embedded engine's first member."""
        bundle = open_bundle(EMBEDDED_FOLDER)
        manifest, scan = bundle.manifest, phantom.scan
        grid = model_grid(scan.geometry, manifest.spacing_mm)
        values = HuWindow(*manifest.window_hu).apply(hu_on(grid, scan.hu_kji, scan.geometry))
        one = replace(manifest, members=manifest.members[:1])
        return cls(phantom, one, Clocked(bundle.network(0)), grid, values)

    def by_body_crop(self) -> dict[str, Mask]:
        """As the engine does it."""
        arguments = self.manifest.network.arguments
        found = contour_by_ensemble(
            [self.network],
            self.manifest,
            side_multiple(self.manifest.network.name, arguments),
            self.phantom.scan,
            self.manifest.structures,
            Runtime(),
            Pace(lambda _f, _s: None, lambda: False),
        )
        return dict(found.masks)

    def by_monai(self, shift: int = 0) -> dict[str, Mask]:
        """The whole frame by MONAI's inferer, all windows `shift` voxels further on."""
        return self._masks(self._monai_logits(self.values_kji, shift))

    def by_monai_alone(self) -> dict[str, Mask]:
        """The same with MONAI's resampling of the scan and of the probabilities."""
        from monai.data.meta_tensor import MetaTensor
        from monai.transforms import SpatialResample

        scan = self.phantom.scan
        there, here = (monai_affine(geometry) for geometry in (self.grid, scan.geometry))
        hu = MetaTensor(torch.from_numpy(scan.hu_kji.astype(np.float32))[None], affine=here)
        resample = SpatialResample(mode="bilinear", padding_mode="border", dtype=torch.float32)
        seen = resample(hu, there, self.grid.shape_kji).numpy()[0]
        logits = self._monai_logits(HuWindow(*self.manifest.window_hu).apply(seen), 0)
        said = MetaTensor(torch.sigmoid(logits), affine=there)
        back = resample(said, here, scan.geometry.shape_kji)
        return {
            name: Mask.from_array(channel.numpy() > 0.5, scan.geometry)
            for name, channel in zip(self.manifest.structures, back, strict=True)
        }

    def _monai_logits(self, values_kji: np.ndarray, shift: int) -> torch.Tensor:
        from monai.inferers import SlidingWindowInferer

        manifest = self.manifest
        padded = np.pad(values_kji, [(shift, 0)] * 3, constant_values=AIR)
        inferer = SlidingWindowInferer(
            manifest.patch_kji, 1, manifest.overlap, mode="gaussian", padding_mode="constant", cval=AIR
        )
        with torch.inference_mode():
            logits: torch.Tensor = inferer(torch.from_numpy(padded)[None, None], self.network)[0]
        return logits[:, shift:, shift:, shift:]

    def in_monais_windows(self, sums: torch.dtype) -> dict[str, Mask]:
        """The whole frame in MONAI's windows, blended as ours are."""
        from monai.data.utils import dense_patch_slices

        shape = self.grid.shape_kji
        side = tuple(min(a, b) for a, b in zip(self.manifest.patch_kji or shape, shape, strict=True))
        steps = [max(int(n * (1 - self.manifest.overlap)), 1) for n in side]
        places = dense_patch_slices(shape, side, steps)
        k, j, i = (tuple(sorted({place[axis].start for place in places})) for axis in range(3))
        plan = WindowPlan(shape, side, (k, j, i))
        wanted = range(len(self.manifest.structures))
        with torch.inference_mode():
            values = torch.from_numpy(self.values_kji)
            return self._masks(blended_logits(self.network, values, plan, wanted, lambda _n: None, sums))

    def _masks(self, logits: torch.Tensor) -> dict[str, Mask]:
        said = torch.sigmoid(logits.float()).numpy()
        whole = Box((0, 0, 0), self.grid.shape_kji)
        channels = zip(self.manifest.structures, said, strict=True)
        return {name: mask_above(c, whole, self.grid, self.phantom.scan.geometry) for name, c in channels}


def monai_affine(geometry: Geometry) -> torch.Tensor:
    """Index [k, j, i] to millimetres, as MONAI takes the axes of an array in turn."""
    return torch.from_numpy(geometry.affine[:, [2, 1, 0, 3]])


def say(line: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=77)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    keep_freed_memory()
    info = BundleEngine(EMBEDDED_ID).describe()
    if not info.available:
        say(f"Skipped. {info.reason}")
        return
    case = WholeCase.of(
        make_phantom(PhantomSpec(matrix_ij=(512, 512), pixel_mm=(1.0, 1.0), slice_step_mm=2.5, seed=seed))
    )
    runs: dict[str, Callable[[], dict[str, Mask]]] = {
        "whole frame by MONAI's inferer": case.by_monai,
        "and by its resampling": case.by_monai_alone,
        "ours in MONAI's windows, single": lambda: case.in_monais_windows(torch.float32),
        "ours in MONAI's windows, half": lambda: case.in_monais_windows(torch.float16),
        "ours, body crop": case.by_body_crop,
        **{f"MONAI, windows {n} voxels on": partial(case.by_monai, n) for n in SHIFTS},
    }
    say("| | processor, s | outside, s | mean Dice with row 1 (goal 0.995) | least | with the truth |")
    say("| --- | --- | --- | --- | --- | --- |")
    truth = {name: case.phantom.truth.mask(name) for name in case.manifest.structures}
    frame: dict[str, Mask] = {}
    for name, run in runs.items():
        started, case.network.seconds = time.process_time(), 0.0
        found = run()
        spent_s = time.process_time() - started
        outside_s = spent_s - case.network.seconds
        frame = frame or found
        mean, least = agreement(frame, found)
        with_truth, _ = agreement(truth, found)
        times = f"{spent_s:.1f} | {outside_s:.1f}"
        say(f"| {name} | {times} | {mean:.4f} | {least} | {with_truth:.3f} |")


def agreement(ones: dict[str, Mask], others: dict[str, Mask]) -> tuple[float, str]:
    """Mean Dice over the structures that either has, and the least in words."""
    dice = {name: overlap(pair(ones[name], others[name])).dice for name in ones}
    given = {name: value for name, value in dice.items() if value is not None}
    least = min(given, key=lambda name: given[name])
    return statistics.mean(given.values()), f"{given[least]:.4f} ({least})"


if __name__ == "__main__":
    main()
