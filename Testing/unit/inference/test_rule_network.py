"""A network that is nothing but a threshold, through bundle, windows and both ways of resampling.

The scan's HU rise evenly in space, in whole numbers from voxel to voxel, so linear interpolation changes
nothing about them, and which voxels lie above the threshold is known beforehand on every orientation. The
network's gain is so small that its sigmoid is all but a straight line from voxel to voxel, and so large that
half a step of the blended sums decides nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.devices import Runtime
from inference_backend.inference.ensemble import EnsembleResult, contour_by_ensemble
from inference_backend.inference.pace import Pace
from inference_backend.models.bundle import open_bundle
from inference_backend.models.networks import side_multiple
from support.bundles import threshold_network, write_bundle
from support.rising_scans import SCANS, rising_scan

GAIN = 20.0
ABOVE = {"bladder": 101.5, "uterus": 350.5}


def inner(scan: CtScan, margin_mm: float = 12.0) -> np.ndarray:
    """Voxels so far from the scan's border that no air was averaged into what the network saw of them."""
    near = [int(np.ceil(margin_mm / mm)) for mm in scan.geometry.spacing_kji_mm]
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inside[tuple(slice(n, -n) for n in near)] = True
    return inside


def contoured(folder: Path, scan: CtScan, **changes: object) -> EnsembleResult:
    """By a bundle of one threshold network."""
    write_bundle(folder, tuple(ABOVE), [threshold_network(tuple(ABOVE.values()), GAIN)], **changes)
    bundle = open_bundle(folder)
    choice = bundle.manifest.network
    return contour_by_ensemble(
        [bundle.network(0)],
        bundle.manifest,
        side_multiple(choice.name, choice.arguments),
        scan,
        tuple(ABOVE),
        Runtime(),
        Pace(lambda _fraction, _stage: None, lambda: False),
    )


@pytest.mark.parametrize("name", list(SCANS))
def test_no_voxel_is_wrong_on_any_orientation(tmp_path: Path, name: str) -> None:
    scan = rising_scan(name)
    found = contoured(tmp_path / "rule", scan)
    where = inner(scan)
    for structure, hu in ABOVE.items():
        mask = found.masks[structure].to_array()
        wrong = (mask != (scan.hu_kji > hu)) & where
        assert not wrong.any(), f"{structure}: {wrong.sum()} wrong"
        assert 0.02 < mask[where].mean() < 0.98


@pytest.mark.parametrize("name", ["head first", "oblique"])
def test_without_compiled_loops_it_is_the_same(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = rising_scan(name)
    compiled = contoured(tmp_path / "one", scan)
    monkeypatch.setenv("AMLART_MEASURES", "numpy")
    plain = contoured(tmp_path / "two", scan)
    for structure in ABOVE:
        assert plain.masks[structure].same_voxels(compiled.masks[structure])


@pytest.mark.parametrize("patch", [None, (24, 16, 20), (64, 64, 64)], ids=["whole", "windows", "too large"])
def test_the_size_of_the_windows_does_not_matter_to_it(tmp_path: Path, patch: tuple[int, int, int]) -> None:
    scan = rising_scan("oblique")
    where = inner(scan)
    found = contoured(tmp_path / "rule", scan, patch_kji=patch)
    for structure, hu in ABOVE.items():
        assert not ((found.masks[structure].to_array() != (scan.hu_kji > hu)) & where).any()


class Counting(nn.Module):
    """A network that counts how often it is asked."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.asked = network, 0

    def forward(self, x: Tensor) -> Tensor:
        """What the network says."""
        self.asked += 1
        said: Tensor = self.network(x)
        return said


def test_each_member_is_asked_once_about_the_whole_body_however_far_it_is_moved(tmp_path: Path) -> None:
    members = [threshold_network(tuple(ABOVE.values()), GAIN) for _ in range(3)]
    write_bundle(tmp_path / "rule", tuple(ABOVE), members, patch_kji=None, moves=(0, 3, 1))
    bundle = open_bundle(tmp_path / "rule")
    networks = [Counting(bundle.network(n)) for n in range(3)]
    pace = Pace(lambda _fraction, _stage: None, lambda: False)
    choice = bundle.manifest.network
    multiple = side_multiple(choice.name, choice.arguments)
    scan = rising_scan("oblique")
    contour_by_ensemble(networks, bundle.manifest, multiple, scan, tuple(ABOVE), Runtime(), pace)
    assert [network.asked for network in networks] == [1, 1, 1]


def test_it_gives_the_same_bits_every_time(tmp_path: Path) -> None:
    scan = rising_scan("feet first")
    one, other = (contoured(tmp_path / n, scan) for n in ("one", "two"))
    for structure in ABOVE:
        assert one.masks[structure].same_voxels(other.masks[structure])


@pytest.mark.parametrize("patch", [None, (24, 16, 20)], ids=["whole", "windows"])
def test_where_the_body_lies_in_the_air_round_it_does_not_matter_to_it(
    tmp_path: Path, patch: tuple[int, int, int] | None
) -> None:
    scan = rising_scan("oblique")
    where = inner(scan)
    found = contoured(tmp_path / "rule", scan, patch_kji=patch, moves=(3,))
    for structure, hu in ABOVE.items():
        assert not ((found.masks[structure].to_array() != (scan.hu_kji > hu)) & where).any()
