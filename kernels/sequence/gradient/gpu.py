"""The Triton body: a program holds what a block of neurons carries in registers. Linux only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from torch import Tensor

from lava_torch.kernels.equation.gpu import TRITON, define
from lava_torch.kernels.sequence import FULL, SEQUENCE
from lava_torch.kernels.sequence.gpu import LOADS, kernel_name, kernel_text, start
from lava_torch.kernels.sequence.gradient import GradientOp
from lava_torch.kernels.text import indented


def run(op: GradientOp, args: Sequence[Tensor], steps: int, batch: int, size: int) -> None:
    """Computes the gradients on the tensors' GPU; nothing waits for the host."""
    start(kernel(op), args, steps, batch, size, steps * batch * size)


@cache
def kernel(op: GradientOp) -> Any:
    """The kernel, as `triton.jit` gives it: tensors as in `op.layouts`, steps, total, size."""
    name = kernel_name(op.name)
    return define(name, source(op, name))


def source(op: GradientOp, name: str) -> str:
    """The kernel's text. Pointers to sequences go back by a row a step, so that offsets stay
    small."""
    lines, values = op.graph.emit(TRITON, [f"v{i}" for i in range(len(op.graph.arguments))])
    summed = [i for i in op.wanted if op.layouts[f"d{i}"] == FULL]
    text = [*_fixed(op), *_starts(op, summed), "for k in range(steps):"]
    text += indented([*_step(op), *lines, *_results(op, values, summed), *_moves(op)])
    text += [f"tl.store(d{i} + i, s{i}, mask=inside)" for i in summed]
    return kernel_text(op.comment, name, op.layouts, text)


def _fixed(op: GradientOp) -> list[str]:
    """The values that stay: parameters, and state before the first step."""
    cast, lines = TRITON.types[op.dtype], []
    for i in op.reads:
        lies = op.forward.layouts[i]
        if lies != SEQUENCE:
            name = f"f{i}" if lies == FULL else f"v{i}"
            lines.append(f"{name} = {LOADS[lies].format(f'p{i}')}.to({cast})")
    return lines


def _starts(op: GradientOp, summed: Sequence[int]) -> list[str]:
    """Sums and what is carried start at 0, pointers at the last step; those to state a step before,
    where the first step has none."""
    cast = TRITON.types[op.dtype]
    lines = [f"c{j} = tl.zeros((BLOCK,), {cast})" for j in op.carried]
    lines += [f"s{i} = tl.zeros((BLOCK,), {cast})" for i in summed]
    lines += ["last = steps - 1", "if WIDE:", "    last = last.to(tl.int64)"]
    return lines + [
        f"{n} += (last - 1) * total" if n.startswith("r") else f"{n} += last * total"
        for n in op.named(SEQUENCE)
    ]


def _step(op: GradientOp) -> list[str]:
    cast, count, lines = TRITON.types[op.dtype], len(op.forward.layouts), []
    for i in op.reads:
        lies, before = op.forward.layouts[i], op.before(i)
        if lies == SEQUENCE:
            lines.append(f"v{i} = tl.load(p{i} + i, mask=inside).to({cast})")
        elif before is not None:
            lines.append(f"b{i} = tl.load({before} + i, mask=inside & (k < steps - 1))")
            lines.append(f"v{i} = tl.where(k < steps - 1, b{i}.to({cast}), f{i})")
    for j, given in enumerate(op.given):
        terms = [f"c{j}"] * (j in op.carried)
        terms += [f"tl.load(g{j} + i, mask=inside).to({cast})"] * given
        if terms:
            lines.append(f"v{count + j} = {' + '.join(terms)}")
    return lines


def _results(op: GradientOp, values: Sequence[str], summed: Sequence[int]) -> list[str]:
    lines, carried = [], []
    for i, value in zip(op.wanted, values, strict=False):
        if i in summed:
            lines.append(f"s{i} = s{i} + {value}")
        else:
            lines.append(f"tl.store(d{i} + i, {value}, mask=inside)")
    for j, value in zip(op.carried, values[len(op.wanted) :], strict=True):
        lines.append(f"n{j} = tl.broadcast_to({value}, (BLOCK,))")
        carried.append(f"c{j} = n{j}")
    # Two may change places: all are computed before any is replaced.
    return lines + carried


def _moves(op: GradientOp) -> list[str]:
    return [f"{n} -= total" for n in op.named(SEQUENCE)]
