"""An unroll layer by layer: all steps of a Process at once, forward and backward.

Its messages and Vars are those of an unroll step by step, in floating point up to the order of
sums; a layer is one product, or one pass of a kernel, where steps are T times as many small ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lava_torch.compiler.chunk import Chunk, ModelLayer
from lava_torch.compiler.parts import divide
from lava_torch.compiler.wiring import Key
from lava_torch.model.layers import flat_sequence

if TYPE_CHECKING:
    from lava_torch.compiler.network import Network

#: The most bytes of messages that are held at once where no gradient needs them.
BYTES = 64 << 20
DTYPES = (torch.float32, torch.float64, torch.int32)


@dataclass
class _UnrolledLayer(ModelLayer):
    """A model's layer, with what is fed from outside: it is added to what arrives at an InPort, and
    takes the place of what an OutPort sends. Nothing is recorded."""

    fed: Mapping[Key, Tensor] = field(default_factory=dict)
    unrolled: bool = True

    def messages(self, port: str) -> list[Tensor]:
        fed = self.fed.get((self.name, port))
        return [*([] if fed is None else [fed]), *super().messages(port)]

    def spikes(self, port: str) -> bool:
        sources = [source for source, _ in self.links[port]]
        fed = self.fed.keys() & {(self.name, port), *sources}
        return not fed and super().spikes(port)

    def send(self, port: str, sequence: Tensor) -> None:
        super().send(port, self.fed.get((self.name, port), sequence))


def obstacle(network: Network, keys: Iterable[Key]) -> str | None:
    """Why an unroll that is to give `keys`, ports and Vars, has to go step by step, in words; None
    if it can go layer by layer."""
    stepper = network.graph.run_cfg.stepper
    if stepper not in ("auto", "layers"):
        return f"stepper='{stepper}'"
    if torch._C._are_functorch_transforms_active() or torch.compiler.is_compiling():
        return "a transform of torch looks at each operation"
    if network.device.type not in ("cpu", "cuda"):
        return f"there are no kernels for {network.device}"
    for name, model in network.models.items():
        if model.observer:
            continue
        if network.graph.nodes[name].reads or model.compute_dtype not in DTYPES:
            return f"Process '{name}' reads Vars, or computes in {model.compute_dtype}"
        reason = model.unroll_obstacle()
        if reason is not None:
            return f"Process '{name}': {reason}"
        if any(buffer.requires_grad for buffer in model.buffers(recurse=False)):
            return f"the gradient of state of Process '{name}' is wanted"
    for part in divide(network):
        if not part.layered and not all(network.models[name].observer for name in part.nodes):
            return f"Processes {list(part.nodes)} can only step"
    hidden = [key for key in keys if not _seen(network, key)]
    return f"no layer gives Var '{'.'.join(hidden[0])}'" if hidden else None


def _seen(network: Network, key: Key) -> bool:
    """Whether a port or Var is among what layers give, or does not change."""
    node, name = key
    model = network.models[node]
    ports = {*model.binding.in_shapes, *model.binding.out_shapes}
    still = model.recorder or model.observer or model.is_shared(name) or name in model.kept
    return name in ports or still or name in model.traceable


def unroll(
    network: Network, fed: Mapping[Key, Tensor], steps: int, keys: Iterable[Key]
) -> dict[Key, Tensor]:
    """What ports and Vars are over `steps` steps, (steps, [batch,] *shape) each. `fed` holds
    tensors of the same shapes, perhaps longer; state is left as it is after the last step, or where
    gradients are recorded at some other."""
    wanted = list(dict.fromkeys(keys))
    batch = network.clock.batch_size or 1
    sequences = {key: _flat(network, key, x[:steps], batch) for key, x in fed.items()}
    differentiable = torch.is_grad_enabled() and (
        any(p.requires_grad for p in network.parameters())
        or any(x.requires_grad for x in sequences.values())
    )
    length = steps if differentiable else _length(network, batch)
    first, found = int(network.clock.time_step) + 1, []
    for start in range(0, steps, length):
        count = min(length, steps - start)
        now = {key: x[start : start + count] for key, x in sequences.items()}
        chunk = Chunk(network, first + start, count)
        found.append(_run_chunk(chunk, now, wanted, differentiable))
    return {key: torch.cat([part[key] for part in found]) for key in wanted}


def _flat(network: Network, key: Key, x: Tensor, batch: int) -> Tensor:
    """(steps, batch or 1, size)."""
    binding = network.models[key[0]].binding
    shape = {**binding.in_shapes, **binding.out_shapes}[key[1]]
    return flat_sequence(x, len(x), x.shape[1] if x.ndim > 1 + len(shape) else 1)


def _length(network: Network, batch: int) -> int:
    """How many steps have messages of BYTES."""
    shapes = [s for m in network.models.values() for s in m.binding.out_shapes.values()]
    return max(1, BYTES // (8 * batch * max(sum(prod(s) for s in shapes), 1)))


def _run_chunk(
    chunk: Chunk, fed: Mapping[Key, Tensor], wanted: list[Key], differentiable: bool
) -> dict[Key, Tensor]:
    network = chunk.network
    links = {wire.node: wire.inputs for wire in network._wires}
    received: dict[Key, Tensor] = {}
    for part in divide(network):
        name = part.nodes[0]
        model = network.models[name]
        if model.observer:
            continue
        network._place[0] = (name, "spiking")
        ports = {port: sources for port, _, sources in links.get(name, ())}
        traced = frozenset(var for node, var in wanted if node == name and var in model.traceable)
        layer = _UnrolledLayer(
            chunk, name, model, ports, traced, differentiable=differentiable, fed=fed
        )
        if not model.recorder:
            model.layer(layer)
            continue
        for port in model.binding.in_shapes:
            received[name, port] = layer.whole(port).to(model.compute_dtype)
    network._place[0] = None
    return {key: _result(chunk, key, received) for key in wanted}


def _result(chunk: Chunk, key: Key, received: Mapping[Key, Tensor]) -> Tensor:
    """A port or Var over the steps of a chunk, in memory of its own."""
    node, name = key
    model = chunk.network.models[node]
    ports = {**model.binding.in_shapes, **model.binding.out_shapes}
    lead = () if chunk.network.clock.batch_size is None else (chunk.batch,)
    found = received.get(key, chunk.sequences.get(key, chunk.trajectories.get(key)))
    if found is not None:
        shape = ports[name] if name in ports else getattr(model, name).shape[len(lead) :]
        whole = found.expand(chunk.steps, chunk.batch, found.shape[2])
        return whole.reshape(chunk.steps, *lead, *shape).clone()
    still = model.zeros(ports[name]) if name in ports else getattr(model, name)
    return still.expand(chunk.steps, *still.shape).clone()
