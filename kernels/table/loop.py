"""The compiled loop over time steps and rows."""

from __future__ import annotations

from numba import njit

from lava_torch.kernels.table.control import FAILED, STOP, WORD
from lava_torch.kernels.table.intrinsics import atomic_load, atomic_store, call_adapter
from lava_torch.kernels.table.share import OPTIONS

#: Columns of a table's rows: addresses of adapter, argument block and error slot (0: none), and the
#: period and offset of the steps that the row runs in.
ADAPTER, BLOCK, ERROR, PERIOD, OFFSET = range(5)
COLUMNS = 5


@njit("void(int64[:,::1], int64, int64, int64)", **OPTIONS)
def run(rows, steps, state, clock):
    """Run up to `steps` steps on this thread; the clock says how far it came.

    `state` and `clock` are addresses. A row that fails ends the run: FAILED is then its number + 1
    and the clock stands at the step that was not finished.
    """
    for _ in range(steps):
        if atomic_load(state + STOP * WORD) != 0:
            return
        t = atomic_load(clock) + 1
        atomic_store(clock, t)
        for q in range(rows.shape[0]):
            period = rows[q, PERIOD]
            if period > 1 and t % period != rows[q, OFFSET]:
                continue
            call_adapter(rows[q, ADAPTER], rows[q, BLOCK], 0, 1)
            if rows[q, ERROR] != 0 and atomic_load(rows[q, ERROR]) != 0:
                atomic_store(state + FAILED * WORD, q + 1)
                return
