"""Numpy models without phases, which run beside the steps of the others."""

from __future__ import annotations

import logging

from lava_torch.compiler.network import Network
from lava_torch.model.hosted.adapter import HostedModel
from lava_torch.model.hosted.tasks import Task, Wait
from lava_torch.runtime.control import Control, interrupts_deferred
from lava_torch.runtime.crew import DeadlockError

log = logging.getLogger("lava_torch")

#: How often models go on that were asked to end.
_TURNS = 1000


class FreeRunners:
    """The asynchronous models of a network: `run_async` of each is called once a run."""

    def __init__(self, models: list[HostedModel], network: Network) -> None:
        self._models, self._network = models, network
        self._tasks: dict[str, tuple[Task, Wait | None]] = {}
        self._on = False

    def begin(self, steps: int, control: Control) -> None:
        """Begin a run of so many steps, unless one is on."""
        if self._on or not self._models:
            return
        self._on, self._control, self._over = True, control, False
        for model in self._models:
            model.hosted.num_steps = steps
            model.hosted._req_pause = model.hosted._req_stop = False
            model.hosted._end_asked = self._end_asked
            self._tasks[model.binding.name] = (Task(model.hosted.run_async), None)

    def turn(self) -> bool:
        """Let each go on that can; whether one could. What one raises goes to the caller."""
        moved = False
        for name, (task, wait) in list(self._tasks.items()):
            if wait is None or wait.over():
                moved = True
                self._resume(name, task)
        return moved

    def run_alone(self, steps: int) -> int:
        """Run where there is nothing else, until all have returned; the number of steps: none if
        they were asked to end, as no one knows how far they were.

        Raises DeadlockError if all wait for each other.
        """
        self._run_out()
        if self._control.requested:
            return 0
        if self._tasks:
            raise DeadlockError(self._description())
        self._network.clock.time_step.add_(steps)
        return steps

    def abandon(self) -> None:
        """The run failed: end each where it waits."""
        self._on = False
        waiting, self._tasks = self._tasks, {}
        for task, _ in waiting.values():
            task.end()

    def end(self) -> None:
        """The steps are over: let each come to its end. Those that wait for messages, which no one
        will send any more, are ended where they wait; the next run begins them anew."""
        if not self._on:
            return
        try:
            with interrupts_deferred(self._control):
                self._run_out()
        finally:
            self.abandon()

    def _end_asked(self) -> bool:
        # Not within a step, in which others may wait for what these are yet to send.
        return self._over and self._control.requested

    def _run_out(self) -> None:
        """Let all come to their end. Those that are asked to, and do not look, go on for so many
        turns only."""
        self._over = True
        left = _TURNS
        while self._tasks and left and self.turn():
            left -= self._control.requested
        if not left:
            log.warning(
                "The asynchronous models of %s went on after the run was to end, and are ended "
                "where they wait: return when check_for_pause_cmd() or check_for_stop_cmd() is "
                "true.",
                list(self._tasks),
            )

    def _resume(self, name: str, task: Task) -> None:
        del self._tasks[name]
        try:
            wait = task.resume()
        except Exception:
            self._network._place[0] = (name, "asynchronous")
            raise
        if wait is not None:
            self._tasks[name] = (task, wait)

    def _description(self) -> str:
        waits = "; for ".join(wait.what for _, wait in self._tasks.values() if wait is not None)
        return f"the asynchronous Processes wait for each other: for {waits}"
