"""One differentiable unroll of a network: what goes in, what comes out, state put back after it."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lava_torch.compiler import unroll_layers
from lava_torch.compiler.errors import CompileError, placed
from lava_torch.compiler.parts import Part
from lava_torch.model.torch_model import TorchProcessModel

if TYPE_CHECKING:
    from lava_torch.compiler.network import Network

Key = tuple[str, str]


class Unroll:
    """Checks the arguments of `Network.forward`, before any step, and runs it."""

    def __init__(
        self,
        network: Network,
        inputs: Mapping[str, Tensor],
        steps: int | None,
        record: Sequence[str],
    ) -> None:
        self.network = network
        _check_types(inputs)
        if network.hosting is not None:
            raise CompileError(
                f"The Processes {list(network.hosting.models)} have numpy models, through which no "
                "gradient leads: a network of them runs by run(), but cannot be called."
            )
        self.inputs = {self._input_key(name): (name, x) for name, x in inputs.items()}
        self.batch_size = self._checked_batch()
        self.steps = self._checked_steps(steps)
        names = [record] if isinstance(record, str) else record
        self.outputs = {**self._outputs(), **{name: self._record_key(name) for name in names}}

    def run(self) -> dict[str, Tensor]:
        network = self.network
        network.prepare()
        kept = [(m, dict(m._buffers)) for m in network.models.values()]
        kept_clock = (network.clock.time_step, network.clock.batch_size)
        versions = _versions(network)
        inputs = {key: x.to(network.device) for key, (_, x) in self.inputs.items()}
        try:
            self._expand_state()
            if self.steps == 0:
                return {name: self._no_rows(key) for name, key in self.outputs.items()}
            parts = unroll_layers.plan(network, self.outputs.values())
            if isinstance(parts, str):
                results = self._step_by_step(inputs)
            else:
                results = self._in_layers(parts, inputs)
        finally:
            for model, buffers in kept:
                model._buffers.update(buffers)
                model._written.clear()
            network.clock.time_step, network.clock.batch_size = kept_clock
        _check_unchanged(versions)
        return results

    def _in_layers(self, parts: Sequence[Part], inputs: Mapping[Key, Tensor]) -> dict[str, Tensor]:
        keys = self.outputs.values()
        found = unroll_layers.unroll(self.network, parts, inputs, self.steps, keys)
        results: dict[str, Tensor] = {}
        for name, key in self.outputs.items():
            again = any(found[key] is result for result in results.values())
            results[name] = found[key].clone() if again else found[key]
        return results

    def _step_by_step(self, inputs: Mapping[Key, Tensor]) -> dict[str, Tensor]:
        rows: dict[str, list[Tensor]] = {name: [] for name in self.outputs}
        for t in range(self.steps):
            messages = self._step(t, inputs)
            for name, key in self.outputs.items():
                rows[name].append(self._value(key, messages))
        return {name: torch.stack(torch.broadcast_tensors(*row)) for name, row in rows.items()}

    def _step(self, t: int, inputs: Mapping[Key, Tensor]) -> dict[Key, Tensor]:
        with placed(self.network, f"step {t + 1} of the unroll"):
            return self.network.step({key: x[t] for key, x in inputs.items()}, observe=False)

    def _no_rows(self, key: Key) -> Tensor:
        row = unroll_layers.resting(self.network, key)
        return row.new_empty((0, *row.shape))

    def _expand_state(self) -> None:
        """Give state a batch axis, where the inputs have one and the network has not."""
        clock = self.network.clock
        if self.batch_size is None or clock.batch_size is not None:
            return
        clock.batch_size = self.batch_size
        for model in self.network.models.values():
            for name in model.var_names():
                if name in model._buffers and not model.is_shared(name):
                    state = model._buffers[name]
                    model._buffers[name] = state.expand(self.batch_size, *state.shape)

    def _value(self, key: Key, messages: dict[Key, Tensor]) -> Tensor:
        return messages[key] if key in messages else unroll_layers.resting(self.network, key)

    # -- names ------------------------------------------------------------------------------------

    def _node(self, name: str) -> str:
        nodes = self.network.graph.nodes
        if name not in nodes:
            raise ValueError(f"There is no Process '{name}' in this network; it has {list(nodes)}.")
        return name

    def _input_key(self, name: str) -> Key:
        node, _, port = name.partition(".")
        process = self.network.graph.nodes[self._node(node)].process
        ins = process.in_ports.member_names
        ports = [*ins, *process.out_ports.member_names] if port else ins
        ports = ports or process.out_ports.member_names
        if port and port in ports:
            return node, port
        if port or len(ports) != 1:
            raise ValueError(
                f"inputs['{name}'] must name one port of Process '{node}': 'process.port' with one "
                f"of {[*ins, *process.out_ports.member_names]}."
            )
        return node, ports[0]

    def _record_key(self, name: str) -> Key:
        node, _, member = name.partition(".")
        model = self.network.models[self._node(node)]
        known = [*model.var_names(), *model.binding.out_shapes]
        if member not in known:
            raise ValueError(f"record '{name}': Process '{node}' has {known}.")
        return node, member

    def _outputs(self) -> dict[str, Key]:
        """Sinks, and OutPorts that nothing but observers receives from."""
        graph, found = self.network.graph, {}
        models = self.network.models
        seen = {
            (link.node, link.port)
            for name, node in graph.nodes.items()
            for links in node.inputs.values()
            for link in links
            if not models[name].observer
        }
        for name, model in models.items():
            if model.observer:
                continue
            outs = [p for p in model.binding.out_shapes if (name, p) not in seen]
            ports = outs if model.binding.out_shapes else list(model.binding.in_shapes)
            if model.binding.out_shapes or model.recorder:
                many = len(ports) > 1
                found.update({f"{name}.{p}" if many else name: (name, p) for p in ports})
        return found

    # -- shapes -----------------------------------------------------------------------------------

    def _checked_batch(self) -> int | None:
        sizes = {name: self._batch_of(key, name, x) for key, (name, x) in self.inputs.items()}
        found = {size for size in sizes.values() if size is not None}
        own = self.network.clock.batch_size
        if len(found) > 1 or (own is not None and found - {own}):
            raise ValueError(
                f"Inputs must agree in their batch size; they have {sizes}"
                + (f" and the network was compiled with batch_size={own}." if own else ".")
            )
        return own if own is not None else next(iter(found), None)

    def _batch_of(self, key: Key, name: str, x: Tensor) -> int | None:
        node, port = key
        binding = self.network.models[node].binding
        shape = binding.in_shapes[port] if port in binding.in_shapes else binding.out_shapes[port]
        extra = x.ndim - 1 - len(shape)
        if extra in (0, 1) and tuple(x.shape[1 + extra :]) == shape:
            return x.shape[1] if extra else None
        raise ValueError(
            f"inputs['{name}'] must have shape {_shown('T', *shape)} or {_shown('T', 'B', *shape)} "
            f"to fit port '{node}.{port}'; it has {tuple(x.shape)}."
        )

    def _checked_steps(self, steps: int | None) -> int:
        lengths = {name: x.shape[0] for name, x in self.inputs.values()}
        if steps is None:
            if not lengths:
                raise ValueError("Give `steps`, the number of time steps: there are no inputs.")
            steps = min(lengths.values())
        steps = operator.index(steps)
        short = {name: length for name, length in lengths.items() if length < steps}
        if short or steps < 0:
            raise ValueError(f"Cannot unroll {steps} steps: the inputs have {lengths} rows.")
        return steps


def _versions(network: Network) -> list[tuple[TorchProcessModel, str, Tensor, int]]:
    """The Vars, each with its buffer and what torch counts up when that is written to."""
    return [
        (model, name, buffer, buffer._version)
        for model in network.models.values()
        for name in model.var_names()
        if (buffer := model._buffers.get(name)) is not None and not buffer.is_inference()
    ]


def _check_unchanged(versions: list[tuple[TorchProcessModel, str, Tensor, int]]) -> None:
    for model, name, buffer, version in versions:
        if buffer._version != version:
            raise RuntimeError(
                f"{type(model).__name__} changed Var '{name}' of Process '{model.binding.name}' in "
                f"place, so the unroll has changed the network: assign it instead, as in "
                f"`self.{name} = self.{name} + 1`. reset() restores the network."
            )


def _check_types(inputs: Mapping[str, Tensor]) -> None:
    if not isinstance(inputs, Mapping):
        raise TypeError(
            f"inputs must be a dict of tensors by Process name; got {type(inputs).__name__}."
        )
    for name, x in inputs.items():
        if not isinstance(x, Tensor):
            raise TypeError(
                f"inputs['{name}'] must be a torch.Tensor of shape (T, *shape) or (T, B, *shape); "
                f"got {type(x).__name__}. Use torch.as_tensor()."
            )


def _shown(*axes: str | int) -> str:
    return f"({', '.join(map(str, axes))})"
