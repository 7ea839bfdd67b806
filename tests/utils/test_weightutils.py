"""Loihi's 8-bit weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lava_torch.utils.weightutils import (
    SignMode,
    clip_weights,
    determine_sign_mode,
    optimize_weight_bits,
    truncate_weights,
)


@pytest.mark.parametrize(
    ("weights", "mode"),
    [
        ([[0, 3]], SignMode.EXCITATORY),
        ([[0, 0]], SignMode.EXCITATORY),
        ([[0, -3]], SignMode.INHIBITORY),
        ([[2, -3]], SignMode.MIXED),
    ],
)
def test_sign_mode(weights, mode) -> None:
    assert determine_sign_mode(np.array(weights)) == mode
    assert determine_sign_mode(scipy.sparse.csr_matrix(weights)) == mode


@pytest.mark.parametrize(
    ("mode", "want"),
    [
        (SignMode.MIXED, [-256, -255, 0, 255]),
        (SignMode.EXCITATORY, [0, 0, 0, 255]),
        (SignMode.NULL, [0, 0, 0, 255]),
        (SignMode.INHIBITORY, [-255, -255, 0, 0]),
    ],
)
def test_clip(mode, want) -> None:
    weights = np.array([-300, -255, 0, 300])
    got = clip_weights(weights, mode, num_bits=8)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == np.int32


@pytest.mark.parametrize(
    ("mode", "bits", "want"),
    [
        (SignMode.MIXED, 8, [-8, 6]),
        (SignMode.EXCITATORY, 8, [-7, 7]),
        (SignMode.EXCITATORY, 6, [-8, 4]),
        (SignMode.INHIBITORY, 6, [-4, 8]),
    ],
)
def test_truncate(mode, bits, want) -> None:
    np.testing.assert_array_equal(truncate_weights(np.array([-7.9, 7.9]), mode, bits), want)


def test_sparse_stays_sparse() -> None:
    matrix = scipy.sparse.csr_matrix(np.array([[0, 7], [300, 0]]))
    clipped = clip_weights(matrix, SignMode.MIXED, num_bits=8)
    assert scipy.sparse.issparse(clipped)
    np.testing.assert_array_equal(clipped.toarray(), [[0, 7], [255, 0]])
    assert matrix.max() == 300


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=8))
def test_optimized_weights_represent_the_originals(values) -> None:
    weights = np.array(values)
    mode = determine_sign_mode(weights)
    best = optimize_weight_bits(weights, mode)
    np.testing.assert_array_equal(best.weights * 2.0**best.weight_exp, weights)
    held = truncate_weights(best.weights, mode, min(best.num_weight_bits, 8))
    np.testing.assert_array_equal(held, best.weights)


def test_optimize_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"\[0, 255\].*\[-1, 3\]"):
        optimize_weight_bits(np.array([-1, 3]), SignMode.EXCITATORY)
