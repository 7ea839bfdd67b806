"""Models whose step is one equation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lava_torch.kernels.equation import Equation, use_surrogate
from lava_torch.model.errors import VarInitError
from lava_torch.model.straight_through import round_ste
from lava_torch.model.torch_model import TorchProcessModel


class EquationModel(TorchProcessModel):
    """A neuron given by one equation of scalars.

    `equation`'s arguments are names of the Process's InPorts and Vars; `returns` names, in the
    order of the equation's results, the OutPorts that each is sent to or the Vars that it becomes.
    A Var that is not in `returns` is a parameter: it is shared by a batch, and a parameter of shape
    (1,) may be given an array of the neurons' shape instead.

    Raises TypeError at compile where an argument or a result names neither a port nor a Var.
    """

    equation: ClassVar[Equation]
    returns: ClassVar[tuple[str, ...]]

    def is_shared(self, name: str) -> bool:
        return name not in self.returns

    def setup(self) -> None:
        outs = set(self.binding.out_shapes)
        known = set(self.var_names()) | set(self.binding.in_shapes)
        self._check_names("takes", self.equation.arguments, known)
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
                fits = torch.broadcast_shapes(shape, neurons[0]) == torch.Size(neurons[0])
            except RuntimeError:
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
                f"Process; those are {sorted(known)}. Rename them, or add the Vars."
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

    def _value(self, name: str) -> Tensor:
        if name in self._buffers:
            return self._buffers[name]
        value = getattr(self, name)
        return round_ste(value) if self.quantized_training else value

    def _evaluate(self, values: list[Tensor]) -> tuple[Tensor, ...]:
        with use_surrogate(self.binding.surrogate):
            return self.equation.apply(*values)
