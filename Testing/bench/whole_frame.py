"""The embedded engine from scan to contours, held against the whole frame by MONAI's inferer, in one run.

    python Testing/bench/whole_frame.py [--seed N]

One member and one phantom of 512 x 512 voxels in the plane. First the whole frame in one window of MONAI's
inferer in single precision, on the network's grid; then ours as the engine works, which asks about the body
only. To tell what windows would do: MONAI's inferer in windows of the size the network was trained with, and
the same with all of them a little further on. In one row more MONAI does all: it brings the scan to the
network's grid and the probabilities back by its own resampling too. Each is held against the first and
against the phantom's truth; "outside" is all but the network. One thread, processor time. With OpenVINO a row
for it; its network is compiled before, once.
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
from inference_backend.inference.devices import Runtime, asking
from inference_backend.inference.ensemble import contour_by_ensemble
from inference_backend.inference.openvino_ask import asking_sooner, is_installed
from inference_backend.inference.pace import Pace
from inference_backend.inference.prediction import MakeAsk
from inference_backend.inference.view import AIR
from inference_backend.models.allocation import keep_freed_memory
from inference_backend.models.bundle import open_bundle
from inference_backend.models.manifest import Manifest
from inference_backend.models.model_grid import HuWindow, hu_on, model_grid
from inference_backend.models.networks import side_multiple
from inference_backend.models.store import EMBEDDED_FOLDER, EMBEDDED_ID
from inference_backend.phantom.make import Phantom, make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.training.recipe import RECIPES, read_recipe
from support.clocked import Clocked

SHIFTS = (1, 8)
TRAINED_KJI = read_recipe(RECIPES / "embedded.json").patch_kji
OVERLAP = 0.5


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
        one = replace(manifest, members=manifest.members[:1], moves=manifest.moves[:1])
        return cls(phantom, one, Clocked(bundle.network(0)), grid, values)

    def by_body_crop(self, make_ask: MakeAsk = asking) -> dict[str, Mask]:
        """As the engine does it."""
        arguments = self.manifest.network.arguments
        found = contour_by_ensemble(
            [self.network if make_ask is asking else self.network.network],
            self.manifest,
            side_multiple(self.manifest.network.name, arguments),
            self.phantom.scan,
            self.manifest.structures,
            Runtime(),
            Pace(lambda _f, _s: None, lambda: False),
            make_ask,
        )
        return dict(found.masks)

    def at_once(self) -> dict[str, Mask]:
        """The whole frame in one window."""
        return self._masks(self._monai_logits(self.values_kji, None))

    def in_windows(self, shift: int = 0) -> dict[str, Mask]:
        """The whole frame in windows as the network was trained with, all `shift` voxels further on."""
        return self._masks(self._monai_logits(self.values_kji, TRAINED_KJI, shift))

    def by_monai_alone(self) -> dict[str, Mask]:
        """In windows, with MONAI's resampling of the scan and of the probabilities."""
        from monai.data.meta_tensor import MetaTensor
        from monai.transforms import SpatialResample

        scan = self.phantom.scan
        there, here = (monai_affine(geometry) for geometry in (self.grid, scan.geometry))
        hu = MetaTensor(torch.from_numpy(scan.hu_kji.astype(np.float32))[None], affine=here)
        resample = SpatialResample(mode="bilinear", padding_mode="border", dtype=torch.float32)
        seen = resample(hu, there, self.grid.shape_kji).numpy()[0]
        logits = self._monai_logits(HuWindow(*self.manifest.window_hu).apply(seen), TRAINED_KJI)
        said = MetaTensor(torch.sigmoid(logits), affine=there)
        back = resample(said, here, scan.geometry.shape_kji)
        return {
            name: Mask.from_array(channel.numpy() > 0.5, scan.geometry)
            for name, channel in zip(self.manifest.structures, back, strict=True)
        }

    def _monai_logits(
        self, values_kji: np.ndarray, side_kji: tuple[int, int, int] | None, shift: int = 0
    ) -> torch.Tensor:
        """In windows of a size, or in one that holds everything."""
        from monai.inferers import SlidingWindowInferer

        multiple = side_multiple(self.manifest.network.name, self.manifest.network.arguments)
        behind = [-n % multiple if side_kji is None else 0 for n in values_kji.shape]
        padded = np.pad(values_kji, [(shift, n) for n in behind], constant_values=AIR)
        side = side_kji or padded.shape
        inferer = SlidingWindowInferer(side, 1, OVERLAP, mode="gaussian", padding_mode="constant", cval=AIR)
        with torch.inference_mode():
            logits: torch.Tensor = inferer(torch.from_numpy(padded)[None, None], self.network)[0]
        k, j, i = (slice(shift, shift + n) for n in values_kji.shape)
        return logits[:, k, j, i]

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
        "the whole frame at once": case.at_once,
        "ours": case.by_body_crop,
        "in windows": case.in_windows,
        "in windows, by MONAI alone": case.by_monai_alone,
        **{f"in windows {n} voxels further on": partial(case.in_windows, n) for n in SHIFTS},
    }
    if is_installed():
        asking_sooner(case.network.network, Runtime())(torch.zeros(1, 1, 32, 32, 32))
        runs["ours, OpenVINO"] = partial(case.by_body_crop, asking_sooner)
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
        outside = f"{outside_s:.2f}" if case.network.seconds else ""
        times = f"{spent_s:.2f} | {outside}"
        say(f"| {name} | {times} | {mean:.4f} | {least} | {with_truth:.3f} |")


def agreement(ones: dict[str, Mask], others: dict[str, Mask]) -> tuple[float, str]:
    """Mean Dice over the structures that either has, and the least in words."""
    dice = {name: overlap(pair(ones[name], others[name])).dice for name in ones}
    given = {name: value for name, value in dice.items() if value is not None}
    least = min(given, key=lambda name: given[name])
    return statistics.mean(given.values()), f"{given[least]:.4f} ({least})"


if __name__ == "__main__":
    main()
