"""How the threads of a run divide a range."""

from __future__ import annotations

from numba import njit

#: Shares begin at multiples of this, so that two threads seldom write to one cache line.
ALIGNED = 16

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**OPTIONS)
def share(size, thread, threads):
    """The part [low, high) of range(size) that belongs to a thread."""
    part = ((size + threads - 1) // threads + ALIGNED - 1) // ALIGNED * ALIGNED
    low = min(part * thread, size)
    return low, min(low + part, size)
