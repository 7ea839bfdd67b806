"""A table of rows, ready to run."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lava_torch.kernels.op import Row
from lava_torch.kernels.table import adapter, loop
from lava_torch.kernels.table.control import WORD, Control
from lava_torch.kernels.table.pace import Pace


class RowFailed(RuntimeError):
    """A row wrote to its error slot. `row` is its number in the table, `code` what it wrote."""

    def __init__(self, row: int, code: int) -> None:
        super().__init__(f"row {row} of the table failed with code {code}")
        self.row = row
        self.code = code


class Program:
    """Rows with their adapters and argument blocks.

    It holds on to the tensors that its addresses point to. `clock` is int64 of one element, the
    number of the last step; `threads` run it, or as many as prove fastest. Raises TypeError for
    tensors that no adapter can read.
    """

    def __init__(self, rows: Sequence[Row], clock: Tensor, threads: int | None = None) -> None:
        if clock.dtype != torch.int64 or clock.numel() != 1:
            raise TypeError(f"the clock is int64 of one element; got {clock.dtype} {clock.shape}.")
        self.rows = tuple(rows)
        self.clock = clock
        self._adapters = [adapter.make(row.op, row.args) for row in rows]
        blocks = [adapter.block(row.args) for row in rows]
        starts = np.cumsum([0, *map(len, blocks)])
        self._blocks = np.array([number for block in blocks for number in block] or [0], np.int64)
        self.table = np.zeros((len(rows), loop.COLUMNS), np.int64)
        for q, row in enumerate(self.rows):
            address = self._blocks.ctypes.data + int(starts[q]) * WORD
            slot = _error_slot(row)
            self.table[q] = (
                self._adapters[q].address,
                address,
                0 if slot is None else slot.data_ptr(),
                row.period,
                row.offset % max(row.period, 1),
            )
        self._pace = Pace(threads)
        self._fallible = bool(self.table[:, loop.ERROR].any())
        self._clock_address = clock.data_ptr()

    @property
    def fallible(self) -> bool:
        return self._fallible

    def run(self, steps: int, control: Control) -> int:
        """Run up to `steps` steps, fewer if an end is requested; return how many were finished.

        It comes back to Python after each chunk of about 30 ms. Raises RowFailed if a row failed;
        the clock then stands at the step that was not finished.
        """
        done = 0
        while done < steps and not control.requested:
            size, threads = self._pace.chunk()
            done += self._run_chunk(min(steps - done, size), control, threads)
            if control.failed_row is not None:
                self._raise(control)
        return done

    def step(self, control: Control) -> None:
        """Run one step on this thread, with less around it than `run`. Raises RowFailed."""
        loop.run(self.table, 1, control.address, self._clock_address)
        if self._fallible and control.failed_row is not None:
            self._raise(control)

    def _raise(self, control: Control) -> None:
        row = control.failed_row
        slot = _error_slot(self.rows[row])
        code = int(slot)
        slot.zero_()
        control.begin()
        raise RowFailed(row, code)

    def _run_chunk(self, steps: int, control: Control, threads: int) -> int:
        control.begin()
        before, start = int(self.clock), time.perf_counter()
        if threads == 1:
            loop.run(self.table, steps, control.address, self.clock.data_ptr())
        else:
            _run_together(threads, self.table, steps, control, self.clock.data_ptr())
        finished = int(self.clock) - before - (control.failed_row is not None)
        if finished:
            self._pace.ran(finished, threads, time.perf_counter() - start)
        return finished


def _error_slot(row: Row) -> Tensor | None:
    if "error" not in row.op.arguments:
        return None
    return row.args[row.op.arguments.index("error")]


def _run_together(
    threads: int, table: np.ndarray, steps: int, control: Control, clock: int
) -> None:
    from lava_torch.kernels.table import parallel

    ended = threading.Event()

    def run(thread: int) -> None:
        if not ended.is_set():
            parallel.run_together(table, steps, control.address, clock, thread, threads)

    others = [threading.Thread(target=run, args=(thread,)) for thread in range(1, threads)]
    started = []
    try:
        for other in others:
            other.start()
            started.append(other)
        run(0)
    except RuntimeError:  # the system gives no more threads: let the others go, and go on alone
        _release(control, started)
        control.begin()
        loop.run(table, steps, control.address, clock)
        return
    except BaseException:  # Ctrl-C: they would wait for this one for ever
        ended.set()  # one that was started may not have begun
        _release(control, others)
        raise
    for other in others:
        other.join()


def _release(control: Control, waiting: list[threading.Thread]) -> None:
    control.release()
    for other in waiting:
        if other.is_alive():
            other.join()
