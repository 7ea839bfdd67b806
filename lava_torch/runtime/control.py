"""How a run is asked to end, from any thread."""

from __future__ import annotations

import threading


class Control:
    """A request to pause or stop, which a stepper honours between two steps."""

    def __init__(self) -> None:
        self._requested = threading.Event()

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        self._requested.set()

    def clear(self) -> None:
        self._requested.clear()
