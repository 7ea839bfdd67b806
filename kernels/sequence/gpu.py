"""The Triton body: a program holds a block of neurons in registers for all steps. Linux only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from torch import Tensor

from lava_torch.kernels.equation.gpu import TRITON, as_bytes, define
from lava_torch.kernels.launch import launch
from lava_torch.kernels.sequence import FULL, ROW, SCALAR, SEQUENCE, SHARED, SequenceOp
from lava_torch.kernels.text import indented

#: Neurons a program, one a thread: the steps are sequential, so that programs are many and small.
BLOCK = 128

#: How an argument of a layout is read, by its pointer's name.
LOADS = {
    SCALAR: "tl.load({0})",
    ROW: "tl.load({0} + j, mask=inside)",
    FULL: "tl.load({0} + i, mask=inside)",
    SEQUENCE: "tl.load({0} + i, mask=inside)",
    SHARED: "tl.load({0} + j, mask=inside)",
}

# `steps` is never a constant: one compiled kernel serves all lengths.
_HEADER = """\
# {comment}
@triton.jit(do_not_specialize=["steps"])
def {name}(
    {arguments}, steps, total, size,
    BLOCK: tl.constexpr, WIDE: tl.constexpr
):
    block = tl.program_id(0)
    if WIDE:
        block = block.to(tl.int64)
    i = block * BLOCK + tl.arange(0, BLOCK)
    inside = i < total
    j = i % size
"""


def run(op: SequenceOp, args: Sequence[Tensor], steps: int, batch: int, size: int) -> None:
    """Computes the sequence on the tensors' GPU; nothing waits for the host."""
    start(kernel(op), args, steps, batch, size, batch * size)


def start(
    kernel: Any, args: Sequence[Tensor], steps: int, batch: int, size: int, farthest: int
) -> None:
    """Starts a kernel of an equation over many steps, which counts to `farthest` in 32 bits if it
    can."""
    total = batch * size
    grid = (-(-total // BLOCK),)
    pointers = [as_bytes(tensor.detach()) for tensor in args]
    wide = farthest > 2**31 - BLOCK
    launch(kernel, grid, *pointers, steps, total, size, BLOCK=BLOCK, WIDE=wide)


@cache
def kernel(op: SequenceOp) -> Any:
    """The kernel, as `triton.jit` gives it: tensors as in `op.arguments`, steps, total, size."""
    name = kernel_name(op.row.name)
    return define(name, source(op, name))


def kernel_name(name: str) -> str:
    return "sequence_" + re.sub(r"\W", "_", name)


def kernel_text(comment: str, name: str, arguments: Iterable[str], lines: Iterable[str]) -> str:
    """The kernel of that name and arguments, by its lines."""
    header = _HEADER.format(comment=comment, name=name, arguments=", ".join(arguments))
    return header + "\n".join(indented(lines)) + "\n"


def source(op: SequenceOp, name: str) -> str:
    """The kernel's text. Pointers to sequences move on by a row a step, so that offsets stay small.
    State is carried in the compute dtype."""
    graph = op.row.graph
    lines, values = graph.emit(TRITON, [f"v{i}" for i in range(len(graph.arguments))])
    before, inside = _reads(op)
    zeros, carries, after = _state(op, values)
    sent = [(op.row.targets[j], v) for j, v in enumerate(values) if not op.state[j]]
    sent += [(f"r{j}", v) for j, v in enumerate(values) if op.traced[j]]
    stores = [f"tl.store({target} + i, {value}, mask=inside)" for target, value in sent]
    moves = [f"{n} += total" for n in op.named(SEQUENCE)]
    moves += [f"{n} += size" for n in op.named(SHARED)]
    text = [*before, *zeros, "for _ in range(steps):"]
    text += indented([*inside, *lines, *stores, *carries, *moves])
    return kernel_text(op.comment, name, op.arguments, [*text, *after])


def _state(op: SequenceOp, values: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The lines that carry state: before all steps, at the end of each, and after all.

    It is carried under the name of the argument that reads it, rounded as memory would round it.
    """
    cast, zeros, new, moved, after = TRITON.types[op.row.dtype], [], [], [], []
    for j in (j for j, is_state in enumerate(op.state) if is_state):
        target, argument = op.row.targets[j], op.row.aliases[j]
        name = f"c{j}" if argument is None else f"v{argument}"
        if argument is None:
            zeros.append(f"{name} = tl.zeros((BLOCK,), {cast})")
        rounded = f"({values[j]}).to({target}.dtype.element_ty).to({cast})"
        new.append(f"n{j} = tl.broadcast_to({rounded}, (BLOCK,))")
        moved.append(f"{name} = n{j}")
        after.append(f"tl.store({target} + i, {name}, mask=inside)")
    # Two states may change places: all are computed before any is replaced.
    return zeros, new + moved, after


def _reads(op: SequenceOp) -> tuple[list[str], list[str]]:
    """The lines that read the arguments: what stays or is carried, and what each step reads."""
    cast = TRITON.types[op.row.dtype]
    before: list[str] = []
    inside: list[str] = []
    for index, group in enumerate(op.row.sources):
        names = op.row.parts(index)
        terms = [
            f"{LOADS[layout].format(n)}.to({cast})" for n, layout in zip(names, group, strict=True)
        ]
        place = inside if {SEQUENCE, SHARED} & set(group) else before
        place.append(f"v{op.row.graph.used[index]} = {' + '.join(terms)}")
    return before, inside
