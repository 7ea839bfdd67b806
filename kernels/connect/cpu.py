"""The numba bodies: a row after another, on one thread."""

from __future__ import annotations

import numpy as np
from numba import njit

from lava_torch.kernels.connect import BERNOULLI, GAPS, GUIDE_BITS
from lava_torch.kernels.random import STREAMS
from lava_torch.kernels.random.cpu import philox
from lava_torch.kernels.table.intrinsics import trailing_zeros
from lava_torch.kernels.table.share import OPTIONS

_STREAM = STREAMS["connectivity"]
_SHIFT = np.uint32(32 - GUIDE_BITS)
_ONE = np.uint64(1)


@njit(**OPTIONS)
def bernoulli(limits, guide, post, loops, k0, k1, indptr, indices):
    """Fill `indptr` and `indices` for rows 0.. of len(indptr) - 1; how many synapses there are.

    `loops` says whether a neuron may connect to itself. It returns -1 if `indices` is too short.
    """
    found = 0
    for row in range(indptr.shape[0] - 1):
        indptr[row] = found
        if found + post > indices.shape[0]:
            # Near the end of what there is, a row is counted before it is written.
            if (
                found + _row(limits, guide, post, loops, k0, k1, row, indices[:0])
                > (indices.shape[0])
            ):
                return -1
        found += _row(limits, guide, post, loops, k0, k1, row, indices[found:])
    indptr[indptr.shape[0] - 1] = found
    return found


@njit(**OPTIONS)
def _row(limits, guide, post, loops, k0, k1, row, indices):
    """Write the targets of one row, unless `indices` is empty; how many they are."""
    found, place, block = 0, 0, 0
    writes = indices.shape[0] > 0
    while True:
        for u in philox(block, row, BERNOULLI, _STREAM, k0, k1):
            gap = np.int64(guide[u >> _SHIFT])
            while gap < GAPS and np.uint64(u) >= limits[gap]:
                gap += 1
            place += gap
            if place >= post:
                return found
            if gap < GAPS:
                if loops or place != row:
                    if writes:
                        indices[found] = place
                    found += 1
                place += 1
        block += 1


@njit(**OPTIONS)
def sample(rows, first, population, loops, rule, k0, k1, bits):
    """rows[i] = different numbers of range(population), ascending, drawn for row first + i.

    `bits` is scratch, uint64 (population / 64 rounded up,).
    """
    for i in range(rows.shape[0]):
        sample_row(rows[i], first + i, population, loops, rule, k0, k1, bits)


@njit(**OPTIONS)
def sample_row(chosen, row, population, loops, rule, k0, k1, bits):
    k = chosen.shape[0]
    skipped = -1 if loops or row >= population else row
    available = np.uint64(population - (skipped >= 0))
    rare = min(k, np.int64(available) - k)
    bits[:] = np.uint64(0)
    drawn, block = 0, 0
    while drawn < rare:
        for u in philox(block, row, rule, _STREAM, k0, k1):
            place = (np.uint64(u) * available) >> np.uint64(32)
            mask = _ONE << (place & np.uint64(63))
            if drawn < rare and bits[place >> np.uint64(6)] & mask == 0:
                bits[place >> np.uint64(6)] |= mask
                drawn += 1
        block += 1
    found = 0
    for word in range(bits.shape[0]):
        left = bits[word] if rare == k else ~bits[word]
        while left != np.uint64(0):
            place = word * 64 + np.int64(trailing_zeros(left))
            left &= left - _ONE
            if place < np.int64(available):
                chosen[found] = place + (skipped >= 0 and place >= skipped)
                found += 1


@njit(**OPTIONS)
def count(columns, counts):
    """counts[pre] += how often `columns` names it."""
    for post in range(columns.shape[0]):
        for k in range(columns.shape[1]):
            counts[columns[post, k]] += 1


@njit(**OPTIONS)
def transpose(columns, indptr, indices):
    """Rows by presynaptic neuron from `columns`, which holds those of each postsynaptic one.

    `indptr` has been filled; each row gets its postsynaptic neurons in ascending order.
    """
    place = indptr[:-1].copy()
    for post in range(columns.shape[0]):
        for k in range(columns.shape[1]):
            pre = columns[post, k]
            indices[place[pre]] = post
            place[pre] += 1
