"""How fast memory is copied, which no step can beat by much."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numba import njit

from lava_torch.bench.report import Floor
from lava_torch.kernels.table.share import OPTIONS

#: Limits of the memory that a copy goes over, in bytes. A GPU's second cache must not hold it.
SMALLEST, LARGEST, SMALLEST_ON_GPU = 1 << 13, 1 << 28, 1 << 28
#: How long the copies of one measurement take at least, in seconds; how often it is measured.
DURATION, REPEATS = 0.01, 3


def floor(moved: float, size: float, device: str, units_a_second: float) -> Floor:
    """What moving `moved` bytes takes in work that goes over `size` bytes of memory."""
    bandwidth = copy_bandwidth(device, size)
    return Floor(moved / bandwidth * units_a_second, moved, bandwidth)


def copy_bandwidth(device: str, size: float) -> float:
    """Bytes read and written a second, copying one half of about `size` bytes to the other.

    On a CPU by one thread, so that the caches count in which that much has room; on a GPU from
    memory.
    """
    low = SMALLEST_ON_GPU if torch.device(device).type == "cuda" else SMALLEST
    return _measured(device, 1 << (int(min(max(size, low), LARGEST)) - 1).bit_length())


@cache
def _measured(device: str, size: int) -> float:
    """The best of some measurements, each of as many copies as take long enough."""
    copies = _gpu_copies(device, size) if torch.device(device).type == "cuda" else _cpu_copies(size)
    copies(2)
    times = 2
    while copies(times) < DURATION:
        times *= 2
    return size * times / min(copies(times) for _ in range(REPEATS))


def _cpu_copies(size: int) -> Callable[[int], float]:
    """A function that copies as often as it is told, and gives the seconds."""
    source, target = np.ones((2, size // 16), np.int64)

    def copies(times: int) -> float:
        start = time.perf_counter()
        _copy(source, target, times)
        return time.perf_counter() - start

    return copies


@njit(**OPTIONS)
def _copy(source, target, times):
    for number in range(times):
        source[0] = number  # or one copy would do for all
        for i in range(source.shape[0]):
            target[i] = source[i]


def _gpu_copies(device: str, size: int) -> Callable[[int], float]:
    source, target = torch.ones(2, size // 8, dtype=torch.float32, device=device)

    def copies(times: int) -> float:
        with torch.cuda.device(device):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(times):
                target.copy_(source)
            end.record()
            end.synchronize()
        return start.elapsed_time(end) / 1e3

    return copies
