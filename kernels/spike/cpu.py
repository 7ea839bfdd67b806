"""The numba bodies. The threads of a run divide the postsynaptic neurons among them, so that each
sum is taken by one thread in one order, and the result does not depend on how many there are.

`graded` is None or 1: numba leaves out the branch of the other, and half the time to compile.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import overload

from lava_torch.kernels.table.intrinsics import (
    count_ones,
    nonzero_bits,
    prefetch,
    trailing_zeros,
)
from lava_torch.kernels.table.share import OPTIONS, share


def weight(values, k):
    """values[k] as a number; numba has no float16, whose bits are taken as uint16."""
    return values[k]


@overload(weight, inline="always")
def _weight(values, k):
    if values.dtype == types.uint16:
        return lambda values, k: _half(values[k])
    return lambda values, k: values[k]


@njit(**OPTIONS)
def _half(bits):
    """The float32 of a float16: its exponent counts from 15, that of float32 from 127."""
    wide = np.uint32(bits)
    sign, rest = (wide & np.uint32(0x8000)) << np.uint32(16), wide & np.uint32(0x7FFF)
    return np.uint32(sign | (rest << np.uint32(13))).view(np.float32) * np.float32(2.0**112)


#: Neurons that are looked at together. Where few spiked, as many places are written whatever
#: their number: how often a loop runs is what the processor guesses wrong. Where many did, it is
#: faster to go through all than through those.
WORD, FEW, MANY = 64, 8, 24


@njit(**OPTIONS)
def list_nonzero(x, listed):
    """listed[:count] = positions where x != 0, ascending; returns count.

    `listed` has room for all of x, and what is behind count may be overwritten.
    """
    size, found = x.shape[0], 0
    for start in range(0, size - WORD + 1, WORD):
        found = _list_word(nonzero_bits(x, start), x, start, start + WORD, listed, found)
    rest = size % WORD
    if size < WORD or rest == 0:
        return _list_each(x, size - rest, size, listed, found)
    bits = nonzero_bits(x, size - WORD) >> np.uint64(WORD - rest)
    return _list_word(bits, x, size - rest, size, listed, found)


@njit(**OPTIONS, forceinline=True)
def _list_word(bits, x, low, high, listed, found):
    """The same for x[low:high], behind those that were found before."""
    spiked = np.int64(count_ones(bits))
    if spiked > MANY:
        return _list_each(x, low, high, listed, found)
    few = spiked <= FEW and found + FEW <= listed.shape[0]
    for q in range(found, found + (FEW if few else spiked)):
        listed[q] = low + np.int64(trailing_zeros(bits))
        bits &= bits - np.uint64(1)
    return found + spiked


@njit(**OPTIONS)
def _list_each(x, low, high, listed, found):
    for i in range(low, high):
        listed[found] = i
        found += x[i] != 0
    return found


@njit(**OPTIONS)
def compact(x, spikes, count, thread, threads):
    if thread == 0:
        count[0] = list_nonzero(x, spikes)


@njit(**OPTIONS)
def _lower_bound(indices, begin, end, target):
    """The first place in the ascending indices[begin:end] that is not below `target`."""
    while begin < end:
        middle = (begin + end) >> 1
        if indices[middle] < target:
            begin = middle + 1
        else:
            end = middle
    return begin


#: Bytes of the weights that one block of presynaptic neurons has, to stay in the second cache.
_BLOCK_BYTES = 1 << 18


@njit(**OPTIONS)
def dense(spikes, count, x, weights, out, graded, thread, threads):
    low, high = share(weights.shape[1], thread, threads)
    total, batch = count[0], out.shape[0]
    m = x.size // max(batch, 1)
    shared = weights.shape[0] == m
    out[:, low:high] = 0
    rows = max(m, 1)
    if shared and batch > 1 and total * 16 > spikes.shape[0]:
        # Many spikes: the weights of some presynaptic neurons serve all items before others are
        # read.
        rows = max(4, _BLOCK_BYTES // max(1, weights.itemsize * (high - low)))
    for first in range(0, m, rows):
        last = min(first + rows, m)
        for b in range(batch):
            q, end = 0, np.int64(total)
            if batch > 1:
                q = _lower_bound(spikes, 0, end, b * m + first)
                end = _lower_bound(spikes, q, end, b * m + last)
            before = b * m if shared else 0
            _add_rows(spikes[q:end], before, x, weights, out[b], graded, low, high)


@njit(**OPTIONS)
def _add_rows(spikes, first, x, weights, sums, graded, low, high):
    """sums += the rows of these spikes, four at a time: the sums are read and written once for all
    of them."""
    sums = sums[low:high]
    fours = spikes.shape[0] >> 2
    for block in range(fours):
        q = block << 2
        p0, p1, p2, p3 = spikes[q], spikes[q + 1], spikes[q + 2], spikes[q + 3]
        w0 = weights[np.uint32(p0 - first), low:high]
        w1 = weights[np.uint32(p1 - first), low:high]
        w2 = weights[np.uint32(p2 - first), low:high]
        w3 = weights[np.uint32(p3 - first), low:high]
        if graded is None:
            for i in range(sums.shape[0]):
                sums[i] += (weight(w0, i) + weight(w1, i)) + (weight(w2, i) + weight(w3, i))
        else:
            x0, x1, x2, x3 = x[p0], x[p1], x[p2], x[p3]
            for i in range(sums.shape[0]):
                sums[i] += (weight(w0, i) * x0 + weight(w1, i) * x1) + (
                    weight(w2, i) * x2 + weight(w3, i) * x3
                )
    for q in range(fours << 2, spikes.shape[0]):
        row = weights[np.uint32(spikes[q] - first), low:high]
        if graded is None:
            for i in range(sums.shape[0]):
                sums[i] += weight(row, i)
        else:
            size = x[spikes[q]]
            for i in range(sums.shape[0]):
                sums[i] += weight(row, i) * size


@njit(**OPTIONS)
def sparse(spikes, count, x, indptr, indices, values, out, graded, thread, threads):
    m = indptr.shape[0] - 1
    low, high = share(out.shape[1], thread, threads)
    total = count[0]
    q = 0
    for b in range(out.shape[0]):
        sums = out[b]
        sums[low:high] = 0
        own = _own(values, indices, b)
        first, end = b * m, (b + 1) * m
        while q < total and spikes[q] < end:
            j = np.uint32(spikes[q] - first)
            # As in sparse_delay: a function of both, inlined or not, slows short rows by a tenth.
            start, stop = indptr[j], indptr[j + np.uint32(1)]
            following = stop
            if q + 1 < total:
                following = indptr[np.uint32((spikes[q + 1] - first) % m)]
            if threads > 1:
                start, stop = (
                    _lower_bound(indices, start, stop, low),
                    _lower_bound(indices, start, stop, high),
                )
            if graded is None:
                _add(indices, own, start, stop, following, sums)
            else:
                _add_graded(indices, own, x[spikes[q]], start, stop, following, sums)
            q += 1


@njit(**OPTIONS)
def _own(stored, indices, b):
    """What is stored for item b of the synapses at `indices`, which items may share."""
    size = indices.shape[0]
    return stored if stored.shape[0] == size else stored[b * size : (b + 1) * size]


@njit(**OPTIONS)
def _add(indices, values, start, stop, following, sums):
    """sums[indices] += values for one row, whose targets are all different: eight are read before
    any is written. The row that comes next is fetched meanwhile."""
    targets, weights = indices[start:stop], values[start:stop]
    blocks = targets.shape[0] >> 3
    for block in range(blocks):
        k = block << 3
        if (block & 3) == 0:
            prefetch(indices, following + k)
            prefetch(values, following + k)
            prefetch(values, following + k + 16)
        i0, i1, i2, i3 = targets[k], targets[k + 1], targets[k + 2], targets[k + 3]
        i4, i5, i6, i7 = targets[k + 4], targets[k + 5], targets[k + 6], targets[k + 7]
        s0, s1 = sums[i0] + weight(weights, k), sums[i1] + weight(weights, k + 1)
        s2, s3 = sums[i2] + weight(weights, k + 2), sums[i3] + weight(weights, k + 3)
        s4, s5 = sums[i4] + weight(weights, k + 4), sums[i5] + weight(weights, k + 5)
        s6, s7 = sums[i6] + weight(weights, k + 6), sums[i7] + weight(weights, k + 7)
        sums[i0], sums[i1], sums[i2], sums[i3] = s0, s1, s2, s3
        sums[i4], sums[i5], sums[i6], sums[i7] = s4, s5, s6, s7
    for k in range(blocks << 3, targets.shape[0]):
        sums[targets[k]] += weight(weights, k)


@njit(**OPTIONS)
def _add_graded(indices, values, size, start, stop, following, sums):
    targets, weights = indices[start:stop], values[start:stop]
    for k in range(targets.shape[0]):
        if (k & 31) == 0:
            prefetch(indices, following + k)
            prefetch(values, following + k)
            prefetch(values, following + k + 16)
        sums[targets[k]] += weight(weights, k) * size


@njit(**OPTIONS)
def dense_delay(spikes, count, x, weights, delays, ring, t, graded, thread, threads):
    m = x.size // max(ring.shape[0], 1)
    shared = weights.shape[0] == m
    slots = ring.shape[1]
    low, high = share(weights.shape[1], thread, threads)
    base = (t[0] + 1) % slots
    total = count[0]
    q = 0
    for b in range(ring.shape[0]):
        sums = ring[b]
        sums[t[0] % slots, low:high] = 0
        first, end = b * m, (b + 1) * m
        while q < total and spikes[q] < end:
            j = np.uint32(spikes[q] - first if shared else spikes[q])
            row, late = weights[j], delays[j]
            for i in range(low, high):
                slot = base + late[i]
                slot = slot - slots if slot >= slots else slot
                if graded is None:
                    sums[slot, i] += weight(row, i)
                else:
                    sums[slot, i] += weight(row, i) * x[spikes[q]]
            q += 1


@njit(**OPTIONS)
def sparse_delay(
    spikes, count, x, indptr, indices, values, delays, ring, t, graded, thread, threads
):
    m = indptr.shape[0] - 1
    slots = ring.shape[1]
    low, high = share(ring.shape[2], thread, threads)
    base = (t[0] + 1) % slots
    total = count[0]
    q = 0
    for b in range(ring.shape[0]):
        sums = ring[b]
        sums[t[0] % slots, low:high] = 0
        own, own_delays = _own(values, indices, b), _own(delays, indices, b)
        first, end = b * m, (b + 1) * m
        while q < total and spikes[q] < end:
            j = np.uint32(spikes[q] - first)
            start, stop = indptr[j], indptr[j + np.uint32(1)]
            following = stop
            if q + 1 < total:
                following = indptr[np.uint32((spikes[q + 1] - first) % m)]
            if threads > 1:
                start, stop = (
                    _lower_bound(indices, start, stop, low),
                    _lower_bound(indices, start, stop, high),
                )
            targets, row, late = indices[start:stop], own[start:stop], own_delays[start:stop]
            for k in range(targets.shape[0]):
                if (k & 31) == 0:
                    prefetch(indices, following + k)
                    prefetch(own, following + k)
                    prefetch(own, following + k + 16)
                    prefetch(own_delays, following + k)
                slot = base + late[k]
                slot = slot - slots if slot >= slots else slot
                if graded is None:
                    sums[np.uint64(slot), targets[k]] += weight(row, k)
                else:
                    sums[np.uint64(slot), targets[k]] += weight(row, k) * x[spikes[q]]
            q += 1


@njit(**OPTIONS)
def ring_send(ring, t, out, thread, threads):
    low, high = share(out.shape[1], thread, threads)
    slot = t[0] % ring.shape[1]
    for b in range(out.shape[0]):
        out[b, low:high] = ring[b, slot, low:high]


@njit(**OPTIONS)
def ring_load(columns, ring, t, thread, threads):
    slots = ring.shape[1]
    low, high = share(ring.shape[2], thread, threads)
    for b in range(ring.shape[0]):
        for k in range(slots):
            slot = (t[0] + 1 + k) % slots
            for i in range(low, high):
                ring[b, slot, i] = columns[b, i, k]


@njit(**OPTIONS)
def ring_store(ring, columns, t, thread, threads):
    slots = ring.shape[1]
    low, high = share(ring.shape[2], thread, threads)
    for b in range(ring.shape[0]):
        for k in range(slots):
            slot = (t[0] + 1 + k) % slots
            for i in range(low, high):
                columns[b, i, k] = ring[b, slot, i]


@njit(**OPTIONS)
def ring_flush(scratch, ring, t, exponent, thread, threads):
    slots = ring.shape[1]
    low, high = share(ring.shape[2], thread, threads)
    left, right = np.int32(max(exponent, 0)), np.int32(max(-exponent, 0))
    for b in range(ring.shape[0]):
        ring[b, t[0] % slots, low:high] = 0
        for slot in range(slots):
            sums, target = scratch[b, slot, low:high], ring[b, slot, low:high]
            for i in range(sums.shape[0]):
                target[i] += np.int32(np.int32(sums[i] << left) >> right)
                sums[i] = 0


@njit(**OPTIONS)
def conv(
    spikes, count, x, weights, out,
    size_x, size_y, channels, padding_x, padding_y, stride_x, stride_y, dilation_x, dilation_y,
    groups, graded, thread, threads,
):  # fmt: skip
    kernel_x, kernel_y, inputs, outputs = weights.shape
    per_group = outputs // groups
    # The threads divide the rows of the output.
    low, high = out.shape[1] * thread // threads, out.shape[1] * (thread + 1) // threads
    out[:, low:high] = 0
    item = size_x * size_y * channels
    for q in range(count[0]):
        b, place = divmod(spikes[q], item)
        column, channel = divmod(place, channels)
        at_x, at_y = divmod(column, size_y)
        group, channel = divmod(channel, inputs)
        begin, end = group * per_group, (group + 1) * per_group
        for k in range(kernel_x):
            # Where input position o * stride - padding + (K - 1 - k) * dilation is this one.
            shifted_x = at_x + padding_x - (kernel_x - 1 - k) * dilation_x
            to_x = shifted_x // stride_x
            if shifted_x % stride_x != 0 or to_x < low or to_x >= high:
                continue
            for h in range(kernel_y):
                shifted_y = at_y + padding_y - (kernel_y - 1 - h) * dilation_y
                to_y = shifted_y // stride_y
                if shifted_y % stride_y != 0 or to_y < 0 or to_y >= out.shape[2]:
                    continue
                sums, row = out[b, to_x, to_y, begin:end], weights[k, h, channel, begin:end]
                if graded is None:
                    for i in range(sums.shape[0]):
                        sums[i] += weight(row, i)
                else:
                    size = x[spikes[q]]
                    for i in range(sums.shape[0]):
                        sums[i] += weight(row, i) * size


@njit(**OPTIONS)
def first_fall(indptr, indices):
    """The first position whose index is not above the one before it in its row; -1: none."""
    for j in range(indptr.shape[0] - 1):
        row = indices[indptr[j] : indptr[j + 1]]
        falls = False
        for k in range(1, row.shape[0]):  # no way out inside, so that it is vectorised
            falls |= row[k] <= row[k - 1]
        if falls:
            for k in range(1, row.shape[0]):
                if row[k] <= row[k - 1]:
                    return indptr[j] + k
    return -1
