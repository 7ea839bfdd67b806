"""How long chunks of steps are, and on how many threads they run."""

from __future__ import annotations

import os
import sys

import torch

#: What a chunk of steps should take: between two chunks Python handles signals.
CHUNK_SECONDS = 0.03
#: Steps shorter than this lose more to the barriers between threads than they gain.
WORTH_SHARING = 50e-6
#: More threads must be faster by this factor to be taken.
GAIN = 0.9
#: Chunks that each number of threads is tried for, and after which the choice is made again.
TRIES, LASTING = 2, 100


class Pace:
    """Learns from what it is told of each chunk.

    One thread is the rule. Where a step takes long, 2, 4, ... threads (no more than torch may use)
    are tried as long as they gain; the steps that this takes count like others, as results do not
    depend on the number of threads. With `fixed`, nothing is tried.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._limit = thread_limit() if fixed is None else fixed
        self._fixed = fixed is not None
        self._seconds: dict[int, float] = {}
        self._best = fixed or 1
        self._trying: int | None = None
        self._tries = 0
        self._chunks = 0

    def chunk(self) -> tuple[int, int]:
        """How many steps to run next, and on how many threads."""
        threads = self._trying or self._best
        seconds = self._seconds.get(threads) or self._seconds.get(self._best)
        return (max(1, int(CHUNK_SECONDS / seconds)) if seconds else 1), threads

    def ran(self, steps: int, threads: int, seconds: float) -> None:
        """A chunk of `steps` finished steps took this long."""
        each = max(seconds / steps, 1e-9)
        if self._trying is None or self._tries == 0:
            self._seconds[threads] = each
        else:
            self._seconds[threads] = min(each, self._seconds[threads])
        self._chunks += 1
        if self._trying is not None:
            self._tries += 1
            if self._tries >= TRIES:
                self._judge(self._trying)
        elif self._chunks % LASTING == 2 and not self._fixed:
            # Not after the first chunk, which is one step, and a slow one.
            self._try(2 if self._best == 1 else 1)

    def _try(self, threads: int) -> None:
        share = self._seconds[self._best] > WORTH_SHARING
        self._trying = threads if threads <= self._limit and share else None
        self._tries = 0

    def _judge(self, threads: int) -> None:
        faster = self._seconds[threads] < GAIN * self._seconds[self._best]
        self._trying = None
        if faster:
            self._best = threads
            if threads > 1:
                self._try(2 * threads)


def thread_limit() -> int:
    """Threads that a run may use: torch's number, where the system lets threads yield."""
    return 1 if sys.platform == "win32" else min(torch.get_num_threads(), usable_cores())


def usable_cores() -> int:
    """Logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
