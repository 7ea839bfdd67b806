"""The compiled models of a network that also has numpy models: a step of theirs, in stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod

import numpy as np
import torch
from torch import Tensor

from lava_torch.compiler.network import Messages, Network
from lava_torch.compiler.plan import Excerpt, Owned, make_plan, node_obstacle
from lava_torch.compiler.stages import Stage
from lava_torch.compiler.wiring import Key, Wire
from lava_torch.kernels.op import Row
from lava_torch.kernels.table import Control, Program, RowFailed
from lava_torch.model.rows import Message
from lava_torch.runtime.state import State
from lava_torch.runtime.steppers.launches import launch_rows
from lava_torch.runtime.steppers.planned import plan_state
from lava_torch.runtime.steppers.table import row_error

#: What stands for the phases after spiking where stages are numbered.
LEARNING, MANAGEMENT = -1, -2


class CompiledStages(ABC):
    """What a stepper calls, in this order: `begin_run`; for each step `begin`, then `put` and `run`
    for the stages, `sent` between, `learn`, `manage`, `end`; and `end_run`."""

    def __init__(self, network: Network, stages: tuple[Stage, ...]) -> None:
        self.network, self.stages = network, stages
        self.hosting = network.hosting

    @abstractmethod
    def begin_run(self) -> None:
        """Get ready; tensors may have moved since the last run."""

    @abstractmethod
    def end_run(self) -> None:
        """Leave the Vars as they are to be read."""

    @abstractmethod
    def begin(self) -> None:
        """A new time step."""

    @abstractmethod
    def put(self, key: Key, message: np.ndarray) -> None:
        """A numpy model sent this from its OutPort."""

    @abstractmethod
    def run(self, stage: int) -> None:
        """Do the calls of a stage."""

    @abstractmethod
    def sent(self, key: Key) -> np.ndarray | None:
        """What was sent from an OutPort, as a new array: float64, or int32 in fixed point; None if
        the model sent nothing."""

    @abstractmethod
    def learn(self) -> None:
        """The learning phase."""

    @abstractmethod
    def manage(self) -> None:
        """Post-management."""

    @abstractmethod
    def end(self) -> None:
        """The step is over."""

    @abstractmethod
    def drop(self) -> None:
        """The step cannot be finished."""

    @abstractmethod
    def before_read(self) -> None:
        """A Var is about to be read within a step."""

    @abstractmethod
    def after_write(self) -> None:
        """A Var was written within a step."""

    def _dtype(self, key: Key) -> type:
        model = self.network.models[key[0]]
        return np.float64 if model.compute_dtype.is_floating_point else np.int32


def as_memory(tensor: Tensor) -> np.ndarray | Tensor:
    """The memory of a tensor as an array, which costs less to touch; a GPU's as the tensor."""
    return tensor.numpy() if tensor.device.type == "cpu" else tensor


def compiled_stages(network: Network, stages: tuple[Stage, ...]) -> CompiledStages:
    """By rows where all compiled models have some, or else by calling them."""
    hosted = network.hosting.models
    able = all(node_obstacle(network, n) is None for n in network.models if n not in hosted)
    return PlannedStages(network, stages) if able else EagerStages(network, stages)


class EagerStages(CompiledStages):
    """Calls the models."""

    def begin_run(self) -> None:
        self._state = State(self.network)

    def end_run(self) -> None:
        """Vars are buffers, which hold what they hold."""

    def before_read(self) -> None:
        """Likewise."""

    def after_write(self) -> None:
        """Likewise."""

    def begin(self) -> None:
        self.network.clock.tick()
        self._messages: Messages = {}

    def put(self, key: Key, message: np.ndarray) -> None:
        dtype = self.network.models[key[0]].message_dtype(key[1])
        self._messages[key] = torch.as_tensor(message).to(self.network.device, dtype)

    def run(self, stage: int) -> None:
        network = self.network
        for wire in self.stages[stage].wires:
            network._place[0] = (wire.node, "spiking")
            network._spike(wire, network.models[wire.node], {}, self._messages, True)
        network._place[0] = None

    def sent(self, key: Key) -> np.ndarray | None:
        message = self._messages.get(key)
        if message is None:
            return None
        # A copy even of what has that dtype: the models write to what they sent.
        return np.array(message.detach().cpu().numpy(), self._dtype(key))

    def learn(self) -> None:
        self.network._phase(self.network._learners, "learn", "learning", True)
        self.network._place[0] = None

    def manage(self) -> None:
        self.network._manage(True)
        self.network._place[0] = None

    def end(self) -> None:
        self._state.commit()

    def drop(self) -> None:
        self._state.rollback()


class PlannedStages(CompiledStages):
    """Runs the rows of a stage: on the CPU as a table, on a GPU a launch each."""

    def __init__(self, network: Network, stages: tuple[Stage, ...]) -> None:
        super().__init__(network, stages)
        self._planned: tuple | None = None

    def begin_run(self) -> None:
        self._refresh()
        self._before.run()

    def end_run(self) -> None:
        self._after.run()

    def _refresh(self) -> None:
        if self._planned == plan_state(self.network):
            return
        with torch.inference_mode(False):
            self._make()
        self._planned = plan_state(self.network)

    def _make(self) -> None:
        network, hosting = self.network, self.hosting
        clock = network.clock.time_step.view(1)
        self._received = {key: self._buffer(key) for key in hosting.given}
        shapes = {key: network.models[key[0]].binding.out_shapes[key[1]] for key in hosting.given}
        on_cpu = network.device.type == "cpu"
        # The same memory, which numpy writes to faster.
        self._arrays = {
            key: buffer.numpy().reshape(shapes[key])
            for key, buffer in self._received.items()
            if on_cpu
        }
        messages = {key: Message(buffer) for key, buffer in self._received.items()}
        excerpt = Excerpt(
            frozenset(network.models) - frozenset(hosting.models),
            clock,
            messages,
            tuple(hosting.taken),
            1,
            self._places(),
        )
        self._plan = plan = make_plan(network, excerpt)
        self._time = as_memory(clock)
        shapes = {key: network.models[key[0]].binding.out_shapes[key[1]] for key in plan.kept}
        self._sent = {
            key: (as_memory(kept.view(shapes[key])), self._dtype(key))
            for key, kept in plan.kept.items()
        }
        rows = [[o for o in plan.rows if o.stage == s] for s in range(len(self.stages))]
        self._runs = [_runner(network, clock, owned) for owned in rows]
        self._learn, self._manage = (
            _runner(network, clock, [o for o in plan.rows if o.stage == phase])
            for phase in (LEARNING, MANAGEMENT)
        )
        self._before, self._after = (
            _runner(network, clock, [Owned(row, "?", "?") for row in rows])
            for rows in (plan.before, plan.after)
        )

    def _buffer(self, key: Key) -> Tensor:
        model = self.network.models[key[0]]
        size = prod(model.binding.out_shapes[key[1]])
        return torch.zeros(1, size, dtype=model.message_dtype(key[1]), device=self.network.device)

    def _places(self) -> dict[tuple[str, str], int]:
        places = {
            (wire.node, _method(wire)): number
            for number, stage in enumerate(self.stages)
            for wire in stage.wires
        }
        places |= {(name, "learn"): LEARNING for name in self.network._learners}
        return places | {(name, "manage"): MANAGEMENT for name in self.network._managers}

    def begin(self) -> None:
        self._time += 1

    def put(self, key: Key, message: np.ndarray) -> None:
        if key in self._arrays:
            self._arrays[key][...] = message
        else:
            self._received[key].copy_(torch.as_tensor(message).view(1, -1))

    def run(self, stage: int) -> None:
        self._runs[stage].run()

    def sent(self, key: Key) -> np.ndarray | None:
        if key not in self._sent:
            return None
        kept, dtype = self._sent[key]
        return np.array(kept if isinstance(kept, np.ndarray) else kept.cpu().numpy(), dtype)

    def learn(self) -> None:
        self._learn.run()

    def manage(self) -> None:
        self._manage.run()

    def end(self) -> None:
        """The rows wrote to the buffers."""

    def drop(self) -> None:
        self._time -= 1

    def before_read(self) -> None:
        self._after.run()

    def after_write(self) -> None:
        self._refresh()
        self._before.run()


def _method(wire: Wire) -> str:
    if not wire.sends:
        return "absorb"
    return "step" if wire.receives else "emit"


class _Nothing:
    def run(self) -> None:
        pass


class _TableRun:
    """Rows that run once, on the CPU."""

    def __init__(self, network: Network, clock: Tensor, owned: list[Owned]) -> None:
        self._network, self._owned = network, owned
        # Rows read the time of the plan's clock; this one counts along, a step a run.
        self._program = Program([o.row for o in owned], clock.clone())
        self._control = Control()

    def run(self) -> None:
        try:
            self._program.step(self._control)
        except RowFailed as failure:
            owned = self._owned[failure.row]
            raise row_error(self._network, owned, failure) from failure


class _Launched:
    """Rows that run once, on a GPU."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def run(self) -> None:
        launch_rows(self._rows)


def _runner(
    network: Network, clock: Tensor, owned: list[Owned]
) -> _Nothing | _TableRun | _Launched:
    if not owned:
        return _Nothing()
    if network.device.type == "cpu":
        return _TableRun(network, clock, owned)
    return _Launched([o.row for o in owned])
