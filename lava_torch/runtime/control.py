"""How a run is asked to end: from any thread, or by Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lava_torch.kernels.table import Control

__all__ = ["Control", "interrupts_deferred"]


@contextmanager
def interrupts_deferred(control: Control | None) -> Iterator[None]:
    """On the main thread, let Ctrl-C ask for the end of the run, if `control` is given, and raise
    KeyboardInterrupt when this context ends; the second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.getsignal(signal.SIGINT)
    if not callable(old):  # ignored, or not Python's
        yield
        return
    seen: list[FrameType | None] = []

    def handle(number: int, frame: FrameType | None) -> None:
        seen.append(frame)
        if control is not None:
            control.request()
        if len(seen) > 1:
            old(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)
    if seen:
        old(signal.SIGINT, seen[0])
