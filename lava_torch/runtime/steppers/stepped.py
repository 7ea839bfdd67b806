"""A part of a network that is stepped, by its rows, between layers that do all steps at once."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from lava_torch.compiler.chunk import Chunk
from lava_torch.compiler.network import Network
from lava_torch.compiler.plan import Excerpt, Plan, distinct, make_plan
from lava_torch.compiler.wiring import Key
from lava_torch.kernels.table import Control, RowFailed
from lava_torch.model.rows import Message
from lava_torch.runtime.steppers.launches import Launches, launch_rows
from lava_torch.runtime.steppers.table import Table, row_error


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
        self._runner = Table(self._plan) if on_cpu else _Kernels(self._plan)
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
            self._runner.run(chunk.steps, Control())
        except RowFailed as failure:
            raise row_error(self.network, self._plan.rows, failure) from failure
        for key, kept in self._plan.kept.items():
            chunk.sequences[key] = kept[rows]


class _Kernels:
    """A plan run on a GPU, a launch a row and step."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._launches = plan, Launches(plan)

    def run(self, steps: int, control: Control) -> None:
        launch_rows(self._plan.before)
        for _ in range(steps):
            self._launches.step()
        launch_rows(self._plan.after)


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
    rows = [owned.row for owned in plan.rows if not network.models[owned.node].recorder]
    written = (tensor for row in (*rows, *plan.after) for tensor in row.written)
    return distinct(tensor for tensor in written if tensor.data_ptr() not in kept)
