"""An unroll layer by layer: all steps of a Process at once, forward and backward.

Its messages and Vars are those of an unroll step by step, in floating point up to the order of
sums; a layer is one product, or one pass of a kernel, where steps are T times as many small ones.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lava_torch.compiler.chunk import Chunk, ModelLayer
from lava_torch.compiler.errors import placed
from lava_torch.compiler.parts import Part, divide
from lava_torch.compiler.wiring import Key
from lava_torch.model.layers import flat_sequence

if TYPE_CHECKING:
    from lava_torch.compiler.network import Network

#: The most bytes of messages that are held at once where no gradient is recorded.
BYTES = 64 << 20
#: What layers compute in, and what else kernels read.
DTYPES = (torch.float32, torch.float64, torch.int32)
READABLE = (*DTYPES, torch.bool, torch.uint8, torch.int64)


@dataclass
class _UnrolledLayer(ModelLayer):
    """A model's layer, with what is fed from outside: it is added to what arrives at an InPort, and
    takes the place of what an OutPort sends. Nothing is recorded."""

    fed: Mapping[Key, Tensor] = field(default_factory=dict)
    unrolled: bool = True

    def messages(self, port: str) -> list[Tensor]:
        fed = self.fed.get((self.name, port))
        found = [*([] if fed is None else [fed]), *super().messages(port)]
        return [x if x.dtype in READABLE else x.to(self.model.compute_dtype) for x in found]

    def spikes(self, port: str) -> bool:
        sources = [source for source, _ in self.links[port]]
        fed = self.fed.keys() & {(self.name, port), *sources}
        return not fed and super().spikes(port)

    def send(self, port: str, sequence: Tensor) -> None:
        super().send(port, self.fed.get((self.name, port), sequence))


def plan(network: Network, keys: Iterable[Key]) -> list[Part] | str:
    """The parts that an unroll which is to give `keys`, ports and Vars, goes through; or why it has
    to go step by step, in words."""
    stepper = network.graph.run_cfg.stepper
    if stepper not in ("auto", "layers"):
        return f"stepper='{stepper}'"
    if _transformed():
        return "a transform of torch looks at each operation"
    if network.clock.batch_size == 0:
        return "there are no items"
    if network.device.type not in ("cpu", "cuda"):
        return f"there are no kernels for {network.device}"
    if network.device.type == "cuda" and not _has_triton():
        return "Triton is not installed"
    reasons = (_model_obstacle(network, name) for name in network.models)
    reason = next((reason for reason in reasons if reason), None)
    if reason is not None:
        return reason
    parts = divide(network, gradients=True)
    layered = {part.nodes[0] for part in parts if part.layered}
    if not any(network.models[name].computes for name in layered):
        return "no Process of it can do all steps at once"
    hidden = [key for key in keys if key[0] in layered and not _seen(network, key)]
    return f"no layer gives Var '{'.'.join(hidden[0])}'" if hidden else parts


def _transformed() -> bool:
    forward_mode = forward_ad._current_level >= 0
    compiling = torch.compiler.is_compiling()
    return torch._C._are_functorch_transforms_active() or compiling or forward_mode


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None


def _model_obstacle(network: Network, name: str) -> str | None:
    model = network.models[name]
    if model.observer:
        return None
    if network.graph.nodes[name].reads:
        return f"Process '{name}' reads Vars"
    if model.compute_dtype not in DTYPES:
        return f"Process '{name}' computes in {model.compute_dtype}"
    if any(callable(getattr(model, phase, None)) for phase in ("learn", "manage")):
        return f"Process '{name}' does more in a step than to spike"
    if any(buffer.requires_grad for buffer in model.buffers(recurse=False)):
        return f"the gradient of state of Process '{name}' is wanted"
    return None


def _seen(network: Network, key: Key) -> bool:
    """Whether a port or Var is among what a layer gives, or does not change."""
    return not _changes(network, *key) or key[1] in network.models[key[0]].traceable


def _changes(network: Network, node: str, name: str) -> bool:
    """Whether a name is that of a Var which steps may change."""
    model = network.models[node]
    if name not in model.var_names() or model.recorder or model.observer:
        return False
    return not (model.is_shared(name) or name in model.kept)


def unroll(
    network: Network,
    parts: Sequence[Part],
    fed: Mapping[Key, Tensor],
    steps: int,
    keys: Iterable[Key],
) -> dict[Key, Tensor]:
    """What ports and Vars are over `steps` steps, (steps, [batch,] *shape) each. `fed` holds
    tensors of the same shapes, perhaps longer; state is left as it is after the last step, or where
    gradients are recorded at some other."""
    wanted = list(dict.fromkeys(keys))
    sequences = {key: _flat(network, key, x[:steps]) for key, x in fed.items()}
    length = steps if torch.is_grad_enabled() else _length(network)
    first, found = int(network.clock.time_step) + 1, []
    for start in range(0, steps, length):
        count = min(length, steps - start)
        now = {key: x[start : start + count] for key, x in sequences.items()}
        chunk = Chunk(network, first + start, count)
        found.append(_run_chunk(chunk, parts, now, wanted))
    if len(found) == 1:
        return found[0]
    return {key: torch.cat([part[key] for part in found]) for key in wanted}


def _flat(network: Network, key: Key, x: Tensor) -> Tensor:
    """(steps, [batch,] *shape) of a port or Var as (steps, batch or 1, size)."""
    batched = x.ndim > 1 + len(_shape(network, key))
    return flat_sequence(x, len(x), x.shape[1] if batched else 1)


def _length(network: Network) -> int:
    """How many steps have messages of BYTES."""
    batch = network.clock.batch_size or 1
    shapes = [s for m in network.models.values() for s in m.binding.out_shapes.values()]
    return max(1, BYTES // (8 * batch * max(sum(prod(s) for s in shapes), 1)))


def _run_chunk(
    chunk: Chunk,
    parts: Sequence[Part],
    fed: Mapping[Key, Tensor],
    wanted: list[Key],
) -> dict[Key, Tensor]:
    network = chunk.network
    links = {wire.node: wire.inputs for wire in network._wires}
    received: dict[Key, Tensor] = {}
    for part in parts:
        if not part.layered:
            received |= _step_part(chunk, part, fed, wanted)
            continue
        name = part.nodes[0]
        model = network.models[name]
        if model.observer:
            continue
        network._place[0] = (name, "spiking")
        ports = {port: sources for port, _, sources in links.get(name, ())}
        traced = frozenset(var for node, var in wanted if node == name and var in model.traceable)
        layer = _UnrolledLayer(chunk, name, model, ports, traced, fed=fed)
        layer.differentiable = torch.is_grad_enabled() and _needs_gradient(layer)
        if model.recorder:
            for port in model.binding.in_shapes:
                received[name, port] = layer.whole(port).to(model.compute_dtype)
            continue
        with placed(network, "all steps of the unroll at once"):
            model.layer(layer)
    network._place[0] = None
    return {key: _result(chunk, key, received) for key in wanted}


def _needs_gradient(layer: _UnrolledLayer) -> bool:
    """Whether what arrives or what the model holds has a gradient; a tensor may stand in for a
    parameter."""
    held = (*layer.model.parameters(), *vars(layer.model).values())
    if any(isinstance(x, Tensor) and x.requires_grad for x in held):
        return True
    sources = {source for links in layer.links.values() for source, _ in links}
    arriving = [layer.chunk.sequences.get(source) for source in sources]
    arriving += [layer.fed.get((layer.name, port)) for port in layer.links]
    return any(x is not None and x.requires_grad for x in arriving)


def _step_part(
    chunk: Chunk, part: Part, fed: Mapping[Key, Tensor], wanted: list[Key]
) -> dict[Key, Tensor]:
    """Processes of a cycle, or that can only step, through all steps of a chunk; what recorders
    among them receive is returned."""
    network, clock = chunk.network, chunk.network.clock
    wires = [wire for wire in network._wires if wire.node in part.nodes]
    sources = {key for wire in wires for _, _, links in wire.inputs for key, _ in links}
    arriving = {
        key: _shaped(chunk, key, chunk.sequences[key]) for key in sources & chunk.sequences.keys()
    }
    own = {key: _shaped(chunk, key, x) for key, x in fed.items() if key[0] in part.nodes}
    kept = [key for key in wanted if key[0] in part.nodes and _changes(network, *key)]
    rows: list[dict[Key, Tensor]] = []
    clock.time_step = torch.full_like(clock.time_step, chunk.first - 1)
    for t in range(chunk.steps):
        clock.tick()
        messages = {key: x[t] for key, x in arriving.items()}
        now = {key: x[t] for key, x in own.items()}
        with placed(network, f"time step {chunk.first + t} of the unroll"):
            for wire in wires:
                network._place[0] = (wire.node, "spiking")
                network._spike(wire, network._modules[wire.node], now, messages, observe=False)
        sent = {key: x for key, x in messages.items() if key not in arriving}
        rows.append(sent | {(n, var): getattr(network.models[n], var) for n, var in kept})
    received = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        model = network.models[key[0]]
        silent = model.zeros(_shape(network, key))  # where nothing is sent
        whole = torch.stack(torch.broadcast_tensors(*(row.get(key, silent) for row in rows)))
        flat = _flat(network, key, whole)
        if key in kept:
            chunk.trajectories[key] = flat
        elif key[1] in model.binding.out_shapes:
            chunk.sequences[key] = flat
        else:
            received[key] = flat
    return received


def _shape(network: Network, key: Key) -> tuple[int, ...]:
    """Of a port or Var, without the batch."""
    node, name = key
    model = network.models[node]
    ports = {**model.binding.in_shapes, **model.binding.out_shapes}
    if name in ports:
        return tuple(ports[name])
    shape = getattr(model, name).shape
    batched = network.clock.batch_size is not None and not model.is_shared(name)
    return tuple(shape[1:] if batched else shape)


def resting(network: Network, key: Key) -> Tensor:
    """What a port has in a step in which nothing is sent, or a Var at this time."""
    node, name = key
    model = network.models[node]
    return getattr(model, name) if name in model.var_names() else model.zeros(_shape(network, key))


def _shaped(chunk: Chunk, key: Key, sequence: Tensor) -> Tensor:
    """A sequence as steps see it: (steps, [batch,] *shape)."""
    batch = () if chunk.network.clock.batch_size is None else (chunk.batch,)
    whole = sequence.expand(len(sequence), chunk.batch, sequence.shape[2])
    return whole.reshape(len(sequence), *batch, *_shape(chunk.network, key))


def _result(chunk: Chunk, key: Key, received: Mapping[Key, Tensor]) -> Tensor:
    """A port or Var over the steps of a chunk, in memory of its own."""
    found = received.get(key, chunk.sequences.get(key, chunk.trajectories.get(key)))
    if found is not None:
        return _shaped(chunk, key, found).clone()
    still = resting(chunk.network, key)
    return still.expand(chunk.steps, *still.shape).clone()
