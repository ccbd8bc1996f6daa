"""Contouring by examples, with a network that is a known rule: what it was shown, and where its answer lands.

The scan's HU rise evenly in space, so which voxels lie above a threshold is known on every orientation; the
rule's gain is so small that its sigmoid is a straight line there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor

from AmlartContourLib.contract.errors import Cancelled
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.few_shot.contouring import FewShotResult, SupportLimits, contour_by_examples
from inference_backend.few_shot.cube import SIDE, cube_of, scaled
from inference_backend.few_shot.examples import SHAPE, LabelledCube
from inference_backend.few_shot.support import PROFILE_MM, Shown, Support, shift_mm
from inference_backend.inference.devices import Runtime
from inference_backend.inference.pace import Pace
from support.rising_scans import SCANS, rising_scan

ABOVE_HU, GAIN = 350.5, 0.05
EVERYWHERE = np.ones(SHAPE, dtype=bool)
Told = list[tuple[float, str]]


def quick(*names: str, of: Iterable[str]) -> list[object]:
    """All of them, those that are not named in the slow tests."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.slow) for name in of]


def threshold(picture: Tensor, _images: Tensor, _labels: Tensor) -> Tensor:
    """Above the threshold, whatever the examples."""
    return GAIN * (picture - float(scaled(np.full(1, ABOVE_HU))[0]))


def example(hu: float = 0.0, **labels: np.ndarray) -> LabelledCube:
    """A block of one density with labels."""
    return LabelledCube(np.full(SHAPE, hu, dtype=np.int16), 2.0, labels or {"bladder": EVERYWHERE})


def contoured(
    scan: CtScan,
    ask: Callable[..., Tensor] = threshold,
    examples: tuple[LabelledCube, ...] | None = None,
    wanted: tuple[str, ...] = ("bladder",),
    size: int = 3,
    pace: Pace | None = None,
) -> FewShotResult:
    """By examples, on the CPU."""
    quiet = Pace(lambda _f, _s: None, lambda: False)
    shown = examples or (example(),)
    return contour_by_examples(
        lambda _runtime: ask, shown, SupportLimits(size, 64 << 20), scan, wanted, Runtime(), pace or quiet
    )


def inner(scan: CtScan) -> np.ndarray:
    """Voxels so far from the scan's border that no air was averaged into what the network saw of them."""
    near = [int(np.ceil(8.0 / mm)) for mm in scan.geometry.spacing_kji_mm]
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inside[tuple(slice(n, -n) for n in near)] = True
    return inside


@pytest.mark.parametrize("name", quick("oblique", "sagittal", of=SCANS))
def test_no_voxel_is_wrong_on_any_orientation(name: str) -> None:
    scan = rising_scan(name)
    found = contoured(scan)
    mask, where = found.masks["bladder"].to_array(), inner(scan)
    assert not ((mask != (scan.hu_kji > ABOVE_HU)) & where).any()
    assert 0.02 < mask[where].mean() < 0.98
    assert found.spread["bladder"].members == 3


@pytest.mark.parametrize("name", quick("sagittal", of=("feet first", "prone", "sagittal")))
def test_every_picture_lies_as_the_patient_does_and_its_support_with_it(name: str) -> None:
    scan = rising_scan(name)
    cube = cube_of(scan)
    half = np.zeros(SHAPE, dtype=bool)
    half[:, :, : SIDE // 2] = True  # the patient's right half
    own = LabelledCube(np.round(cube.hu_kji).astype(np.int16), cube.step_k_mm, {"bladder": half})

    def copy(picture: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        assert images.shape == labels.shape == (1, 1, 1, SIDE, SIDE)
        assert torch.allclose(images[0, 0, 0], picture[0, 0], atol=0.001), "the most alike is itself"
        return labels[:, 0] * 2 - 1

    found = contoured(scan, copy, (example(900.0), own), size=1)
    k, j, i = np.indices(scan.geometry.shape_kji)
    x_mm = scan.geometry.index_to_lps(np.stack([i, j, k], axis=-1).reshape(-1, 3))[:, 0]
    border_mm = cube.grid.index_to_lps([[SIDE / 2 - 0.5, 0, 0]])[0, 0]
    right = (x_mm < border_mm).reshape(scan.geometry.shape_kji)
    assert not ((found.masks["bladder"].to_array() != right) & inner(scan)).any()
    assert found.findings[-1].endswith("from the labelled cases 2 of 2.")


def test_a_missing_label_is_not_shown_as_an_empty_one() -> None:
    scan = rising_scan("head first")
    seen: list[int] = []

    def ask(picture: Tensor, images: Tensor, _labels: Tensor) -> Tensor:
        seen.append(images.shape[1])
        if len(seen) == SIDE // 2:
            raise Cancelled("enough was seen")
        return picture

    without = example(uterus=EVERYWHERE)
    with pytest.raises(Cancelled):
        contoured(scan, ask, (without, example()), size=80)
    assert max(seen) == 9, "nine planes of the one case that has the label"


def test_where_no_example_holds_the_structure_nothing_is_asked_and_nothing_drawn() -> None:
    low = np.zeros(SHAPE, dtype=bool)
    low[54:74] = True  # round the middle, where a scan without bone meets it

    def ask(picture: Tensor, _images: Tensor, labels: Tensor) -> Tensor:
        assert labels.any()
        return torch.ones_like(picture)

    scan = rising_scan("head first")
    found = contoured(scan, ask, (example(bladder=low, uterus=np.zeros(SHAPE, bool)),), ("bladder", "uterus"))
    assert found.masks["uterus"].is_empty
    assert "No example holds uterus" in " ".join(found.findings)
    assert not found.masks["bladder"].is_empty


def test_progress_rises_and_cancel_is_heard_at_the_next_plane() -> None:
    told: Told = []
    contoured(rising_scan("head first"), pace=Pace(lambda f, s: told.append((f, s)), lambda: False))
    fractions = [fraction for fraction, _stage in told]
    assert fractions == sorted(fractions)
    assert len({stage for _f, stage in told}) == 3 * SIDE + 1
    seen: list[str] = []
    with pytest.raises(Cancelled):
        contoured(
            rising_scan("head first"),
            pace=Pace(lambda _f, stage: seen.append(stage), lambda: len(seen) == 9),
        )
    assert len(seen) == 9


def test_where_memory_runs_out_fewer_examples_are_shown_and_the_user_is_told() -> None:
    def tight(picture: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        if images.shape[1] > 2:
            raise torch.OutOfMemoryError("out of memory")
        return threshold(picture, images, labels)

    scan = rising_scan("oblique")
    found = contoured(scan, tight, size=9)
    assert found.masks["bladder"].same_voxels(contoured(scan).masks["bladder"])
    assert any("2 were shown" in finding for finding in found.findings)


def test_one_example_that_does_not_fit_is_an_end() -> None:
    def never(_picture: Tensor, _images: Tensor, _labels: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(MemoryError):
        contoured(rising_scan("head first"), never)


def test_little_free_memory_lowers_the_number_of_examples_before_any_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = type("Free", (), {"available": 200 << 20})()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    found = contoured(rising_scan("head first"), size=9)
    assert any("for 9 examples at once: 3 were shown" in finding for finding in found.findings)


def test_heights_are_found_by_the_bones_though_scans_begin_elsewhere() -> None:
    rng = np.random.default_rng(3)
    body = np.convolve(rng.uniform(0, 1, 140), np.ones(7) / 7)
    assert shift_mm(body[30:120], body[12:110]) == 18 * PROFILE_MM
    assert shift_mm(body[10:90], body[40:120]) == -30 * PROFILE_MM
    assert shift_mm(np.zeros(40), np.zeros(60)) == 10 * PROFILE_MM, "no bone: the middles meet"


def test_the_support_is_near_and_the_most_alike_first() -> None:
    hu = np.zeros(SHAPE, dtype=np.int16)
    hu[60:64] = 200  # bone
    examples = []
    for shift, extra in ((0, 30), (10, 0), (-10, 60)):
        examples.append(
            LabelledCube(np.roll(hu, shift, axis=0) + np.int16(extra), 4.0, {"bladder": EVERYWHERE})
        )
    support = Support(examples, hu.astype(np.float32), 4.0)
    chosen = support.near(0, 62, 4, "bladder")
    assert chosen[0].example == 1
    assert 70 <= chosen[0].number < 74
    assert set(support.near(0, 62, 80, "bladder")) == {
        Shown(n, 62 + shift + m) for n, shift in enumerate((0, 10, -10)) for m in range(-4, 5)
    }
    assert support.near(1, 5, 1, "bladder")[0].number <= 9
