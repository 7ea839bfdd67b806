"""The stepper that goes layer by layer: all steps of a chunk at once, Process by Process."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from lava_torch.compiler.chunk import Chunk, ModelLayer
from lava_torch.compiler.network import Network
from lava_torch.compiler.parts import Part, divide, traced_vars
from lava_torch.compiler.plan import node_obstacle, read_obstacle
from lava_torch.model.connection import ConnectionModel
from lava_torch.runtime.control import Control
from lava_torch.runtime.state import State
from lava_torch.runtime.steppers.base import Stepper
from lava_torch.runtime.steppers.planned import plan_state
from lava_torch.runtime.steppers.stepped import SteppedPart

#: The most steps a chunk: more gain nothing, and a run is to end soon after it is asked to.
STEPS = 1024
#: The most that the messages and trajectories of a chunk take, in bytes.
BYTES = 64 << 20


class LayersStepper(Stepper):
    """Runs each Process for a chunk of steps before the next.

    A connection is one matrix product, a neuron one pass in which its state stays in registers.
    Processes in a cycle, and those whose models have no `layer`, are stepped by their rows within
    the chunk. `pause()`, `stop()` and Ctrl-C are honoured between chunks; an error leaves the state
    of the last finished chunk.
    """

    name = "layers"
    #: It makes chunks itself.
    chunk = 1 << 30

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._parts = divide(network)
        self._length = chunk_length(network)
        self._links = {wire.node: wire.inputs for wire in network._wires}
        self._traced = {name: traced_vars(network, name) for name in network.models}
        self._stepped: dict[Part, SteppedPart] = {}
        self._state: tuple | None = None

    @classmethod
    def obstacle(cls, network: Network) -> str | None:
        for part in divide(network):
            for name in part.nodes:
                reason = _obstacle(network, name, part)
                if reason is not None:
                    return reason
        return None

    @classmethod
    def suits(cls, network: Network) -> bool:
        """Whether all of a network is layers."""
        return cls.obstacle(network) is None and all(part.layered for part in divide(network))

    @classmethod
    def pays(cls, network: Network) -> bool:
        """Whether it is known before a run that so many inputs are active that it beats the table:
        what spikes has to be told by a source, and is taken to be silent otherwise."""
        weights = gained = 0.0
        for model in network.models.values():
            if isinstance(model, ConnectionModel) and model.crossover is not None:
                size = max(getattr(model, name).numel() for name in model.trainable)
                known = [s.activity(port) or 0.0 for s, port in model.senders("s_in")]
                weights += size
                gained += size * max(known, default=0.0) / model.crossover
        return gained > weights and cls.suits(network)

    @torch.no_grad()
    def advance(self, steps: int, control: Control) -> int:
        self._refresh()
        first = int(self.network.clock.time_step) + 1
        done = 0
        while done < steps and not control.requested:
            # Buffers of stepped parts have rows for so many steps, and no chunk wraps around.
            rest = self._length - (first + done - 1) % self._length
            count = min(steps - done, rest)
            self._run_chunk(Chunk(self.network, first + done, count))
            done += count
        return done

    def _refresh(self) -> None:
        """Plan the stepped parts, if there is no plan or a tensor has moved since."""
        parts = [part for part in self._parts if not part.layered]
        if not parts:
            return
        if self._state == plan_state(self.network):
            return
        with torch.inference_mode(False):
            self._stepped = {
                part: SteppedPart(self.network, part.nodes, self._length) for part in parts
            }
        # Plans may have laid Vars out anew.
        self._state = plan_state(self.network)

    def _run_chunk(self, chunk: Chunk) -> None:
        clock = self.network.clock
        time_step = clock.time_step
        state = State(self.network)
        changed = [pair for part in self._stepped.values() for pair in part.state()]
        try:
            for part in self._parts:
                self._run_part(part, chunk)
            self.network._place[0] = None
            clock.time_step = time_step + chunk.steps
            state.commit(chunk.records)
            _wait(time_step)
        except BaseException:
            state.rollback()
            # The clock is written in the same call as the state: they cannot differ.
            if int(time_step) < chunk.first:
                _restore(changed)
            raise

    def _run_part(self, part: Part, chunk: Chunk) -> None:
        name = part.nodes[0]
        self.network._place[0] = (name, "spiking")
        if not part.layered:
            self._stepped[part].run(chunk)
            return
        model = self.network.models[name]
        links = {port: links for port, _, links in self._links.get(name, ())}
        model.layer(ModelLayer(chunk, name, model, links, self._traced[name]))


def chunk_length(network: Network) -> int:
    """How many steps a chunk has: as many as BYTES hold the messages and trajectories of."""
    batch = network.clock.batch_size or 1
    bytes_a_step = 0
    for name, model in network.models.items():
        for port, shape in model.binding.out_shapes.items():
            bytes_a_step += batch * prod(shape) * model.message_dtype(port).itemsize
        for var in traced_vars(network, name):
            bytes_a_step += getattr(model, var).nbytes
    return max(1, min(STEPS, BYTES // max(bytes_a_step, 1)))


def _obstacle(network: Network, name: str, part: Part) -> str | None:
    model = network.models[name]
    if part.layered and not model.quantized_training:
        return read_obstacle(model)
    reason = node_obstacle(network, name)
    others = ", ".join(f"'{other}'" for other in part.nodes if other != name)
    if reason is None or not others:
        return reason
    return f"{reason}; it has to be stepped, being in a cycle (or reading Vars) with {others}"


def _restore(changed: list[tuple[Tensor, Tensor]]) -> None:
    for tensor, value in changed:
        tensor.copy_(value)


def _wait(tensor: Tensor) -> None:
    """On a GPU, until a chunk is done: no more than one is queued."""
    if tensor.is_cuda:
        torch.cuda.current_stream(tensor.device).synchronize()
