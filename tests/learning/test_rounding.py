"""Rounding of whole numbers."""

from __future__ import annotations

import numpy as np

from lava_torch.learning import apply_mask, stochastic_round


def test_one_more_where_the_number_is_below_the_probability():
    values = np.array([4, -3, 7])
    np.testing.assert_array_equal(
        stochastic_round(values, 0.5, np.array([0.6, 0.5, 0])), [5, -3, 7]
    )
    np.testing.assert_array_equal(stochastic_round(values, np.array([0, 9, 1]), 2), [5, -3, 8])
    assert stochastic_round(2.0, 0.1, 1.0) == 3


def test_lowest_bits():
    np.testing.assert_array_equal(
        apply_mask(np.array([0, 5, 255, 256, -1]), 8), [0, 5, 255, 0, 255]
    )
    assert apply_mask(13, 2) == 1
