"""The Triton body of an equation's row: one pass over the neurons, their spikes listed in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from torch import Tensor

from lava_torch.kernels.equation.gpu import BLOCK, TRITON, as_bytes, define
from lava_torch.kernels.equation.row import FULL, ROW, SCALAR, TIME, EquationOp
from lava_torch.kernels.launch import launch

_LOADS = {
    SCALAR: "tl.load({0})",
    ROW: "tl.load({0} + j, mask=inside)",
    FULL: "tl.load({0} + i, mask=inside)",
    TIME: "tl.load({0} + {0}_row + j, mask=inside)",
}

# Each block reserves its part of the list at once; which block comes first is not determined.
_LISTING = """\
    fired = ({value} != 0).to(tl.int32)
    fired = tl.where(inside, fired, 0)
    place = tl.atomic_add(count, tl.sum(fired, 0)) + tl.cumsum(fired, 0) - fired
    tl.store(spikes + place, i.to(tl.int32), mask=fired != 0)
"""


def run(op: EquationOp, args: Sequence[Tensor]) -> None:
    """Compute the row on the tensors' GPU; nothing waits for the host."""
    tensors = dict(zip(op.arguments, args, strict=True))
    target = tensors[op.targets[0]]
    times = [tensors[name].shape[axis] for name in _timed(op) for axis in (0, 1)]
    total = target.numel()
    wide = max([total, *(tensors[name].numel() for name in _timed(op))]) > 2**31 - BLOCK
    grid = (-(-total // BLOCK),)
    launch(
        _kernel(op), grid, *map(as_bytes, args), *times, total, target.shape[1],
        BLOCK=BLOCK, WIDE=wide, BATCHED=len(target) > 1,
    )  # fmt: skip


def _timed(op: EquationOp) -> list[str]:
    return [name for name, layout in op.layouts.items() if layout == TIME]


@cache
def _kernel(op: EquationOp) -> Any:
    name = "row_" + re.sub(r"\W", "_", op.name)
    return define(name, source(op, name))


def source(op: EquationOp, name: str) -> str:
    """The kernel's text: tensors as in `op.arguments`, then T and items of each time source."""
    graph = op.graph
    lines, values = graph.emit(TRITON, [f"v{i}" for i in range(len(graph.arguments))])
    sizes = [f"{n}_{what}" for n in _timed(op) for what in ("steps", "items")]
    text = [
        f"# {op.name}: " + ", ".join(f"p{i} = {a!r}" for i, a in enumerate(graph.arguments)),
        "@triton.jit",
        f"def {name}(",
        f"    {', '.join([*op.arguments, *sizes])}, total, size,",
        "    BLOCK: tl.constexpr, WIDE: tl.constexpr, BATCHED: tl.constexpr",
        "):",
        "    block = tl.program_id(0)",
        "    if WIDE:",
        "        block = block.to(tl.int64)",
        "    i = block * BLOCK + tl.arange(0, BLOCK)",
        "    inside = i < total",
    ]
    if {ROW, TIME} & set(op.layouts.values()):
        # Without a batch nothing has to be divided.
        text += ["    item, j = 0, i", "    if BATCHED:", "        item, j = i // size, i % size"]
    for n in _timed(op):
        item = f"(tl.load(t) - 1) % {n}_steps * {n}_items + item % {n}_items"
        text += [f"    {n}_row = ({item}) * size"]
    cast = TRITON.types[op.dtype]
    for index, group in enumerate(op.sources):
        terms = [
            f"{_LOADS[layout].format(n)}.to({cast})"
            for n, layout in zip(op.parts(index), group, strict=True)
        ]
        text += [f"    v{graph.used[index]} = {' + '.join(terms)}"]
    text += [f"    {line}" for line in lines]
    stores = zip(op.targets, values, strict=True)
    text += [f"    tl.store({target} + i, {value}, mask=inside)" for target, value in stores]
    listed = "" if op.listed is None else _LISTING.format(value=values[op.listed])
    return "\n".join(text) + "\n" + listed
