"""Tasks that wait for each other on one thread.

Numpy models block where a message has not arrived yet. Each runs in a greenlet, so that another one
can go on meanwhile: switching takes less than a microsecond, and as one task runs at a time, it is
always known what all the others wait for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import greenlet

log = logging.getLogger("lava_torch")


#: How often a task is asked to end.
_ATTEMPTS = 100


@dataclass(frozen=True)
class Wait:
    """Why a task does not go on: until `over()` is true. `what` says it in words."""

    over: Callable[[], bool]
    what: str


class Ended(greenlet.GreenletExit):
    """Thrown into a task that waits for what will not come, to unwind it."""


class Task(greenlet.greenlet):
    """A greenlet that may wait. Whoever switches to it gets the Wait, or None when it is done."""

    def resume(self) -> Wait | None:
        self.parent = greenlet.getcurrent()
        return self.switch()

    def end(self) -> None:
        """Unwind it, from where it waits. What its model raises meanwhile is logged; one that waits
        again and again is left where it is."""
        self.parent = greenlet.getcurrent()
        for _ in range(_ATTEMPTS):
            try:
                self.throw(Ended)
            except (Exception, SystemExit):
                log.exception("A numpy model raised an exception while it was ended.")
            if self.dead:
                return
        log.error("A numpy model that was to end did not: it catches GreenletExit and waits again.")


def wait(over: Callable[[], bool], what: str) -> None:
    """Let other tasks run until `over()` is true.

    Raises RuntimeError outside of a phase of a run, where nothing else could make it true.
    """
    task = greenlet.getcurrent()
    if not isinstance(task, Task):
        raise RuntimeError(
            f"This waits for {what}, which cannot come now: a model can wait in the methods of its "
            "phases only, and not in a guard or outside of a run."
        )
    while not over():
        task.parent.switch(Wait(over, what))


def give_way() -> None:
    """Let other tasks run, once; nothing outside of a run."""
    task = greenlet.getcurrent()
    if isinstance(task, Task):
        task.parent.switch(Wait(lambda: True, "its turn"))
