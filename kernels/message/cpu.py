"""The numba bodies. Slices come first, and loops over their length: LLVM vectorises those.

The threads of a run divide the elements of what is written.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lava_torch.kernels.table.share import OPTIONS, share


@njit(**OPTIONS)
def copy(x, out, thread, threads):
    low, high = share(out.shape[0], thread, threads)
    x, out = x[low:high], out[low:high]
    for i in range(out.shape[0]):
        out[i] = x[i]


@njit(**OPTIONS)
def accumulate(x, out, thread, threads):
    low, high = share(out.shape[0], thread, threads)
    x, out = x[low:high], out[low:high]
    for i in range(out.shape[0]):
        out[i] += out.dtype.type(x[i])


@njit(**OPTIONS)
def fill_zero(out, thread, threads):
    low, high = share(out.shape[0], thread, threads)
    out[low:high] = 0


@njit(**OPTIONS)
def gather(x, index, out, thread, threads):
    low, high = share(index.shape[0], thread, threads)
    index = index[low:high]
    for b in range(out.shape[0]):
        row, source = out[b, low:high], x[b]
        for i in range(index.shape[0]):
            row[i] = source[index[i]] if index[i] >= 0 else 0


@njit(**OPTIONS)
def source_row(data, t, out, thread, threads):
    low, high = share(out.shape[1], thread, threads)
    rows = data[(t[0] - 1) % data.shape[0]]
    for b in range(out.shape[0]):
        row, target = rows[b if rows.shape[0] > 1 else 0, low:high], out[b, low:high]
        for i in range(target.shape[0]):
            target[i] = row[i]


@njit(**OPTIONS)
def record(x, record, t, thread, threads):
    low, high = share(x.shape[0], thread, threads)
    row, x = record[(t[0] - 1) % record.shape[0], low:high], x[low:high]
    for i in range(x.shape[0]):
        row[i] = x[i]


@njit(**OPTIONS)
def probe(x, index, ring, steps, t, every, thread, threads):
    slot = t[0] // every % (ring.shape[0] - 1)
    low, high = share(index.shape[0], thread, threads)
    row, index = ring[slot, low:high], index[low:high]
    for i in range(index.shape[0]):
        row[i] = x[index[i]]
    if thread == 0:
        steps[slot] = t[0]


@njit(**OPTIONS)
def probe_mean(x, ring, steps, t, every, thread, threads):
    if thread != 0:
        return
    slot = t[0] // every % (ring.shape[0] - 1)
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i]
    ring[slot, 0] = total / x.shape[0] if x.shape[0] else np.nan
    steps[slot] = t[0]


@njit(**OPTIONS)
def shift(x, exponent, thread, threads):
    low, high = share(x.shape[0], thread, threads)
    x = x[low:high]
    if exponent >= 0:
        left = np.int32(exponent)
        for i in range(x.shape[0]):
            x[i] = np.int32(x[i] << left)
    else:
        right = np.int32(-exponent)
        for i in range(x.shape[0]):
            x[i] = np.int32(x[i] >> right)


@njit(**OPTIONS)
def wrap24(x, thread, threads):
    low, high = share(x.shape[0], thread, threads)
    x = x[low:high]
    for i in range(x.shape[0]):
        x[i] = np.int32(np.int32(x[i] << np.int32(8)) >> np.int32(8))
