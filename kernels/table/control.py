"""The memory through which a run is told to end."""

from __future__ import annotations

import numpy as np

#: Places in the shared state of a run, in int64; each has a cache line of its own.
STOP, ARRIVED, GO, FAILED = 0, 8, 16, 24
STATE = 32
WORD = 8


class Control:
    """A request to end a run, from any thread, which steppers honour between two steps.

    It is memory, so that compiled code can read it; and where a run says that a row of it failed.
    """

    def __init__(self) -> None:
        # With room before and behind, so that its words share no cache line with another's.
        self._words = np.zeros(3 * STATE, np.int64)
        self._state = self._words[STATE : 2 * STATE]
        self.address = self._words.ctypes.data + STATE * WORD

    @property
    def requested(self) -> bool:
        return bool(self._state[STOP])

    def request(self) -> None:
        self._state[STOP] = 1

    def clear(self) -> None:
        self._state[:] = 0

    @property
    def failed_row(self) -> int | None:
        number = int(self._state[FAILED])
        return number - 1 if number else None

    def begin(self) -> None:
        """Forget what the last chunk of steps left, but not a request to end."""
        self._state[[ARRIVED, GO, FAILED]] = 0

    def release(self) -> None:
        """Let threads that wait for others to begin a step return."""
        self._state[GO] = 0
        self._state[ARRIVED] = 1 << 62
