"""Rounding of whole numbers, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def stochastic_round(
    values: ArrayLike, random_numbers: ArrayLike, probabilities: ArrayLike
) -> np.ndarray:
    """`values`, and 1 more where a random number is below its probability: int64.

    The arguments broadcast; what `values` have behind the point is dropped at the end.
    """
    more = np.less(random_numbers, probabilities)
    return np.add(values, more).astype(np.int64)


def apply_mask(item: ArrayLike, nb_bits: int) -> ArrayLike:
    """The `nb_bits` lowest bits of whole numbers, negative ones in two's complement."""
    return np.bitwise_and(item, (1 << nb_bits) - 1)
