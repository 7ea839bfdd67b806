"""How the arguments of a call lie in memory, and where its results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from lava_torch.kernels.equation.graph import COMPUTE_DTYPES, CONDITION, NUMBER, Graph

#: One element for all; one row, shared by all items of a batch; one element each.
SCALAR, ROW, FULL = "scalar", "row", "full"

#: Argument dtypes that are cast to the compute dtype where they are loaded.
SMALL_DTYPES = (torch.bool, torch.uint8)


@dataclass(frozen=True)
class Plan:
    """What follows from the arguments' shapes and dtypes.

    The results have `shape`, which is `batch` rows of `size` elements. `layouts` holds scalar, row
    or full, one an argument; `views` the shapes that these have in memory; `expansions` the shape
    that an argument is first expanded to, or None.
    """

    dtype: torch.dtype
    shape: torch.Size
    batch: int
    size: int
    layouts: tuple[str, ...]
    expansions: tuple[torch.Size | None, ...]

    @property
    def full_view(self) -> tuple[int, int]:
        return self.batch, self.size

    @cached_property
    def views(self) -> tuple[tuple[int, ...], ...]:
        shapes = {SCALAR: (1,), ROW: (self.size,), FULL: self.full_view}
        return tuple(shapes[layout] for layout in self.layouts)


def check_arguments(name: str, arguments: tuple[str, ...], tensors: Sequence[object]) -> None:
    """Raises TypeError unless there is one tensor an argument."""
    if len(tensors) != len(arguments):
        raise TypeError(
            f"equation '{name}' takes {len(arguments)} arguments ({', '.join(arguments)}), "
            f"got {len(tensors)}."
        )
    for argument, tensor in zip(arguments, tensors, strict=True):
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"equation '{name}': argument '{argument}' is a {type(tensor).__name__}; "
                "pass a tensor of the compute dtype."
            )


def plan(name: str, arguments: tuple[str, ...], tensors: Sequence[Tensor]) -> Plan:
    """The plan of a call.

    Raises TypeError for dtypes, ValueError for several devices and shapes that do not broadcast.
    """
    return _plan(name, arguments, tuple([(t.shape, t.dtype, t.device) for t in tensors]))


@lru_cache(maxsize=4096)
def _plan(
    name: str,
    arguments: tuple[str, ...],
    signature: tuple[tuple[torch.Size, torch.dtype, torch.device], ...],
) -> Plan:
    shapes, dtypes, devices = zip(*signature, strict=True)
    _check_device(name, arguments, devices)
    dtype = _compute_dtype(name, arguments, dtypes)
    shape = _broadcast(name, arguments, shapes)
    row = _row_shape(shape, shapes)
    pairs = [_layout(s, shape, row) for s in shapes]
    layouts = tuple(layout for layout, _ in pairs)
    size = prod(row) if ROW in layouts else prod(shape)
    batch = prod(shape) // size if size else 0
    return Plan(dtype, shape, batch, size, layouts, tuple(expand for _, expand in pairs))


def _check_device(name: str, arguments: tuple[str, ...], devices: tuple[torch.device, ...]) -> None:
    for argument, device in zip(arguments, devices, strict=True):
        if device != devices[0]:
            raise ValueError(
                f"equation '{name}': argument '{argument}' is on {device}, "
                f"'{arguments[0]}' is on {devices[0]}; move them to one device."
            )


def _compute_dtype(
    name: str, arguments: tuple[str, ...], dtypes: tuple[torch.dtype, ...]
) -> torch.dtype:
    allowed = "float32, float64 or int32, the same for all (bool and uint8 are cast to it)"
    for argument, dtype in zip(arguments, dtypes, strict=True):
        if dtype not in COMPUTE_DTYPES and dtype not in SMALL_DTYPES:
            raise TypeError(f"equation '{name}': argument '{argument}' is {dtype}; give {allowed}.")
    found = [(a, d) for a, d in zip(arguments, dtypes, strict=True) if d in COMPUTE_DTYPES]
    if not found:
        raise TypeError(f"equation '{name}' has no argument of a compute dtype: {allowed}.")
    for argument, dtype in found:
        if dtype != found[0][1]:
            raise TypeError(
                f"equation '{name}': argument '{argument}' is {dtype} but '{found[0][0]}' is "
                f"{found[0][1]}; give {allowed}."
            )
    return found[0][1]


def _broadcast(name: str, arguments: tuple[str, ...], shapes: tuple[torch.Size, ...]) -> torch.Size:
    try:
        # Not torch's, which imports sympy for it.
        return torch.Size(np.broadcast_shapes(*shapes))
    except ValueError as error:
        each = ", ".join(f"{a} {tuple(s)}" for a, s in zip(arguments, shapes, strict=True))
        raise ValueError(f"equation '{name}': shapes do not broadcast: {each}.") from error


def _stripped(shape: torch.Size) -> torch.Size:
    """`shape` without leading dimensions of size 1."""
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return shape[first:]


def _is_row(shape: torch.Size, full: torch.Size) -> bool:
    tail = _stripped(shape)
    return len(tail) > 0 and shape != full and full[len(full) - len(tail) :] == tail


def _row_shape(full: torch.Size, shapes: tuple[torch.Size, ...]) -> torch.Size:
    """The longest of the arguments that are one row."""
    rows = [_stripped(s) for s in shapes if _is_row(s, full)]
    return max(rows, key=len, default=torch.Size())


def _layout(shape: torch.Size, full: torch.Size, row: torch.Size) -> tuple[str, torch.Size | None]:
    """The layout of an argument and, where it must be expanded first, the shape to expand to."""
    if shape == full:
        return FULL, None
    if prod(shape) == 1:
        return SCALAR, None
    if _is_row(shape, full):
        return ROW, None if _stripped(shape) == row else row
    return FULL, full


def contiguous(plan: Plan, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The arguments as their layouts say, one block of memory each."""
    return [
        t if shape is None and t.is_contiguous() and not t.requires_grad else _copied(t, shape)
        for t, shape in zip(tensors, plan.expansions, strict=True)
    ]


def _copied(tensor: Tensor, shape: torch.Size | None) -> Tensor:
    if shape is not None:
        # Only dimensions of size 1 lead a row that is longer than its shape.
        tensor = tensor.reshape(tensor.shape[-len(shape) :]).expand(shape)
    return tensor.detach().contiguous()


@dataclass(frozen=True)
class Results:
    """Tensors to write, and for each the position of the argument that it lies in, or None."""

    tensors: tuple[Tensor, ...]
    aliases: tuple[int | None, ...]


def results(
    graph: Graph, plan: Plan, arguments: Sequence[Tensor], out: Sequence[Tensor | None] | None
) -> Results:
    """New tensors, or those of `out` once checked.

    New ones have the compute dtype, or bool for conditions. Raises TypeError and ValueError for an
    `out` that cannot be written to, or that overlaps an argument other than exactly.
    """
    device = arguments[0].device
    kinds = graph.output_kinds
    if out is None:
        return Results(tuple(_fresh(plan, k, device) for k in kinds), (None,) * len(kinds))
    if len(out) != len(kinds):
        raise ValueError(
            f"equation '{graph.name}' has {len(kinds)} results; out holds {len(out)} tensors."
        )
    tensors: list[Tensor] = []
    aliases: list[int | None] = []
    taken = _Taken(graph, plan, arguments)
    for index, (tensor, kind) in enumerate(zip(out, kinds, strict=True)):
        if tensor is None:
            tensors.append(_fresh(plan, kind, device))
            aliases.append(None)
        else:
            where = f"equation '{graph.name}': out[{index}]"
            _check_out(where, plan, kind, device, tensor)
            aliases.append(taken.alias(where, tensor))
            tensors.append(tensor.detach())
    return Results(tuple(tensors), tuple(aliases))


def _fresh(plan: Plan, kind: str, device: torch.device) -> Tensor:
    dtype = torch.bool if kind == CONDITION else plan.dtype
    return torch.empty(plan.shape, device=device, dtype=dtype)


def _check_out(where: str, plan: Plan, kind: str, device: torch.device, tensor: Tensor) -> None:
    small = () if kind == NUMBER else SMALL_DTYPES
    if tensor.dtype != plan.dtype and tensor.dtype not in small:
        also = " (or bool, uint8)" if small else ""
        raise TypeError(f"{where} is {tensor.dtype}; give {plan.dtype}{also}.")
    if tensor.shape != plan.shape or not tensor.is_contiguous():
        raise ValueError(
            f"{where} has shape {tuple(tensor.shape)} and strides {tensor.stride()}; "
            f"give a contiguous tensor of shape {tuple(plan.shape)}."
        )
    if tensor.device != device:
        raise ValueError(f"{where} is on {tensor.device}, the arguments are on {device}.")


class _Taken:
    """The memory of the arguments, and of the results that were given."""

    def __init__(self, graph: Graph, plan: Plan, arguments: Sequence[Tensor]) -> None:
        self._names = graph.arguments
        self._layouts = plan.layouts
        self._read = [(i, arguments[i].dtype, *_span(arguments[i])) for i in graph.used]
        self._written: list[tuple[int, int]] = []

    def alias(self, where: str, tensor: Tensor) -> int | None:
        """The position of an argument that `tensor` is, where one lies there at all."""
        start, end = _span(tensor)
        if any(start < b and a < end for a, b in self._written):
            raise ValueError(f"{where} overlaps another result.")
        self._written.append((start, end))
        touched = [read for read in self._read if start < read[3] and read[2] < end]
        for position, dtype, a, b in touched:
            if (a, b, dtype) != (start, end, tensor.dtype):
                raise ValueError(
                    f"{where} overlaps argument '{self._names[position]}' without being the same "
                    "elements; clone one of them."
                )
        # A single element may have another layout; it is read before it is written anyway.
        return next((read[0] for read in touched if self._layouts[read[0]] == FULL), None)


def _span(tensor: Tensor) -> tuple[int, int]:
    """The addresses of the first byte of a contiguous tensor, and after its last."""
    start = tensor.data_ptr()
    return start, start + tensor.nbytes
