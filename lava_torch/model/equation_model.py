"""Models whose step is one equation."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lava_torch.kernels.equation import Equation, use_surrogate
from lava_torch.kernels.equation.gradient import has_gradient
from lava_torch.kernels.equation.graph import CONDITION, NUMBER
from lava_torch.kernels.equation.row import FULL, ROW, SCALAR, TIME, Source, equation_row
from lava_torch.kernels.sequence import SEQUENCE, State, run_sequence
from lava_torch.kernels.sequence.gradient import UNREAD, Unrolled, unroll
from lava_torch.model.errors import VarInitError
from lava_torch.model.layers import Layer, layer_of
from lava_torch.model.rows import Rows, rows_method, rows_of, sum_dtype
from lava_torch.model.straight_through import round_ste
from lava_torch.model.torch_model import TorchProcessModel

#: What an equation may take besides ports and Vars.
TIME_STEP = "time_step"


class EquationModel(TorchProcessModel):
    """A neuron given by one equation of scalars.

    The arguments of `equation` are names of the Process's InPorts and Vars, or `time_step`, that of
    the step, 1 in the first; `returns` names, in the order of the equation's results, the OutPorts
    that each is sent to or the Vars that it becomes.
    A Var that is not in `returns` is a parameter: it is shared by a batch, and a parameter of shape
    (1,) may be given an array of the neurons' shape instead.

    Raises TypeError at compile where an argument or a result names neither a port nor a Var.
    """

    equation: ClassVar[Equation]
    returns: ClassVar[tuple[str, ...]]
    computes = True

    def is_shared(self, name: str) -> bool:
        return name not in self.returns

    def chosen_equation(self) -> Equation:
        """The equation for the Vars as they are: asked for at compile, and when one was set. A
        subclass whose equation depends on some overrides it."""
        return self.equation

    def on_var_update(self) -> None:
        chosen = self.chosen_equation()
        # The class's own stays where it is: a user's may be one that cannot be pickled.
        if chosen is not getattr(self, "equation", None):
            self.equation = chosen

    def row_key(self) -> tuple:
        return (self.equation,)

    def setup(self) -> None:
        self.on_var_update()
        outs = set(self.binding.out_shapes)
        known = set(self.var_names()) | set(self.binding.in_shapes)
        self._check_names("takes", self.equation.arguments, known | {TIME_STEP})
        self._check_names("returns", self.returns, set(self.var_names()) | outs)
        self._sends = tuple(name in outs for name in self.returns)
        results = len(self.equation.trace(self.compute_dtype).outputs)
        if results != len(self.returns):
            raise TypeError(
                f"{type(self).__name__} of Process '{self.binding.name}': the equation "
                f"'{self.equation.name}' gives {results} results, `returns` names "
                f"{len(self.returns)}: {self.returns}."
            )
        self._check_shapes()

    def _check_shapes(self) -> None:
        """Parameters must broadcast with the neurons, before anything runs."""
        ports = {**self.binding.in_shapes, **self.binding.out_shapes}
        neurons = [
            ports[name] for name in (*self.equation.arguments, *self.returns) if name in ports
        ]
        for name in self.var_names():
            shape = tuple(getattr(self, name).shape)
            if not (neurons and self.is_shared(name) and name in self.equation.arguments):
                continue
            try:
                # Not torch's, which imports sympy for it.
                fits = np.broadcast_shapes(shape, neurons[0]) == tuple(neurons[0])
            except ValueError:
                fits = False
            if not fits:
                raise VarInitError(
                    f"{self.label(name)} has shape {shape}, which does not broadcast to the "
                    f"neurons' {neurons[0]}. Give a number or an array of that shape."
                )

    def _check_names(self, verb: str, names: tuple[str, ...], known: set[str]) -> None:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise TypeError(
                f"{type(self).__name__} of Process '{self.binding.name}': the equation "
                f"'{self.equation.name}' {verb} {unknown}, which are neither ports nor Vars of the "
                f"Process; those are {sorted(known - {TIME_STEP})}. Rename them, or add the Vars."
            )

    def check(self, name: str, value: np.ndarray) -> None:
        if np.isnan(value).any():
            raise self.refuse(name, value, "a number, not NaN")

    def step(self, **inputs: Tensor) -> dict[str, Tensor]:
        values = [inputs[a] if a in inputs else self._value(a) for a in self.equation.arguments]
        sent = {}
        for name, out, value in zip(self.returns, self._sends, self._evaluate(values), strict=True):
            if out:
                sent[name] = value
            else:
                self._buffers[name] = value
        return sent

    def message_dtype(self, port: str) -> torch.dtype:
        """Spikes are bytes, unless a subclass has changed what a step sends."""
        return self._sent_dtype(self._sent_kind(port))

    def sends_spikes(self, port: str) -> bool:
        return self._sent_kind(port) != NUMBER

    def _sent_kind(self, port: str) -> str:
        """The kind of result that an OutPort sends; NUMBER, which may be any, where a subclass
        decides."""
        if port not in self.returns or rows_method(self, "step") is None:
            return NUMBER
        kinds = self.equation.trace(self.compute_dtype).output_kinds
        return kinds[self.returns.index(port)]

    def _sent_dtype(self, kind: str) -> torch.dtype:
        """A spike is a byte: what reads it reads four times less."""
        return self.compute_dtype if kind == NUMBER else torch.uint8

    def _neurons(self) -> int:
        ports = (*self.binding.in_shapes.values(), *self.binding.out_shapes.values())
        return max((math.prod(shape) for shape in ports), default=0)

    def _step_dtype(self, kind: str) -> torch.dtype:
        """What a step gives."""
        return torch.bool if kind == CONDITION else self.compute_dtype

    def rows_obstacle(self) -> str | None:
        ports = {**self.binding.in_shapes, **self.binding.out_shapes}
        size = self._neurons()
        for name in dict.fromkeys((*self.equation.arguments, *self.returns)):
            elements = math.prod(ports[name] if name in ports else getattr(self, name).shape)
            shared = name not in ports and self.is_shared(name)
            batch = 1 if shared or name in ports else self.batch_size or 1
            # Rows read memory as it lies: only a single number is broadcast.
            if elements != size * batch and not (shared and elements == 1):
                what = "Port" if name in ports else "Var"
                return f"{what} '{name}' has {elements} elements, the neurons are {size}"
        return None

    @rows_of("step", "_value", "_evaluate")
    def step_rows(self, rows: Rows) -> None:
        sources = [self._sources(name, rows) for name in self.equation.arguments]
        kinds = self.equation.trace(self.compute_dtype).output_kinds
        results: list[Tensor | int] = []
        for name, out, kind in zip(self.returns, self._sends, kinds, strict=True):
            if out:
                size = math.prod(self.binding.out_shapes[name])
                results.append(rows.scratch((rows.batch, size), self._sent_dtype(kind)))
                rows.send(name, results[-1])
                continue
            read = self._reading(name)
            results.append(rows.var(name) if read is None else read)
        rows.add(equation_row(self.equation, self.compute_dtype, sources, results, rows.clock))

    def _sources(self, name: str, rows: Rows) -> list[Source]:
        if name in self.binding.in_shapes:
            found = rows.messages(name)
            if not found:
                size = math.prod(self.binding.in_shapes[name])
                return [Source(rows.scratch((size,), self.compute_dtype), ROW)]
            if self._sums_fractions([m.tensor.dtype for m in found]):
                return [Source(rows.whole(name), FULL)]
            return [Source(m.tensor, TIME if m.time else FULL) for m in found]
        if name == TIME_STEP:
            return [Source(rows.clock, SCALAR)]
        value = rows.var(name)
        if self.is_shared(name):
            flat = value.view(-1)
            return [Source(flat, SCALAR if flat.numel() == 1 else ROW)]
        return [Source(value, FULL)]

    @property
    def traceable(self) -> tuple[str, ...]:
        return self.returns

    def unroll_obstacle(self) -> str | None:
        changing = {*self.binding.in_shapes, *self.returns, TIME_STEP}
        if not changing & set(self.equation.arguments):
            return "its equation reads neither a port nor state"
        floating = self.compute_dtype in (torch.float32, torch.float64)
        changed = [n for n, out in zip(self.returns, self._sends, strict=True) if not out]
        if any(getattr(self, name).dtype != self.compute_dtype for name in changed):
            return "a Var that its steps change has a dtype of its own"
        if not floating or has_gradient(self.equation, self.compute_dtype, self.binding.surrogate):
            return None
        return f"{type(self.binding.surrogate).__name__} cannot be compiled"

    @layer_of("step", "_value", "_evaluate")
    def layer(self, layer: Layer) -> None:
        """All steps in one pass of a sequence kernel."""
        if layer.differentiable:
            self._differentiable_layer(layer)
            return
        states = self._states(layer)
        sources = [self._sequences(name, layer, states) for name in self.equation.arguments]
        results: list[Tensor | State] = []
        kinds = self.equation.trace(self.compute_dtype).output_kinds
        for name, out, kind in zip(self.returns, self._sends, kinds, strict=True):
            if not out:
                results.append(states[name])
                continue
            shape = layer.steps, layer.batch, math.prod(self.binding.out_shapes[name])
            dtype = self._step_dtype(kind) if layer.unrolled else self._sent_dtype(kind)
            sent = torch.empty(shape, dtype=dtype, device=self.time_step.device)
            results.append(sent)
            layer.send(name, results[-1])
        run_sequence(self.equation, self.compute_dtype, sources, results, layer.steps)
        for name, state in states.items():
            self._buffers[name] = state.tensor.view(self._buffers[name].shape)
            if state.trajectory is not None:
                layer.trace(name, state.trajectory)

    def _differentiable_layer(self, layer: Layer) -> None:
        """The same, with gradients."""
        arguments = self.equation.arguments
        given = [self._differentiable_source(name, layer) for name in arguments]
        states = [
            None if out else arguments.index(name) if name in arguments else UNREAD
            for name, out in zip(self.returns, self._sends, strict=True)
        ]
        unrolled = Unrolled(
            self.equation, self.compute_dtype, self.binding.surrogate,
            tuple(source.layout for source in given), tuple(states),
        )  # fmt: skip
        results = unroll(unrolled, [source.tensor for source in given], layer.steps)
        for name, out, result in zip(self.returns, self._sends, results, strict=True):
            if out:
                layer.send(name, result)
            elif name in layer.traced:
                layer.trace(name, result)

    def _differentiable_source(self, name: str, layer: Layer) -> Source:
        """An argument, as `unroll` takes it."""
        size = self._neurons()
        if name in self.binding.in_shapes:
            return Source(layer.whole(name).to(self.compute_dtype).contiguous(), SEQUENCE)
        if name == TIME_STEP:
            time = self._time(layer).expand(layer.steps, layer.batch, size)
            return Source(time.contiguous(), SEQUENCE)
        if name in self.returns:
            held = self._buffers[name].detach().reshape(layer.batch, size)
            return Source(held.contiguous(), FULL)
        value = self._value(name).reshape(-1).contiguous()
        return Source(value, SCALAR if value.numel() == 1 else ROW)

    def _time(self, layer: Layer) -> Tensor:
        """The time steps of a layer, as all neurons see them."""
        steps = torch.arange(layer.first, layer.first + layer.steps, device=self.time_step.device)
        whole = steps.to(self.compute_dtype).view(-1, 1, 1)
        return whole.expand(layer.steps, 1, self._neurons()).contiguous()

    def _states(self, layer: Layer) -> dict[str, State]:
        """Copies of the Vars that the equation changes, to be assigned when it has."""
        found = {}
        for name, out in zip(self.returns, self._sends, strict=True):
            if not out:
                value = self._buffers[name].detach()
                held = value.reshape(layer.batch, value.numel() // layer.batch)
                held = held.clone(memory_format=torch.contiguous_format)
                rows = (layer.steps, *held.shape)
                trajectory = held.new_empty(rows) if name in layer.traced else None
                found[name] = State(held, self._reading(name), trajectory)
        return found

    def _reading(self, name: str) -> int | None:
        """The position of the argument that a Var is, None if the equation does not read it."""
        arguments = self.equation.arguments
        used = self.equation.trace(self.compute_dtype).used
        read = name in arguments and arguments.index(name) in used
        return arguments.index(name) if read else None

    def _sequences(self, name: str, layer: Layer, states: dict[str, State]) -> list[Source]:
        if name in self.binding.in_shapes:
            found = [Source(sequence, SEQUENCE) for sequence in layer.messages(name)]
            if self._sums_fractions([source.tensor.dtype for source in found]):
                return [Source(layer.whole(name).contiguous(), SEQUENCE)]
            nothing = torch.zeros(1, dtype=self.compute_dtype, device=self.time_step.device)
            return found or [Source(nothing, SCALAR)]
        if name in states:
            return [Source(states[name].tensor, FULL)]
        if name == TIME_STEP:
            return [Source(self._time(layer), SEQUENCE)]
        flat = self._value(name).detach().reshape(-1)
        return [Source(flat, SCALAR if flat.numel() == 1 else ROW)]

    def _sums_fractions(self, messages: list[torch.dtype]) -> bool:
        return sum_dtype(messages, self.compute_dtype) != self.compute_dtype

    def _value(self, name: str) -> Tensor:
        if name == TIME_STEP:
            return self.time_step.to(self.compute_dtype)
        if name in self._buffers:
            return self._buffers[name]
        value = getattr(self, name)
        return round_ste(value) if self.quantized_training else value

    def _evaluate(self, values: list[Tensor]) -> tuple[Tensor, ...]:
        with use_surrogate(self.binding.surrogate):
            return self.equation.apply(*values)
