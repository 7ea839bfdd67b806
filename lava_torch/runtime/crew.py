"""Calls that may wait for each other within a phase, on one thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NoReturn, Protocol

import greenlet

from lava_torch.model.hosted.tasks import Task, Wait


class DeadlockError(RuntimeError):
    """Processes wait for what none of them will send."""


#: The Process and the phase of a call.
Place = tuple[str, str]


class SeveralFailed(ExceptionGroup):
    """More than one call raised: what each did, and where, in this order."""

    failures: list[tuple[Place | None, Exception]]

    def __new__(cls, failures: list[tuple[Place | None, Exception]]) -> SeveralFailed:
        self = super().__new__(cls, "models raised", [error for _, error in failures])
        self.failures = failures
        return self


class Call(Protocol):
    """Something to be done once in a phase."""

    #: Whether it can begin; None if it always can.
    ready: Callable[[], bool] | None
    #: Do it; it may wait (see `lava_torch.model.hosted.tasks`).
    run: Callable[[], None]

    def failed(self) -> Place | None:
        """It raised: remember whose it was, and say it."""

    def waits_for(self) -> str:
        """What it needs to begin, in words."""


class Crew:
    """Runs calls in tasks. One task does them one after another; where it has to wait, another one
    goes on with the rest. It belongs to the thread that uses it.

    Where one raises, those that need nothing of it are still done, as they would have been had they
    come first.

    `others` gives a turn to what runs beside the calls, and says whether that came to anything.
    """

    def __init__(self, others: Callable[[], bool]) -> None:
        self._others = others
        self._idle: list[Task] = []
        self._queue: deque[Call] = deque()
        self._blocked: list[Call] = []
        self._done: list[Call] = []
        self._waiting: list[tuple[Task, Wait]] = []
        self._failures: list[tuple[Place | None, Exception]] = []
        self._abandoning = False
        self.switched = False

    def run(self, calls: Iterable[Call]) -> list[Call]:
        """Do all calls; return them in the order in which they were finished, in which they would
        have had to wait for each other less.

        Raises DeadlockError if none of those that are left can go on, and what a call raises;
        SeveralFailed if more than one does.
        """
        self._queue.extend(calls)
        self._done, self.switched = [], False
        self._failures.clear()
        try:
            while self._queue or self._waiting or self._blocked:
                if not (self._start() or self._resume() or self._go_beside()):
                    raise DeadlockError(self._description())
            if self._failures:
                self._raise()
        except BaseException:
            self._abandon()
            raise
        return self._done

    def close(self) -> None:
        """Let go of the tasks."""
        while self._idle:
            self._idle.pop().end()

    def _go_beside(self) -> bool:
        if self._failures:
            # What is left waits for those that failed.
            self._raise()
        return self._others()

    def _raise(self) -> NoReturn:
        failures = list(self._failures)
        if len(failures) > 1:
            raise SeveralFailed(failures)
        raise failures[0][1]

    def _start(self) -> bool:
        """Begin with what is in the queue, in a task that does not wait."""
        if not self._queue:
            return False
        self._continue(self._idle.pop() if self._idle else Task(self._work))
        return True

    def _resume(self) -> bool:
        """Go on with a task that waited, or a call that could not begin."""
        ready = [call for call in self._blocked if call.ready()]
        if ready:
            self._blocked = [call for call in self._blocked if call not in ready]
            self._queue.extend(ready)
            return True
        for place, (task, wait) in enumerate(self._waiting):
            if wait.over():
                del self._waiting[place]
                self._continue(task)
                return True
        return False

    def _continue(self, task: Task) -> None:
        wait = task.resume()
        if wait is None:
            self._idle.append(task)
        else:
            self.switched = True
            self._waiting.append((task, wait))

    def _work(self) -> None:
        me = greenlet.getcurrent()
        queue = self._queue
        while True:
            while queue:
                call = queue.popleft()
                if call.ready is not None and not call.ready():
                    self.switched = True
                    self._blocked.append(call)
                    continue
                try:
                    call.run()
                except Exception as error:
                    if self._abandoning:
                        raise
                    self._failures.append((call.failed(), error))
                    continue
                self._done.append(call)
            me.parent.switch(None)

    def _abandon(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._queue.clear()
        self._blocked.clear()
        self._abandoning = True
        try:
            for task, _ in waiting:
                task.end()
        finally:
            self._abandoning = False

    def _description(self) -> str:
        what = [wait.what for _, wait in self._waiting]
        what += [call.waits_for() for call in self._blocked]
        return (
            f"the Processes wait for each other, and none can go on; they wait for "
            f"{'; for '.join(what)}. Each connection needs one message for each time that its "
            "receiver takes one"
        )
