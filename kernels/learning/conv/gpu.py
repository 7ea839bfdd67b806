"""The Triton body of a kernel's update: a program looks after some weights, and goes over the
places of the output that they are used at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from torch import Tensor

from lava_torch.kernels.equation import Equation
from lava_torch.kernels.equation.gpu import TRITON, define
from lava_torch.kernels.launch import launch
from lava_torch.kernels.learning.conv import GEOMETRY, ConvUpdateOp
from lava_torch.kernels.learning.gpu import random_word
from lava_torch.kernels.learning.rule import FRACTION, HIGH, LOW
from lava_torch.kernels.learning.update.noise import SHIFT, STREAM

#: Weights a program: a kernel has few, and many places.
BLOCK = 64
#: Above any sum of a kernel's changes: what makes it positive to be divided, rounded down.
_FLOOR = 1 << 40

_PLACES = """\
    epoch = tl.load(clock) // t_epoch
    if tl.load(clock) % t_epoch == 0:
        blocks = tl.cdiv(size, BLOCK)
        item = tl.program_id(0) // blocks
        e = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
        held = e < size
        output, rest = e // row, e % row
        kx, ky, c = rest // (size_ky * inputs), rest // inputs % size_ky, rest % inputs
        channel = output // (outputs // groups) * inputs + c
        at = item.to(tl.int64) * size + e
"""

_PAIR = """\
        for b in range(item * shared, (item + 1) * shared):
            for place in range(0, out_x * out_y):
                to_x, to_y = place // out_y, place % out_y
                x = to_x * stride_x - padding_x + (size_kx - 1 - kx) * dilation_x
                y = to_y * stride_y - padding_y + (size_ky - 1 - ky) * dilation_y
                inside = held & (x >= 0) & (x < size_x) & (y >= 0) & (y < size_y)
                j = (x * size_y + y) * channels + channel
                i = place * outputs + output
                pre = tl.zeros((), tl.int64) + b
                when_x = tl.load(tx + pre * size_pre + j, mask=inside, other=0)
                when_y = tl.load(ty + pre * size_post + i, mask=inside, other=0)
"""


def run(op: ConvUpdateOp, args: Mapping[str, Any]) -> None:
    """Write the update of all weights over them; nothing waits for the host."""
    launch(*launched(op, args), BLOCK=BLOCK)


def launched(op: ConvUpdateOp, args: Mapping[str, Any]) -> tuple[Any, tuple[int, ...], Any]:
    """The kernel, its grid and its arguments."""
    first: Tensor = args[op.rule.plan.targets[0]]
    items, outputs, size_kx, size_ky, inputs = first.shape
    size, batch = first[0].numel(), len(args["tx"])
    grid = (items * -(-size // BLOCK),)
    numbers = (
        size, batch // items, size // outputs, outputs, size_kx, size_ky, inputs,
        args["tx"].shape[1], args["ty"].shape[1],
    )  # fmt: skip
    given = [args[name] for name in op.arguments]
    return (_kernel(op), grid, *given, *numbers)


@cache
def _kernel(op: ConvUpdateOp) -> Any:
    name = "conv_update"
    return define(name, source(op, name), random_word=random_word)


def source(op: ConvUpdateOp, name: str) -> str:
    """The kernel's text: the op's arguments, then the kernel's sizes."""
    rule, plan, cast = op.rule, op.rule.plan, TRITON.types[op.dtype]
    wide = "tl.int64" if rule.fixed else cast
    sizes = "size, shared, row, outputs, size_kx, size_ky, inputs, size_pre, size_post"
    text = [
        "@triton.jit",
        f"def {name}(",
        f"    {', '.join(op.arguments)},",
        f"    {sizes}, BLOCK: tl.constexpr",
        "):",
        *_PLACES.splitlines(),
        *_lines(2, [f"v_{v} = tl.load({v} + at, mask=held).to({cast})" for v in plan.variables]),
        *_lines(2, [f"s_{v} = tl.zeros((BLOCK,), {wide})" for v in plan.targets]),
        *_PAIR.splitlines(),
        *_lines(4, _changes(op, cast, wide)),
        *_lines(2, _finish(op, cast)),
    ]
    return "\n".join(text) + "\n"


def _lines(levels: int, lines: list[str]) -> list[str]:
    return ["    " * levels + line for line in lines]


def _changes(op: ConvUpdateOp, cast: str, wide: str) -> list[str]:
    plan = op.rule.plan
    flags = {"x0": "when_x != 0", "y0": "when_y != 0", "u": "epoch % decimate == 0"}
    steps = {"x0": "when_x", "y0": "when_y", "u": "t_epoch"}
    lines = [f"f_{n} = ({flags[n]}).to({cast})" for n in plan.flags]
    for trace, when in plan.traces:
        neuron, size = ("j", "size_pre") if trace.startswith("x") else ("i", "size_post")
        row = f"(pre * (t_epoch + 1) + {steps[when]}) * {size} + {neuron}"
        lines += [f"f_{trace}_{when} = tl.load(h_{trace} + {row}, mask=inside, other=0)"]
    names = [f"v_{v}" for v in plan.variables] + [f"f_{n}" for n in op.rule.factors]
    text, values = _emitted(op, op.rule.changes, names)
    pairs = zip(plan.targets, values, strict=True)
    added = [f"s_{v} += tl.where(inside, {e}, 0).to({wide})" for v, e in pairs]
    return [*lines, *text, *added]


def _finish(op: ConvUpdateOp, cast: str) -> list[str]:
    targets, names = op.rule.plan.targets, []
    lines = [f"many = tl.zeros((BLOCK,), {'tl.int64' if op.rule.fixed else cast}) + shared"]
    for v in targets:
        if op.rule.fixed:
            share = f"(s_{v} + many * {_FLOOR}) // many - {_FLOOR}"
            lines += [f"a_{v} = (v_{v}.to(tl.int64) << {FRACTION}) + {share}"]
            lines += [f"a_{v} = tl.minimum(tl.maximum(a_{v}, {LOW}), {HIGH}).to(tl.int32)"]
        else:
            lines += [f"a_{v} = v_{v} + {TRITON.expression('div', op.dtype, [f's_{v}', 'many'])}"]
        names.append(f"a_{v}")
    if op.rule.fixed:
        word = f"random_word(e, clock, item, key0, key1, {STREAM})"
        lines += [f"r = ({word} >> {SHIFT}).to(tl.int32)"]
        names.append("r")
    text, values = _emitted(op, op.rule.finish, names)
    pairs = zip(op.rule.results, values, strict=True)
    stores = [f"tl.store({v} + at, {e}, mask=held)" for v, e in pairs]
    return [*lines, *text, *stores]


def _emitted(op: ConvUpdateOp, equation: Equation, names: list[str]) -> tuple[list[str], list[str]]:
    text, values = equation.trace(op.dtype).emit(TRITON, names, "e_")
    return [re.sub(r"\s+$", "", line) for line in text], values


__all__ = ["BLOCK", "GEOMETRY", "launched", "run", "source"]
