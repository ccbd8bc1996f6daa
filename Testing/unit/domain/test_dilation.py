"""Dilation on packed lines equals the definition, whatever the body and wherever words end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.domain.dilation import dilated


def by_definition(inside: np.ndarray, body: np.ndarray) -> np.ndarray:
    """A copy of the body at every voxel inside."""
    grown = np.zeros([n + b - 1 for n, b in zip(inside.shape, body.shape, strict=True)], dtype=bool)
    for start in np.argwhere(inside):
        grown[tuple(slice(a, a + n) for a, n in zip(start, body.shape, strict=True))] |= body
    return grown


widths = st.sampled_from([1, 2, 5, 63, 64, 65, 130])
blocks = st.tuples(st.integers(1, 3), st.integers(1, 3), widths).flatmap(
    lambda shape: arrays(np.bool_, shape, elements=st.booleans(), fill=st.just(False))
)
bodies = st.tuples(st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 3, 9, 70, 129])).flatmap(
    lambda shape: arrays(np.bool_, shape, elements=st.booleans(), fill=st.booleans())
)


@settings(max_examples=150, deadline=None)
@given(blocks, bodies)
def test_any_block_by_any_body_equals_the_definition(inside: np.ndarray, body: np.ndarray) -> None:
    np.testing.assert_array_equal(dilated(inside, body), by_definition(inside, body))


@pytest.mark.parametrize("width", range(1, 200, 7))
def test_one_voxel_becomes_a_run_that_crosses_words_without_a_gap(width: int) -> None:
    seed = np.zeros((1, 1, 70), dtype=bool)
    seed[0, 0, 61] = True
    run = dilated(seed, np.ones((1, 1, width), dtype=bool))[0, 0]
    np.testing.assert_array_equal(np.flatnonzero(run), np.arange(61, 61 + width))


def test_a_body_with_gaps_leaves_gaps() -> None:
    body = np.asarray([[[True, False, False, True, True]]])
    grown = dilated(np.ones((1, 1, 1), dtype=bool), body)
    np.testing.assert_array_equal(grown, body)


def test_a_body_or_a_block_without_voxels_gives_none() -> None:
    full, none = np.ones((2, 2, 2), dtype=bool), np.zeros((3, 3, 3), dtype=bool)
    assert not dilated(full, none).any()
    assert not dilated(none, full).any()


def test_a_block_seen_through_a_stride_is_read_as_it_looks() -> None:
    inside = np.random.default_rng(3).random((4, 6, 80)) < 0.1
    body = np.ones((3, 3, 5), dtype=bool)
    np.testing.assert_array_equal(
        dilated(inside[::2, ::-1, ::3], body), by_definition(inside[::2, ::-1, ::3], body)
    )
