"""The peers of the bench are called rightly: what they define as we do, they find as we do."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest

from AmlartContourLib.measures.accelerator import NUMPY, VARIABLE
from support.measured_run import spent, spent_apart
from support.peer_programs import (
    DICE_ONLY,
    DICE_ONLY_COMPILED,
    NAMES,
    OURS,
    OURS_COMPILED,
    PROGRAMS,
    SAME_SET,
    SAME_SET_COMPILED,
    SURFACE_DICE,
    Figures,
    installed,
)
from support.shapes import ball, centre, grid

SAME = {  # by the same definition; HD between voxels and between surface elements can differ
    OURS_COMPILED: NAMES,
    SAME_SET: NAMES,
    SAME_SET_COMPILED: NAMES,
    DICE_ONLY: SURFACE_DICE,
    DICE_ONLY_COMPILED: SURFACE_DICE,
    "surface-distance": NAMES,
    "MONAI, as it comes": ("Dice",),
    "MONAI, sD by area only": SURFACE_DICE,
    "SimpleITK": ("Dice",),
    "medpy": ("Dice",),
    "plastimatch": ("Dice",),
}


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs choose our loops by the environment."""
    monkeypatch.setenv(VARIABLE, NUMPY)


def figures(name: str) -> Figures:
    geometry = grid((30, 28, 20), (1.3, 1.3, 2.5))
    middle = centre(geometry)
    masks = ball(geometry, middle, 11), ball(geometry, middle + np.asarray([2.0, 1.0, 3.0]), 10)
    return installed()[name](*(mask.to_array() for mask in masks), geometry.spacing_kji_mm)


@pytest.mark.peer
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != OURS])
def test_a_peer_agrees_where_it_has_the_same_definition(name: str) -> None:
    if name not in installed():
        pytest.skip(f"{name} is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = figures(name)
    expected = figures(OURS)
    assert set(found) <= set(NAMES)
    for figure in SAME[name]:
        assert found[figure] == pytest.approx(expected[figure], abs=2e-6)
    for figure in {"HD", "HD95", "ASSD"} & set(found):
        assert found[figure] == pytest.approx(expected[figure], abs=1.5)


def test_memory_and_time_of_a_call_are_counted() -> None:
    answer = spent_apart(partial(np.ones, 10_000_000))
    assert answer.answer.sum() == 10_000_000
    assert answer.extra_mb is None or 78 < answer.extra_mb < 100
    assert spent(partial(sum, range(300_000))).cpu_ms > 0
