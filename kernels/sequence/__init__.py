"""An equation over many time steps in one pass: state stays in registers or the cache throughout.

It is the sibling of an equation's row (`lava_torch.kernels.equation.row`), which does one step; the
results are the same bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module

import torch
from torch import Tensor

from lava_torch.kernels.equation.dispatch import Equation
from lava_torch.kernels.equation.row import FULL, ROW, SCALAR, EquationOp, Source

#: One value a time step: (T, batch, size), or (T, 1, size) that all items of a batch share.
SEQUENCE, SHARED = "sequence", "shared"

#: What runs a sequence, and on which device it is the one that is chosen.
BACKENDS = {"reference": None, "cpu": "cpu", "gpu": "cuda"}


@dataclass(frozen=True)
class State:
    """A result that is state: `tensor`, (batch, size), becomes its value after the last step.

    `argument` is the position of the argument that reads it, None where none does; `trajectory`,
    (T, batch, size) of the dtype of `tensor`, takes its value after each step.
    """

    tensor: Tensor
    argument: int | None = None
    trajectory: Tensor | None = None


@dataclass(frozen=True)
class SequenceOp:
    """An equation for given layouts. `row` is its single step, for which a sequence is one row.

    `state` says of each result whether it is state, or else a sequence; `traced` whether its
    trajectory is kept.
    """

    row: EquationOp
    state: tuple[bool, ...]
    traced: tuple[bool, ...]

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        """p<argument>, o<result> and r<result> for trajectories."""
        return (*self.row.arguments, *(f"r{j}" for j, traced in enumerate(self.traced) if traced))

    @cached_property
    def layouts(self) -> dict[str, str]:
        """How the tensor of each of `arguments` lies."""
        found = dict(self.row.layouts)
        for j, (target, state) in enumerate(zip(self.row.targets, self.state, strict=True)):
            found[target] = FULL if state else SEQUENCE
            if self.traced[j]:
                found[f"r{j}"] = SEQUENCE
        return found

    @property
    def comment(self) -> str:
        """Which argument is which."""
        names = enumerate(self.row.equation.arguments)
        return f"{self.row.name}: " + ", ".join(f"p{i} = {name!r}" for i, name in names)

    def named(self, *layouts: str) -> list[str]:
        """The arguments that lie in one of these ways."""
        return [name for name, layout in self.layouts.items() if layout in layouts]


def run_sequence(
    equation: Equation,
    dtype: torch.dtype,
    sources: Sequence[Sequence[Source]],
    results: Sequence[Tensor | State],
    steps: int,
    backend: str | None = None,
) -> None:
    """Computes `equation` in `dtype` for `steps` time steps.

    Parameters
    ----------
    sources : for each argument the contiguous tensors whose sum it is: scalar (1,), row (size,),
        full (batch, size), or sequence, (steps, batch or 1, size). One that is state is a single
        full tensor.
    results : for each result the contiguous tensor (steps, batch, size) that it is written to, or
        a State, whose `tensor` is changed in place.
    backend : reference, cpu or gpu; by default that of the tensors' device.

    Raises EquationError as `Equation.trace`, and ValueError for tensors that have no backend or
    shapes that do not fit.
    """
    shape = _shape(results[0])
    op, args = _prepared(equation, dtype, sources, results, shape[0])
    _check(op, args, steps, *shape)
    if steps and shape[0] * shape[1]:
        module = import_module(f"{__name__}.{backend or backend_of(equation, args[0].device)}")
        module.run(op, args, steps, *shape)


def _prepared(
    equation: Equation,
    dtype: torch.dtype,
    sources: Sequence[Sequence[Source]],
    results: Sequence[Tensor | State],
    batch: int,
) -> tuple[SequenceOp, list[Tensor]]:
    used = [sources[i] for i in equation.trace(dtype).used]
    layouts = tuple(tuple(_layout(source, batch) for source in group) for group in used)
    states = [result if isinstance(result, State) else None for result in results]
    aliases = tuple(None if state is None else state.argument for state in states)
    traced = tuple(state is not None and state.trajectory is not None for state in states)
    op = _op(equation, dtype, layouts, aliases, tuple(s is not None for s in states), traced)
    args = [source.tensor for group in used for source in group]
    args += [_tensor(r) for r, alias in zip(results, aliases, strict=True) if alias is None]
    return op, args + [s.trajectory for s in states if s is not None and s.trajectory is not None]


@lru_cache(maxsize=4096)
def _op(
    equation: Equation,
    dtype: torch.dtype,
    layouts: tuple[tuple[str, ...], ...],
    aliases: tuple[int | None, ...],
    state: tuple[bool, ...],
    traced: tuple[bool, ...],
) -> SequenceOp:
    """One object for all calls alike, whose names are worked out once."""
    return SequenceOp(EquationOp(equation, dtype, layouts, aliases), state, traced)


def _layout(source: Source, batch: int) -> str:
    shared = source.layout == SEQUENCE and source.tensor.shape[1] != batch
    return SHARED if shared else source.layout


def _tensor(result: Tensor | State) -> Tensor:
    return result.tensor if isinstance(result, State) else result


def _shape(result: Tensor | State) -> tuple[int, int]:
    batch, size = _tensor(result).shape[-2:]
    return batch, size


def _check(op: SequenceOp, args: Sequence[Tensor], steps: int, batch: int, size: int) -> None:
    """Kernels trust the shapes: what does not fit would be read or written out of bounds."""
    shapes = {
        SCALAR: (1,),
        ROW: (size,),
        FULL: (batch, size),
        SEQUENCE: (steps, batch, size),
        SHARED: (steps, 1, size),
    }
    for name, tensor in zip(op.arguments, args, strict=True):
        wanted = shapes[op.layouts[name]]
        if tuple(tensor.shape) != wanted or not tensor.is_contiguous():
            raise ValueError(
                f"equation '{op.row.name}' over {steps} steps: {name} has shape "
                f"{tuple(tensor.shape)} and strides {tensor.stride()}; give a contiguous tensor of "
                f"shape {wanted}."
            )


def backend_of(equation: Equation, device: torch.device) -> str:
    found = next((name for name, kind in BACKENDS.items() if kind == device.type), None)
    if found is None:
        raise ValueError(
            f"equation '{equation.name}' has no sequence kernel for {device}, only for cpu and "
            f"cuda; backend='reference' runs it in plain torch."
        )
    return found


__all__ = [
    "BACKENDS",
    "FULL",
    "ROW",
    "SCALAR",
    "SEQUENCE",
    "SHARED",
    "SequenceOp",
    "Source",
    "State",
    "run_sequence",
]
