"""The same loop on several threads. POSIX only: it needs sched_yield."""

from __future__ import annotations

from numba import njit, types

from lava_torch.kernels.table.control import ARRIVED, FAILED, GO, STOP, WORD
from lava_torch.kernels.table.intrinsics import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_adapter,
    spin_pause,
)
from lava_torch.kernels.table.loop import ADAPTER, BLOCK, ERROR, OFFSET, PERIOD
from lava_torch.kernels.table.share import OPTIONS

#: How often a waiting thread looks before it lets others have the core.
SPINS = 2000

_yield_core = types.ExternalFunction("sched_yield", types.int32())


@njit("void(int64, int64)", **OPTIONS)
def barrier(state, target):
    """Wait until all threads together have arrived `target` times."""
    atomic_add(state + ARRIVED * WORD, 1)
    spins = 0
    while atomic_load(state + ARRIVED * WORD) < target:
        spins += 1
        if spins < SPINS:
            spin_pause()
        else:
            _yield_core()


@njit("void(int64[:,::1], int64, int64, int64, int64, int64)", **OPTIONS)
def run_together(rows, steps, state, clock, thread, threads):
    """`run` on several threads at once, each of which calls this with its number.

    All wait for each other before each row. Thread 0 decides whether a step is begun.
    """
    arrivals = 0
    for _ in range(steps):
        if thread == 0:
            stopped = atomic_load(state + STOP * WORD) != 0 or atomic_load(state + FAILED * WORD)
            if not stopped:
                atomic_store(clock, atomic_load(clock) + 1)
            atomic_store(state + GO * WORD, 0 if stopped else 1)
        arrivals += threads
        barrier(state, arrivals)
        if atomic_load(state + GO * WORD) == 0:
            return
        t = atomic_load(clock)
        for q in range(rows.shape[0]):
            # Not by `first_steps`: a thread that begins late would count from a later clock.
            period = rows[q, PERIOD]
            if period > 1 and t % period != rows[q, OFFSET]:
                continue
            if q > 0:
                arrivals += threads
                barrier(state, arrivals)
            call_adapter(rows[q, ADAPTER], rows[q, BLOCK], thread, threads)
            if thread == 0 and rows[q, ERROR] != 0:
                # Only thread 0 runs rows that can fail.
                if atomic_load(rows[q, ERROR]) != 0:
                    atomic_store(state + FAILED * WORD, q + 1)
        arrivals += threads
        barrier(state, arrivals)
