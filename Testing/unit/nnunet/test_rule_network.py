"""A network that is nothing but a threshold, through the whole way: folder, pack, engine, resampling, labels.

The scan's HU rise evenly in whole numbers, so what lies above the threshold is known beforehand on every
orientation; and a network that looks one voxel aside shows which way its axes ran.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from AmlartContourLib.contract.home import HOME_VARIABLE
from AmlartContourLib.domain.contours import Contours
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.engines.nnunet_folder import NnUNetFolderEngine
from inference_backend.models.licences import accept
from inference_backend.models.pack_adding import Wish, add_model
from inference_backend.models.store import bundle_folder
from support.nnunet_folders import Folder, rule_folder
from support.rising_scans import SCANS, rising_scan

ABOVE_HU = 101.5
LABELS = {"background": 0, "Bladder": 1}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def contoured(
    folder: Path, scan: CtScan, what: Folder, axes: str = "LPS", look_kji: tuple[int, int, int] = (0, 0, 0)
) -> Contours:
    """By an added model that holds this rule."""
    source = rule_folder(folder / "Dataset001_Rule", ABOVE_HU, what, look_kji)
    add_model([source], Wish("rule", licence="none", axes=axes), lambda _f, _s: None)
    accept(bundle_folder("rule"), "none", "a test")
    engine = NnUNetFolderEngine("rule")
    engine.load("cpu")
    return engine.contour(scan, ("bladder",), lambda _f, _s: None, lambda: False, StructureSet(scan.geometry))


def inner(scan: CtScan, margin_mm: float = 14.0) -> np.ndarray:
    """Voxels so far from the scan's border that a spline's ends do not reach them."""
    near = [int(np.ceil(margin_mm / mm)) for mm in scan.geometry.spacing_kji_mm]
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inside[tuple(slice(n, -n) for n in near)] = True
    return inside


@pytest.mark.parametrize("name", list(SCANS))
def test_no_voxel_is_wrong_on_any_orientation(tmp_path: Path, name: str) -> None:
    scan = rising_scan(name)
    coarse = scan.geometry.spacing_kji_mm[0] > 5  # nnU-Net takes the nearest slice there: keep its slices
    what = Folder(labels=LABELS, spacing_mm=(7.0, 2.0, 2.0) if coarse else (3.0, 2.6, 2.3), mirrors=None)
    found = contoured(tmp_path, scan, what)
    mask = found.masks.mask("bladder").to_array()
    where = inner(scan)
    wrong = (mask != (scan.hu_kji > ABOVE_HU)) & where
    assert not wrong.any(), f"{wrong.sum()} wrong"
    assert 0.02 < mask[where].mean() < 0.98


PLAIN, TURNED = (0, 1, 2), (2, 0, 1)


@pytest.mark.parametrize(
    ("name", "axes", "forward"),
    [
        ("feet first", "LPS", PLAIN),
        ("feet first", "RAS", PLAIN),
        ("oblique", "LAS", PLAIN),
        ("oblique", "RAS", TURNED),
        ("sagittal", "RPI", TURNED),
        ("sagittal", "LAS", TURNED),
    ],
)
def test_a_network_that_looks_aside_looks_where_its_training_images_axes_ran(
    tmp_path: Path, name: str, axes: str, forward: tuple[int, int, int]
) -> None:
    scan = rising_scan(name)
    order = canonical(scan.geometry)
    spacing = order.geometry(scan.geometry).spacing_kji_mm
    what = Folder(labels=LABELS, spacing_mm=tuple(spacing[a] for a in forward), forward=forward, mirrors=None)
    found = contoured(tmp_path, scan, what, axes, (1, 1, 1))
    mask = order.array(found.masks.mask("bladder").to_array())
    steps = [-1 if letter == other else 1 for letter, other in zip(axes[::-1], "IAR", strict=True)]
    seen = np.roll(order.array(scan.hu_kji), [-step for step in steps], (0, 1, 2))
    inside = (slice(1, -1),) * 3
    assert np.array_equal(mask[inside], (seen > ABOVE_HU)[inside])


def test_regions_are_decided_each_alone(tmp_path: Path) -> None:
    scan = rising_scan("oblique")
    labels = {"background": 0, "Uterus": [1, 2], "Bladder": [2]}
    what = Folder(labels=labels, region_order=(1, 2), spacing_mm=(3.0, 2.0, 2.0), mirrors=None)
    found = contoured(tmp_path, scan, what)  # the rule's channel 1 is the second region's
    mask = found.masks.mask("bladder").to_array()
    assert np.array_equal(mask[inner(scan)], (scan.hu_kji > ABOVE_HU)[inner(scan)])


def test_a_scan_that_is_zero_round_about_is_cropped_and_comes_back_in_place(tmp_path: Path) -> None:
    whole = rising_scan("oblique")
    hu = whole.hu_kji.copy()
    hu[:7], hu[:, -9:], hu[:, :, :4] = 0, 0, 0
    scan = CtScan(hu, whole.geometry)
    found = contoured(tmp_path, scan, Folder(labels=LABELS, spacing_mm=(3.0, 2.0, 2.0), mirrors=None))
    mask = found.masks.mask("bladder").to_array()
    assert np.array_equal(mask, hu > ABOVE_HU)
