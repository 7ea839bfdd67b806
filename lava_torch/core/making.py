"""Which Processes were made within the constructor of another, as a checkpoint has to know."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess

Parts = list["weakref.ref[AbstractProcess]"]


class _Open(threading.local):
    """The constructors that this thread is in, the innermost last, by the Parts of each."""

    def __init__(self) -> None:
        self.parts: list[Parts] = []


_open = _Open()


@contextmanager
def noting_parts() -> Iterator[Parts]:
    """A list that takes in what `note_part` is told within this context, but not within an inner
    one."""
    parts: Parts = []
    _open.parts.append(parts)
    try:
        yield parts
    finally:
        _open.parts.pop()


def note_part(process: AbstractProcess) -> None:
    """Note that `process` was made, for the constructor that is being run, if any."""
    if _open.parts:
        _open.parts[-1].append(weakref.ref(process))
