"""Runs a network: start, pause, wait, stop, and access to the Vars in between."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from lava_torch.compiler.network import Network
from lava_torch.core.checkpoints import Rhythm
from lava_torch.core.message_interface_enum import ActorType
from lava_torch.core.port_base import connections_made
from lava_torch.core.run_conditions import AbstractRunCondition, RunSteps
from lava_torch.core.variable import Var
from lava_torch.model.errors import VarIndexError
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.runtime.control import Control, interrupts_deferred
from lava_torch.runtime.crew import SeveralFailed
from lava_torch.runtime.executable import Executable, network_and_stepper
from lava_torch.runtime.lava_names import LavaNames
from lava_torch.runtime.steppers import make_stepper

log = logging.getLogger("lava_torch")

#: How often a thread that waits looks for signals: Ctrl-C that comes just before it begins to wait
#: would not wake it.
LOOK_SECONDS = 0.2


class Runtime(LavaNames):
    """Runs one compiled network.

    A blocking run steps on the caller's thread, any other on a thread of its own, which ends with
    the run. An exception in a model ends the run: the caller of `run`, `wait` or `pause` gets a
    RuntimeError that names the Process and the phase, chained from the original exception. The
    state is then that of the last finished step, and the network can be run again or stopped.

    Parameters
    ----------
    exe : what `compile` of a Process returned, or a Network.
    message_infrastructure_type, loglevel : Lava's; accepted, without effect.
    stepper : a name of `STEPPERS`, instead of that of the run config.

    Attributes
    ----------
    network : the Network that is run; another one after its Processes were connected to more.
    connections : `connections_made()` when the network was last compared with the Processes.
    is_stopped : whether `stop()` was called.
    """

    def __init__(
        self,
        exe: Executable | Network,
        message_infrastructure_type: ActorType | None = None,
        loglevel: int = logging.WARNING,
        *,
        stepper: str | None = None,
    ) -> None:
        network, chosen = network_and_stepper(exe)
        self._stepper_name = stepper or chosen
        self.connections = connections_made()
        self.adopt(network)
        self.is_stopped = False
        self._control = Control()
        self._gate = threading.Condition()  # held to begin or end a run, by any thread
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._aside_over = threading.Event()  # whether what the thread is for is done
        self._runner: int | None = None  # the thread that a blocking run is on
        self._failure: BaseException | None = None

    def adopt(self, network: Network) -> None:
        """Run this network from now on; CompileError if the stepper cannot."""
        self.stepper = make_stepper(network, self._stepper_name)
        self.network = network

    @property
    def is_running(self) -> bool:
        """Whether a run is on; a run that does not block is on until `wait()` or `pause()`."""
        return self._thread is not None or self._runner is not None

    @property
    def time_step(self) -> int:
        """The number of steps that are done."""
        return int(self.network.clock.time_step)

    def start(self, run_condition: AbstractRunCondition, rhythm: Rhythm | None = None) -> None:
        """Run; return when the steps are done, or at once if the condition does not block.
        `rhythm` writes checkpoints on the way.

        Raises RuntimeError if a run is on already, the runtime is stopped, or a model raises.
        """
        steps = run_condition.num_steps if isinstance(run_condition, RunSteps) else None
        claimed = False
        try:
            with self._gate:
                self._begin(steps, rhythm)
                if not run_condition.blocking:
                    # Under the caller's settings, such as `numpy.errstate`, as a run that blocks.
                    run, args = copy_context().run, (self._run_aside, steps, rhythm)
                    thread = threading.Thread(target=run, args=args, daemon=True)
                    self._aside_over.clear()
                    # Ctrl-C in between would leave a run that nobody knows of.
                    with interrupts_deferred(None):
                        thread.start()
                        self._thread = thread
                    return
                claimed = True
                self._runner = threading.get_ident()
            self._run(steps, rhythm)
        finally:
            if claimed:
                with self._gate:
                    self._runner = None
                    self._gate.notify_all()

    def wait(self) -> None:
        """Return when no run is on any more; RuntimeError if a model raised in a run aside."""
        self._join()

    def pause(self) -> None:
        """End the run after its current step; `start` goes on from there.

        A blocking run of another thread ends too: its caller and this one return.
        """
        self._control.request()
        self._join()

    def stop(self) -> None:
        """End the run and release the network; nothing happens the second time."""
        with self._gate:
            self._stopping = True  # nothing can begin any more
            self._control.request()
        self._await_run()
        with self._gate:
            if self.is_stopped:
                return
            self.is_stopped = True
        for model in self.network.models.values():
            model.close()

    def reset(self) -> None:
        """Back to time step 0 and the initial values of all state; parameters and inputs stay.

        Raises RuntimeError while a run is on.
        """
        if self.is_running:
            raise RuntimeError("Cannot reset while a run is on: wait() for it or pause() it first.")
        self.network.reset()

    def get(self, var: Var, idx: Any = None) -> Any:
        """A Var's value, or the part at `idx`: float64, str or CSR; None while a run is on."""
        if self.is_running:
            return None
        model = self._model_of(var)
        value = var.init if model is None else model.get_var(var.name)
        if idx is None:
            return value
        try:
            return value[idx]
        except IndexError as error:
            raise VarIndexError(
                f"Cannot read Var '{var.label}' of shape {var.shape} at index {idx!r}: {error}."
            ) from None

    def set(self, var: Var, value: Any, idx: Any = None) -> None:
        """Write a Var, or the part at `idx`, before the next step; ignored while a run is on.

        Raises ValueError if the value does not fit; nothing is written then.
        """
        model = self._model_of(var)
        if self.is_running:
            log.error("Var '%s' was not set: a run is on. Call wait() or pause() first.", var.label)
            return
        if model is None:
            raise ValueError(
                f"Var '{var.label}' is held by no model: alias it to one of a sub-process."
            )
        model.set_var(var.name, value, idx)

    # -- inner ------------------------------------------------------------------------------------

    def _model_of(self, var: Var) -> TorchProcessModel | None:
        name = self.network.graph.node_of.get(var.process)
        return None if name is None else self.network.models[name]

    def _begin(self, steps: int | None, rhythm: Rhythm | None) -> None:
        if self._stopping:
            raise RuntimeError("The network was stopped; run() compiles it afresh.")
        if self.is_running:
            raise RuntimeError("A run is on already: wait() for it or pause() it first.")
        if rhythm is not None:
            rhythm.begin(self.network)
        self._control.clear()
        if steps is not None:
            self._announce(steps)
        self.network.prepare()

    def _announce(self, steps: int) -> None:
        """Tell the models how many steps come next; one that cannot take them raises."""
        first = self.time_step + 1
        for model in self.network.models.values():
            model.begin_run(first, first + steps - 1)

    def _run_aside(self, steps: int | None, rhythm: Rhythm | None) -> None:
        try:
            self._run(steps, rhythm)
        except BaseException as failure:  # a model may even call sys.exit()
            self._failure = failure
        finally:
            self._aside_over.set()

    def _run(self, steps: int | None, rhythm: Rhythm | None) -> None:
        limits = [m.chunk_limit for m in self.network.models.values() if m.chunk_limit]
        chunk = min([self.stepper.chunk, *limits])
        left = steps
        self.stepper.begin_run(steps)
        try:
            while (left is None or left > 0) and not self._control.requested:
                most = chunk if rhythm is None else min(chunk, self._until_next(rhythm))
                wanted = self._begin_chunk(most) if left is None else min(most, left)
                done = self._advance_and_drain(wanted)
                left = None if left is None else left - done
                if rhythm is not None and done and self._until_next(rhythm) == rhythm.every:
                    self._finish(self.stepper.settle)
                    rhythm.write(self.network)
        finally:
            self._finish(self.stepper.end_run)
        self._finish(self.stepper.settle)
        if self.stepper.stop_asked:
            self.stop()

    def _until_next(self, rhythm: Rhythm) -> int:
        """Steps to the next one at which a checkpoint is written."""
        return rhythm.every - self.time_step % rhythm.every

    def _advance_and_drain(self, steps: int) -> int:
        try:
            return self._advance(steps)
        finally:
            for model in self.network.models.values():
                model.drain()

    def _begin_chunk(self, steps: int) -> int:
        """Begin a chunk of a run without an end: of as many steps as all models have room for."""
        first, models = self.time_step + 1, self.network.models.values()
        rooms = [room for model in models if (room := model.room(first)) is not None]
        steps = max(min([steps, *rooms]), 1)
        self._announce(steps)
        return steps

    def _finish(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            raise self._failed(error) from error

    def _advance(self, steps: int) -> int:
        try:
            return self.stepper.advance(steps, self._control)
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> RuntimeError:
        failures = [(self.network.position, error)]
        if isinstance(error, SeveralFailed):
            failures = error.failures
        texts = [self._described(place, failure) for place, failure in failures]
        return RuntimeError(
            f"{len(failures)} Exception(s) occurred: {'; '.join(texts)}. "
            f"{self._state_after_failure}"
        )

    def _described(self, place: tuple[str, str] | None, error: Exception) -> str:
        name, phase = place or ("?", "commit")
        model = self.network.graph.nodes[name].model_class.__name__ if name != "?" else ""
        where = f"Process '{name}' ({model}), {phase} phase, " if model else ""
        what = f"{type(error).__name__}: {str(error).rstrip('.')}"
        return f"{where}time step {self.time_step + 1}: {what}"

    @property
    def _state_after_failure(self) -> str:
        if self.stepper.transactional:
            return f"The state is that of step {self.time_step}."
        return (
            "Numpy models hold what they held then, in the middle of a step, which the next run "
            "begins again."
        )

    def _await_run(self) -> None:
        """Wait until no run is on; a run that waits for itself does not."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            # Ctrl-C in join() would make the thread look as if it had ended (CPython 3.11).
            while not self._aside_over.wait(LOOK_SECONDS):
                pass
            thread.join()
            with self._gate:
                if self._thread is thread:
                    self._thread = None
        with self._gate:
            while not self._gate.wait_for(self._no_other_runs, LOOK_SECONDS):
                pass

    def _no_other_runs(self) -> bool:
        return self._runner in (None, threading.get_ident())

    def _join(self) -> None:
        self._await_run()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
