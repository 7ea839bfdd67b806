"""Where the time of a step goes, row by row."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from lava_torch.kernels.op import Row
from lava_torch.kernels.table.intrinsics import atomic_load, atomic_store, call_adapter
from lava_torch.kernels.table.loop import ADAPTER, BLOCK, PERIOD, first_steps
from lava_torch.kernels.table.program import Program
from lava_torch.kernels.table.share import OPTIONS


@intrinsic
def cycles(typing):
    """The processor's counter of time."""

    def emit(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(64), [])
        return builder.call(builder.module.declare_intrinsic("llvm.readcyclecounter", (), kind), [])

    return types.int64(), emit


@njit("void(int64[:,::1], int64, int64, int64[::1])", **OPTIONS)
def _run(rows, steps, clock, taken):
    due = first_steps(rows, atomic_load(clock))
    for _ in range(steps):
        t = atomic_load(clock) + 1
        atomic_store(clock, t)
        before = cycles()
        for q in range(rows.shape[0]):
            if t == due[q]:
                due[q] = t + max(rows[q, PERIOD], 1)
                call_adapter(rows[q, ADAPTER], rows[q, BLOCK], 0, 1)
            after = cycles()
            taken[q] += after - before
            before = after


def profile(rows: Sequence[Row], clock: Tensor, steps: int) -> list[float]:
    """Run `steps` steps on one thread; the seconds a step that each row took.

    Reading the counter takes about 10 ns a row, which is in it.
    """
    program = Program(rows, clock, threads=1)  # which holds the memory that its table points to
    taken = np.zeros(len(rows), np.int64)
    start = time.perf_counter()
    _run(program.table, steps, clock.data_ptr(), taken)
    seconds = time.perf_counter() - start
    return [seconds / steps * share for share in taken / max(taken.sum(), 1)]
