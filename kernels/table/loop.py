"""The compiled loop over time steps and rows."""

from __future__ import annotations

import numpy as np
from numba import njit

from lava_torch.kernels.table.control import FAILED, STOP, WORD
from lava_torch.kernels.table.intrinsics import atomic_load, atomic_store, call_adapter
from lava_torch.kernels.table.share import OPTIONS

#: Columns of a table's rows: addresses of adapter, argument block and error slot (0: none), and the
#: period and offset of the steps that the row runs in.
ADAPTER, BLOCK, ERROR, PERIOD, OFFSET = range(5)
COLUMNS = 5


@njit("int64[::1](int64[:,::1], int64)", **OPTIONS)
def first_steps(rows, t):
    """The first step after t in which each row runs; then it does every max(period, 1) steps."""
    due = np.empty(rows.shape[0], np.int64)
    for q in range(rows.shape[0]):
        due[q] = t + 1 + (rows[q, OFFSET] - t - 1) % max(rows[q, PERIOD], 1)
    return due


@njit("void(int64[:,::1], int64, int64, int64)", **OPTIONS)
def run(rows, steps, state, clock):
    """Run up to `steps` steps on this thread; the clock says how far it came.

    `state` and `clock` are addresses. A row that fails ends the run: FAILED is then its number + 1
    and the clock stands at the step that was not finished.
    """
    due = first_steps(rows, atomic_load(clock))
    for _ in range(steps):
        if atomic_load(state + STOP * WORD) != 0:
            return
        t = atomic_load(clock) + 1
        atomic_store(clock, t)
        for q in range(rows.shape[0]):
            if t < due[q]:
                continue
            due[q] = t + max(rows[q, PERIOD], 1)
            call_adapter(rows[q, ADAPTER], rows[q, BLOCK], 0, 1)
            if rows[q, ERROR] != 0 and atomic_load(rows[q, ERROR]) != 0:
                atomic_store(state + FAILED * WORD, q + 1)
                return
