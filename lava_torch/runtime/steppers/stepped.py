"""A part of a network that is stepped, by its rows, between layers that do all steps at once."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from lava_torch.compiler.network import Network
from lava_torch.compiler.plan import Excerpt, Plan, make_plan
from lava_torch.compiler.wiring import Key
from lava_torch.kernels.table import Control, Program, RowFailed
from lava_torch.model.rows import Message
from lava_torch.runtime.steppers.chunk import Chunk
from lava_torch.runtime.steppers.launches import Launches
from lava_torch.runtime.steppers.table import row_error


class SteppedPart:
    """Some Processes of a network, as a plan of their own.

    What comes from outside lies in buffers of `length` rows, of which step t reads row
    (t - 1) % length; a chunk must not go beyond their end.
    """

    def __init__(self, network: Network, nodes: tuple[str, ...], length: int) -> None:
        self.network, self.length = network, length
        members = frozenset(nodes)
        received, sent = _borders(network, members)
        self._received = {key: self._buffer(key) for key in received}
        self._clock = torch.zeros(1, dtype=torch.int64, device=network.device)
        messages = {key: Message(buffer, time=True) for key, buffer in self._received.items()}
        self._plan = make_plan(network, Excerpt(members, self._clock, messages, sent, length))
        on_cpu = network.device.type == "cpu"
        self._runner = _Table(self._plan) if on_cpu else _Kernels(self._plan)
        self._written = _state(network, self._plan)

    def _buffer(self, key: Key) -> Tensor:
        model = self.network.models[key[0]]
        batch = self.network.clock.batch_size or 1
        shape = self.length, batch, prod(model.binding.out_shapes[key[1]])
        return torch.zeros(shape, dtype=model.message_dtype(key[1]), device=self.network.device)

    def state(self) -> list[tuple[Tensor, Tensor]]:
        """What the steps change, each with a copy of what it holds now."""
        return [(tensor, tensor.clone()) for tensor in self._written]

    def run(self, chunk: Chunk) -> None:
        """Run the steps of a chunk. State changes in place, see `state`.

        Raises RowError if a row failed.
        """
        at = (chunk.first - 1) % self.length
        rows = slice(at, at + chunk.steps)
        for key, buffer in self._received.items():
            if key in chunk.sequences:
                buffer[rows] = chunk.sequences[key]
        self._clock.fill_(chunk.first - 1)
        try:
            self._runner.run(chunk.steps)
        except RowFailed as failure:
            raise row_error(self.network, self._plan, failure) from failure
        for key, kept in self._plan.kept.items():
            chunk.sequences[key] = kept[rows]


class _Table:
    """A plan run on the CPU."""

    def __init__(self, plan: Plan) -> None:
        clock = torch.zeros_like(plan.clock)
        self._before, self._after = Program(plan.before, clock), Program(plan.after, clock)
        self._program = Program([owned.row for owned in plan.rows], plan.clock)

    def run(self, steps: int) -> None:
        self._before.run(1, Control())
        self._program.run(steps, Control())
        self._after.run(1, Control())


class _Kernels:
    """A plan run on a GPU, a launch a row and step."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._launches = plan, Launches(plan)

    def run(self, steps: int) -> None:
        for row in self._plan.before:
            row.run("gpu")
        for _ in range(steps):
            self._launches.step()
        for row in self._plan.after:
            row.run("gpu")


def _borders(network: Network, members: frozenset[str]) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """The OutPorts outside that `members` receive from, and theirs that are received outside."""
    received: dict[Key, None] = {}
    sent: dict[Key, None] = {}
    for wire in network._wires:
        for source, _ in (link for _, _, links in wire.inputs for link in links):
            if (source[0] in members) != (wire.node in members):
                (sent if source[0] in members else received)[source] = None
    return tuple(received), tuple(sent)


def _state(network: Network, plan: Plan) -> list[Tensor]:
    """What the rows of a plan write to, but records: those of later steps are written again."""
    kept = {tensor.data_ptr() for tensor in plan.kept.values()}
    models = network.models
    rows = [owned.row for owned in plan.rows if not _records(models, owned.node)]
    written = [tensor for row in (*rows, *plan.after) for tensor in row.written]
    return list({t.data_ptr(): t for t in written if t.data_ptr() not in kept}.values())


def _records(models: dict, node: str) -> bool:
    return models[node].recorder
