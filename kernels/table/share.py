"""How the threads of a run divide a range."""

from __future__ import annotations

from numba import njit

#: Shares begin at multiples of this, so that two threads seldom write to one cache line.
ALIGNED = 16


def _probe():
    return None


def _finds_a_folder() -> bool:
    """Whether numba can write what it compiles beside the package, or to the user's cache: it
    refuses the function otherwise."""
    try:
        njit(cache=True)(_probe)
    except RuntimeError:
        return False
    return True


#: Of every function that numba compiles here. Where nothing can be written it compiles anew in each
#: process; the adapters have a folder of their own.
OPTIONS = {"cache": _finds_a_folder(), "nogil": True, "error_model": "numpy"}


@njit(**OPTIONS)
def share(size, thread, threads):
    """The part [low, high) of range(size) that belongs to a thread."""
    if threads == 1:  # a division takes longer than some rows
        return 0, size
    part = ((size + threads - 1) // threads + ALIGNED - 1) // ALIGNED * ALIGNED
    low = min(part * thread, size)
    return low, min(low + part, size)
