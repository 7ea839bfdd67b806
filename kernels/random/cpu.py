"""Philox in numba, to be called inside kernels."""

from __future__ import annotations

import numpy as np
from numba import njit

from lava_torch.kernels.random import INCREMENTS, MULTIPLIERS
from lava_torch.kernels.table.share import OPTIONS

_M0, _M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
_W0, _W1 = np.uint32(INCREMENTS[0]), np.uint32(INCREMENTS[1])
_HALF = np.uint64(32)


@njit(**OPTIONS, forceinline=True)
def _round(c0, c1, c2, c3, k0, k1):
    product0, product1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
    return (
        np.uint32(np.uint32(product1 >> _HALF) ^ c1 ^ k0),
        np.uint32(product1),
        np.uint32(np.uint32(product0 >> _HALF) ^ c3 ^ k1),
        np.uint32(product0),
        np.uint32(k0 + _W0),
        np.uint32(k1 + _W1),
    )


@njit(**OPTIONS, forceinline=True)
def philox(c0, c1, c2, c3, k0, k1):
    """Four words of 32 bits, uint32; the arguments are taken modulo 2^32."""
    c0, c1, c2, c3 = np.uint32(c0), np.uint32(c1), np.uint32(c2), np.uint32(c3)
    k0, k1 = np.uint32(k0), np.uint32(k1)
    # Round by round, not in a loop: a loop around this one would not be vectorised.
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, k0, k1 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3, _, _ = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@njit(**OPTIONS)
def uniform(word):
    """A word as a float32 in [0, 1): its upper 24 bits."""
    return np.float32(np.uint32(word) >> np.uint32(8)) * np.float32(2.0**-24)
