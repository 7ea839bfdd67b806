"""An equation as a row of a table: in place, on state, messages and parameters as they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import torch
from torch import Tensor

from lava_torch.kernels.equation.dispatch import Equation
from lava_torch.kernels.equation.graph import Graph
from lava_torch.kernels.equation.layout import FULL, ROW, SCALAR
from lava_torch.kernels.op import Row

#: Row (t - 1) % T of data that is there for all time steps.
TIME = "time"
#: What is no source: a result's own tensor, the time step, the list of spikes.
NEW, CLOCK, LIST = "new", "clock", "list"


@dataclass(frozen=True)
class Source:
    """A tensor that an argument is read from, and how it lies there.

    scalar (1,), row (size,), full (batch, size), time (T, batch or 1, size).
    """

    tensor: Tensor
    layout: str


@dataclass(frozen=True)
class EquationOp:
    """An equation for given layouts; it has what a `kernels.op.RowOp` has.

    `sources` holds the layouts of each argument that is used, one a tensor: several tensors are
    summed. `aliases` says for each result the argument that it is written over, or None for a
    tensor of its own (batch, size). `listed` is the result whose spikes are listed in the same
    pass, by the Triton body alone.
    """

    equation: Equation
    dtype: torch.dtype
    sources: tuple[tuple[str, ...], ...]
    aliases: tuple[int | None, ...]
    listed: int | None = None

    failures = ()
    fallible = False

    @property
    def graph(self) -> Graph:
        return self.equation.trace(self.dtype)

    @property
    def name(self) -> str:
        return self.equation.name

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        names = [name for i in range(len(self.sources)) for name in self.parts(i)]
        clock = ["t"] if self.reads_time else []
        lists = [] if self.listed is None else ["spikes", "count"]
        return (*names, *self.new, *clock, *lists)

    @cached_property
    def writes(self) -> tuple[str, ...]:
        return (*self.targets, *([] if self.listed is None else ["spikes", "count"]))

    @property
    def reads_time(self) -> bool:
        return any(TIME in layouts for layouts in self.sources)

    @cached_property
    def layouts(self) -> dict[str, str]:
        """How the tensor of each of `arguments` lies."""
        found = {
            name: layout
            for i, group in enumerate(self.sources)
            for name, layout in zip(self.parts(i), group, strict=True)
        }
        others = {"t": CLOCK, "spikes": LIST, "count": LIST}
        return {name: found.get(name, others.get(name, NEW)) for name in self.arguments}

    def parts(self, index: int) -> list[str]:
        """The names of the tensors whose sum is the used argument of this index."""
        position, count = self.graph.used[index], len(self.sources[index])
        return [f"p{position}" + (f"_{k}" if count > 1 else "") for k in range(count)]

    @property
    def new(self) -> list[str]:
        """The names of the results that have tensors of their own."""
        return [f"o{j}" for j, alias in enumerate(self.aliases) if alias is None]

    @property
    def targets(self) -> list[str]:
        """The names of the tensors that the results are written to."""
        return [f"o{j}" if a is None else f"p{a}" for j, a in enumerate(self.aliases)]

    def cpu_source(self) -> tuple[str, str]:
        """The numba function `body`; its text is all that it depends on."""
        from lava_torch.kernels.equation.row import cpu

        return cpu.source(self), f"equation {self.name}"

    def body(self, backend: str) -> Callable[..., None]:
        """The function of a backend, "reference" or "gpu"; that of the CPU is in an adapter only.

        Raises ValueError for others.
        """
        if backend == "reference":
            return lambda *args: _run_reference(self, args)
        if backend == "gpu":
            from lava_torch.kernels.equation.row import gpu

            return lambda *args: gpu.run(self, args)
        raise ValueError(f"An equation's row has bodies for reference and gpu, not '{backend}'.")


def equation_row(
    equation: Equation,
    dtype: torch.dtype,
    sources: Sequence[Sequence[Source]],
    results: Sequence[Tensor | int],
    clock: Tensor,
) -> Row:
    """The row that computes `equation` in `dtype`, once.

    Parameters
    ----------
    sources : for each argument of the equation the contiguous tensors whose sum it is.
    results : for each result the contiguous tensor (batch, size) that it is written to, or the
        position of the argument that it is written over, which must be one full tensor.
    clock : int64 (1,), the time step.

    Raises EquationError as `Equation.trace`.
    """
    used = [sources[i] for i in equation.trace(dtype).used]
    layouts = tuple(tuple(source.layout for source in group) for group in used)
    aliases = tuple(result if isinstance(result, int) else None for result in results)
    op = EquationOp(equation, dtype, layouts, aliases)
    args = [source.tensor for group in used for source in group]
    args += [result for result in results if isinstance(result, Tensor)]
    return Row(op, (*args, clock) if op.reads_time else tuple(args))


def listing(row: Row, result: int, spikes: Tensor, count: Tensor) -> Row:
    """The same row, which lists the spikes of a result besides: for the Triton body.

    `count`, int32 (1,), must be 0 before; the order of the list is not determined.
    """
    return replace(row, op=replace(row.op, listed=result), args=(*row.args, spikes, count))


def _run_reference(op: EquationOp, args: Sequence[Tensor]) -> None:
    """The equation's torch body."""
    tensors = dict(zip(op.arguments, args, strict=True))
    values = {
        position: reduce(torch.add, [_seen(op, name, tensors) for name in op.parts(index)])
        for index, position in enumerate(op.graph.used)
    }
    unused = torch.zeros((), dtype=op.dtype, device=args[0].device)
    shape = tensors[op.targets[0]].shape
    given = [values.get(i, unused) for i in range(len(op.equation.arguments))]
    given[0] = given[0].expand(shape)
    results = op.equation.body("torch")(*given)
    for name, value in zip(op.targets, [result.clone() for result in results], strict=True):
        tensors[name].copy_(value)
    if op.listed is not None:
        places = tensors[op.targets[op.listed]].reshape(-1).nonzero().reshape(-1)
        tensors["spikes"][: len(places)] = places
        tensors["count"].fill_(len(places))


def _seen(op: EquationOp, name: str, tensors: dict[str, Tensor]) -> Tensor:
    tensor = tensors[name]
    if op.layouts[name] == TIME:
        tensor = tensor[(int(tensors["t"]) - 1) % tensor.shape[0]]
    return tensor.to(op.dtype)


__all__ = [
    "CLOCK",
    "FULL",
    "LIST",
    "NEW",
    "ROW",
    "SCALAR",
    "TIME",
    "EquationOp",
    "Source",
    "equation_row",
    "listing",
]
