"""What flows through a network in a chunk of steps, and what is to be recorded of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lava_torch.compiler.wiring import Key
from lava_torch.model.layers import flat_sequence
from lava_torch.model.rows import sum_dtype
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.model.view import View

if TYPE_CHECKING:
    from lava_torch.compiler.network import Network


@dataclass
class Chunk:
    """The steps first, first + 1, ... of a network.

    `sequences` holds what each OutPort has sent, `trajectories` the values of Vars by Process and
    name: (steps, batch, size) each, or (steps, 1, size) for what all items of a batch share.
    `records` is what to write when all went well: pairs of a tensor and its new content.
    """

    network: Network
    first: int
    steps: int
    sequences: dict[Key, Tensor] = field(default_factory=dict)
    trajectories: dict[Key, Tensor] = field(default_factory=dict)
    records: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def batch(self) -> int:
        return self.network.clock.batch_size or 1

    def received(self, source: Key, view: View | None) -> Tensor | None:
        """What an OutPort sent as it arrives through virtual ports; None if it sent nothing."""
        sequence = self.sequences.get(source)
        if sequence is None or view is None:
            return sequence
        shape = self.network.models[source[0]].binding.out_shapes[source[1]]
        lead = sequence.shape[:2]
        return flat_sequence(view.apply(sequence.view(*lead, *shape)), *lead)


@dataclass
class ModelLayer:
    """`lava_torch.model.layers.Layer` for one model in one chunk."""

    chunk: Chunk
    name: str
    model: TorchProcessModel
    links: dict[str, tuple[tuple[Key, View | None], ...]]
    traced: frozenset[str]
    unrolled: bool = False
    differentiable: bool = False

    @property
    def first(self) -> int:
        return self.chunk.first

    @property
    def steps(self) -> int:
        return self.chunk.steps

    @property
    def batch(self) -> int:
        return self.chunk.batch

    def messages(self, port: str) -> list[Tensor]:
        found = (self.chunk.received(*link) for link in self.links[port])
        return [sequence.contiguous() for sequence in found if sequence is not None]

    def whole(self, port: str) -> Tensor:
        found = self.messages(port)
        shape = self.steps, self.batch, prod(self.model.binding.in_shapes[port])
        dtype = self.model.compute_dtype
        if not found:
            return torch.zeros(shape, dtype=dtype, device=self.model.time_step.device)
        if len(found) == 1 and self._fits(found[0].dtype):
            return found[0].expand(shape)
        summed = sum_dtype([sequence.dtype for sequence in found], dtype)
        total = found[0].to(summed)
        for sequence in found[1:]:
            total = total + sequence.to(summed)
        return total.to(dtype).expand(shape)

    def spikes(self, port: str) -> bool:
        links = self.links[port]
        if len(links) != 1:
            return False
        (node, out_port), _ = links[0]
        return self.chunk.network.models[node].sends_spikes(out_port)

    def _fits(self, dtype: torch.dtype) -> bool:
        exact = (torch.bool, torch.uint8, self.model.compute_dtype)
        return dtype in exact or self.model.recorder

    def read(self, ref_port: str) -> Tensor:
        source = self.model._reads.get(ref_port)
        if source is None:
            return self.model.zeros(self.model.binding.ref_shapes[ref_port])[None]
        value = getattr(source.model, source.var).detach()
        trajectory = self.chunk.trajectories.get((source.model.binding.name, source.var))
        value = value[None] if trajectory is None else trajectory.view(self.steps, *value.shape)
        return source.view.apply(value)

    def send(self, port: str, sequence: Tensor) -> None:
        size = prod(self.model.binding.out_shapes[port])
        allowed = [(self.steps, batch, size) for batch in (self.batch, 1)]
        if tuple(sequence.shape) not in allowed:
            raise ValueError(
                f"OutPort '{self.name}.{port}': {type(self.model).__name__} sent a sequence of "
                f"shape {tuple(sequence.shape)} for {self.steps} steps; it must be {allowed[0]}."
            )
        self.chunk.sequences[self.name, port] = sequence

    def trace(self, var: str, trajectory: Tensor) -> None:
        self.chunk.trajectories[self.name, var] = trajectory

    def record(self, rows: Tensor, sequence: Tensor) -> None:
        length = len(rows)
        x = sequence.reshape(sequence.shape[0], *rows.shape[1:]).expand(self.steps, *rows.shape[1:])
        done = max(self.steps - length, 0)  # what would be overwritten within the chunk
        while done < self.steps:
            at = (self.first - 1 + done) % length
            count = min(length - at, self.steps - done)
            self.chunk.records.append((rows[at : at + count], x[done : done + count]))
            done += count
