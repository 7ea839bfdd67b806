"""The numba bodies of the trace operations.

Spikes are few, and one thread looks after them; the neurons' histories are divided among threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.extending import overload

from lava_torch.kernels.learning import (
    ADD,
    ADD_SATURATING,
    DECAY_BITS,
    OVERWRITE,
    REGULAR,
    ROUND_BITS,
    TRACE_MAX,
)
from lava_torch.kernels.learning.rule import RANGES
from lava_torch.kernels.random import STREAMS
from lava_torch.kernels.random.cpu import philox
from lava_torch.kernels.table.share import OPTIONS, share

_TRACES = STREAMS["traces"]
_DECAY, _ROUND = np.uint32(32 - DECAY_BITS), np.uint32(32 - ROUND_BITS)
_BITS, _FRACTION = np.int32(DECAY_BITS), np.int32((1 << DECAY_BITS) - 1)
_ODD = np.uint32(1)
_ZERO, _MAX = np.int32(0), np.int32(TRACE_MAX)
#: What counts of a trace that neurons send.
_LEAST, _MOST = (np.int32(limit) for limit in RANGES["y1"])


def flat(array):
    """All elements; of an array of one axis, itself."""
    return array.reshape(-1)


@overload(flat, inline="always")
def _flat(array):
    # To reshape an array takes numba longer than a spike.
    return (lambda array: array) if array.ndim == 1 else (lambda array: array.reshape(array.size))


@njit(**OPTIONS)
def item_word(item, t):
    """The third word of a counter: the item, and beside it what steps count above 2^32."""
    return item + ((t >> 32) << 20)


@njit(**OPTIONS)
def pre(spikes, count, x, t, tx, x0, x1, x2, impulses, mode, t_epoch, graded, thread, threads):
    if thread != 0:
        return
    times, flags, first, second = flat(tx), flat(x0), flat(x1), flat(x2)
    now = (t[0] - 1) % t_epoch + 1
    for q in range(count[0]):
        p = np.uint32(spikes[q])
        half = first.dtype.type(0.5)
        if graded is not None:
            half = first.dtype.type(x[p]) * half
        again = times[p] > 0
        if mode == REGULAR:
            if again:
                first[p] += impulses[0]
        elif mode == OVERWRITE:
            first[p] = half
        else:
            first[p] += half
        if again:
            second[p] += impulses[1]
        times[p] = now
        flags[p] = 1


@njit(**OPTIONS)
def _impulse(trace, impulse, r):
    """A trace with an impulse, whose fraction is rounded up where r is below it."""
    return min(max(trace + impulse[0] + (r < impulse[1]), 0), TRACE_MAX)


@njit(**OPTIONS, forceinline=True)
def _lowered(total, mode):
    """What is above the largest trace, without what overflows."""
    if total <= TRACE_MAX:
        return np.int32(total)
    return np.int32(total - TRACE_MAX if mode == ADD else TRACE_MAX)


@njit(**OPTIONS)
def pre_fixed(
    spikes, count, x, t, tx, x0, x1, x2, impulses, mode, t_epoch, graded, thread, threads
):
    if thread != 0:
        return
    times, flags, first, second = flat(tx), flat(x0), flat(x1), flat(x2)
    now = (t[0] - 1) % t_epoch + 1
    for q in range(count[0]):
        p = np.uint32(spikes[q])
        size = np.int64(1)
        if graded is not None:
            size = np.int64(x[p])
        half = size >> 1
        half = (half + (size & 1 & half)) & 255
        again = times[p] > 0
        counts = True
        if mode == REGULAR:
            if again:
                first[p] = _impulse(first[p], impulses[0], 0)
        elif mode == OVERWRITE:
            first[p] = half
        else:
            total = (first[p] + half) % 256
            counts = mode == ADD_SATURATING or total > TRACE_MAX
            # Below 0 until all are settled: it is not lowered again then.
            first[p] = ~_lowered(total, mode)
        if counts:
            if again:
                second[p] = _impulse(second[p], impulses[1], 0)
            times[p] = now
            flags[p] = 1
    if mode >= ADD_SATURATING:
        for p in range(first.size):
            first[p] = ~first[p] if first[p] < 0 else _lowered(first[p], mode)


@njit(**OPTIONS)
def post(spikes, count, t, ty, y0, y1, y2, y3, impulses, t_epoch, thread, threads):
    if thread != 0:
        return
    times, flags = flat(ty), flat(y0)
    first, second, third = flat(y1), flat(y2), flat(y3)
    now = (t[0] - 1) % t_epoch + 1
    for q in range(count[0]):
        p = np.uint32(spikes[q])
        if times[p] > 0:
            first[p] += impulses[0]
            second[p] += impulses[1]
            third[p] += impulses[2]
        times[p] = now
        flags[p] = 1


@njit(**OPTIONS)
def post_fixed(
    spikes, count, t, ty, y0, y1, y2, y3, impulses, t_epoch, key0, key1, thread, threads
):
    if thread != 0:
        return
    times, flags, size = flat(ty), flat(y0), ty.shape[1]
    first, second, third = flat(y1), flat(y2), flat(y3)
    now = (t[0] - 1) % t_epoch + 1
    for q in range(count[0]):
        p = np.uint32(spikes[q])
        if times[p] > 0:
            item = item_word(np.int64(p) // size, t[0])
            r = np.int64(philox(1, t[0], item, _TRACES, key0, key1)[2] >> _ROUND)
            first[p] = _impulse(first[p], impulses[0], r)
            second[p] = _impulse(second[p], impulses[1], r)
            third[p] = _impulse(third[p], impulses[2], r)
        times[p] = now
        flags[p] = 1


@njit(**OPTIONS)
def history(trace, times, table, parameters, t, t_epoch, received, thread, threads):
    low, high = share(trace.shape[1], thread, threads)
    decay, impulse = parameters[0], parameters[1]
    zero = impulse - impulse
    for b in range(trace.shape[0]):
        own, spiked, before = trace[b, low:high], times[b, low:high], table[b, 0, low:high]
        for i in range(own.shape[0]):
            before[i] = own[i]
        for k in range(1, table.shape[1]):
            after, step = table[b, k, low:high], np.int32(k)
            for i in range(after.shape[0]):
                after[i] = before[i] * decay + (impulse if spiked[i] == step else zero)
            before = after
        if received is None:
            for i in range(own.shape[0]):
                own[i] = before[i]


@njit(**OPTIONS, forceinline=True)
def _limited(value, low, high):
    """min and max would make 64 bits of int32, at half the speed."""
    value = value if value > low else low
    return value if value < high else high


@njit(**OPTIONS)
def history_fixed(
    trace, times, table, parameters, t, t_epoch, side, key0, key1, received, thread, threads
):
    low, high = share(trace.shape[1], thread, threads)
    decay, whole, fraction = np.int32(parameters[0]), parameters[1], parameters[2]
    for b in range(trace.shape[0]):
        words = philox(side, t[0], item_word(b, t[0]), _TRACES, key0, key1)
        q, r = np.int32(words[0] >> _DECAY), np.int64(words[1] >> _ROUND)
        added = np.int32(whole + (r < fraction))
        own, spiked, before = trace[b, low:high], times[b, low:high], table[b, 0, low:high]
        for i in range(own.shape[0]):
            before[i] = _limited(own[i], _LEAST, _MOST)
        for k in range(1, table.shape[1]):
            after, step = table[b, k, low:high], np.int32(k)
            for i in range(after.shape[0]):
                product = np.int32(before[i] * decay)
                h = np.int32(product >> _BITS)
                h = np.int32(h + np.int32(q < np.int32(product & _FRACTION)))
                more = _limited(np.int32(h + added), _ZERO, _MAX)
                after[i] = more if spiked[i] == step else h
            before = after
        if received is None:
            for i in range(own.shape[0]):
                own[i] = before[i]


@njit(**OPTIONS)
def random_word(k, t, item, stream, key0, key1):
    """Word k % 4 of an item's block k // 4 at step t."""
    return philox(k >> 2, t, item_word(item, t), stream, key0, key1)[k & 3]


@njit(**OPTIONS)
def draw(words, t, t_epoch, stream, key0, key1, thread, threads):
    low, high = share(words.shape[1], thread, threads)  # low is the beginning of a block
    first, blocks = low >> 2, (high - low + 3) >> 2
    planes = np.empty((4, (blocks + 7) // 8 * 8), np.int32)
    plane0, plane1, plane2, plane3 = planes
    for b in range(words.shape[0]):
        third = item_word(b, t[0])
        # Word by word first, and more blocks than there are: otherwise they are not vectorised.
        for q in range(planes.shape[1]):
            w0, w1, w2, w3 = philox(first + q, t[0], third, stream, key0, key1)
            plane0[q], plane1[q] = np.int32(w0 | _ODD), np.int32(w1 | _ODD)
            plane2[q], plane3[q] = np.int32(w2 | _ODD), np.int32(w3 | _ODD)
        own = words[b, low:high]
        whole = own.shape[0] >> 2
        for q in range(whole):
            own[4 * q], own[4 * q + 1] = plane0[q], plane1[q]
            own[4 * q + 2], own[4 * q + 3] = plane2[q], plane3[q]
        for k in range(whole << 2, own.shape[0]):
            own[k] = planes[k & 3, k >> 2]


@njit(**OPTIONS)
def forget(tx, x0, ty, y0, t, t_epoch, thread, threads):
    low, high = share(tx.shape[1], thread, threads)
    tx[:, low:high] = 0
    x0[:, low:high] = 0
    low, high = share(ty.shape[1], thread, threads)
    ty[:, low:high] = 0
    y0[:, low:high] = 0
