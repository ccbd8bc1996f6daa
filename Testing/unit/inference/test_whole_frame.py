"""The embedded networks say of the body, asked about alone, what they say of it in the whole frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from AmlartContourLib.domain.box import Box
from AmlartContourLib.measures.overlap import overlap
from AmlartContourLib.measures.pair import pair
from inference_backend.inference.back_sampling import mask_above
from inference_backend.inference.devices import Runtime
from inference_backend.inference.ensemble import contour_by_ensemble
from inference_backend.inference.islands import largest_part
from inference_backend.inference.pace import Pace
from inference_backend.inference.view import AIR
from inference_backend.models.bundle import open_bundle
from inference_backend.models.model_grid import HuWindow, hu_on, model_grid
from inference_backend.models.networks import side_multiple
from inference_backend.models.store import EMBEDDED_FOLDER
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec

LEAST_DICE = 0.995


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4])
def test_the_body_alone_gives_what_the_whole_frame_gives(seed: int) -> None:
    """The frame in one pass, in single precision, against the engine's way."""
    bundle = open_bundle(EMBEDDED_FOLDER)
    manifest = bundle.manifest
    multiple = side_multiple(manifest.network.name, manifest.network.arguments)
    scan = make_phantom(PhantomSpec(matrix_ij=(160, 128), pixel_mm=(3.1, 3.1), seed=seed)).scan
    network = bundle.network(0)
    quiet = Pace(lambda _fraction, _stage: None, lambda: False)
    found = contour_by_ensemble([network], manifest, multiple, scan, manifest.structures, Runtime(), quiet)
    assert found.view.block.shape_kji != found.view.grid.shape_kji, "the body fills the frame: no test"

    grid = model_grid(scan.geometry, manifest.spacing_mm)
    values = HuWindow(*manifest.window_hu).apply(hu_on(grid, scan.hu_kji, scan.geometry))
    whole = np.pad(values, [(0, -n % multiple) for n in values.shape], constant_values=AIR)
    with torch.inference_mode():
        said = torch.sigmoid(network(torch.from_numpy(whole)[None, None])[0]).numpy()
    k, j, i = (slice(n) for n in grid.shape_kji)
    frame = Box((0, 0, 0), grid.shape_kji)
    for name, channel in zip(manifest.structures, said, strict=True):
        mask = mask_above(np.ascontiguousarray(channel[k, j, i]), frame, grid, scan.geometry)
        if name in manifest.largest_part_only:
            mask, _ = largest_part(mask)
        dice = overlap(pair(mask, found.masks[name])).dice
        assert dice is None or dice >= LEAST_DICE, f"{name}: {dice}"
