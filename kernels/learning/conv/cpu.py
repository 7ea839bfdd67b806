"""The numba body of a kernel's update: for each weight, a generated loop over its pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lava_torch.kernels.equation import Equation
from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.learning.rule import FRACTION, HIGH, LOW
from lava_torch.kernels.learning.update import cpu as update
from lava_torch.kernels.learning.update.noise import SHIFT, STREAM

if TYPE_CHECKING:
    from lava_torch.kernels.learning.conv import ConvUpdateOp

_BODY = """\
import math
import numpy as np
from numba import njit
from lava_torch.kernels.learning.cpu import random_word
from lava_torch.kernels.table.share import share


@njit(nogil=True, error_model="numpy")
def body({arguments}, thread, threads):
    items, outputs, size_kx, size_ky, inputs = {first}.shape
    batch = tx.shape[0]
    shared = batch // items
    row = size_kx * size_ky * inputs
    low, high = share(outputs, thread, threads)
    {u}
    for item in range(items):
        for output in range(low, high):
            channel = output // (outputs // groups) * inputs
            for e in range(row):
                kx, ky, c = e // (size_ky * inputs), e // inputs % size_ky, e % inputs
                {variables}
                {zeros}
                for b in range(item * shared, (item + 1) * shared):
                    for to_x in range(out_x):
                        x = to_x * stride_x - padding_x + (size_kx - 1 - kx) * dilation_x
                        if x < 0 or x >= size_x:
                            continue
                        for to_y in range(out_y):
                            y = to_y * stride_y - padding_y + (size_ky - 1 - ky) * dilation_y
                            if y < 0 or y >= size_y:
                                continue
                            j = np.uint64((x * size_y + y) * channels + channel + c)
                            i = np.uint64((to_x * out_y + to_y) * outputs + output)
                            when_x, when_y = np.uint32(tx[b, j]), np.uint32(ty[b, i])
                            {silent}
                            {change}
                {finish}
"""


def files() -> tuple[str, ...]:
    """Where the functions are that the text links."""
    return update.files()


def source(op: ConvUpdateOp) -> str:
    """The module text that defines `body(arguments, thread, threads)`."""
    rule, plan, cast = op.rule, op.rule.plan, NUMBA.types[op.dtype]
    at = "item, output, kx, ky, c"
    wide = "np.int64" if rule.fixed else cast
    parts = {
        "u": ["u = clock[0] // t_epoch % decimate == 0"] if "u" in plan.flags else [],
        "variables": [f"v_{name} = {cast}({name}[{at}])" for name in plan.variables],
        "zeros": [f"s_{name} = {wide}(0)" for name in plan.targets],
        "silent": ["if when_x == 0 and when_y == 0:", "    continue"] if plan.event_driven else [],
        "change": _change(op, cast),
        "finish": _finish(op, cast, at),
    }  # fmt: skip
    text = []
    for line in _BODY.splitlines():
        name = line.strip()[1:-1]
        if name in parts and line.strip() == "{" + name + "}":
            margin = line[: len(line) - len(line.lstrip())]
            text += [margin + part for part in parts[name]]
        else:
            text.append(line)
    return (
        "\n".join(text)
        .replace("{arguments}", ", ".join(op.arguments))
        .replace("{first}", plan.targets[0])
        + "\n"
    )


def _change(op: ConvUpdateOp, cast: str) -> list[str]:
    flags = {"x0": "when_x != 0", "y0": "when_y != 0", "u": "u"}
    steps = {"x0": "when_x", "y0": "when_y", "u": "t_epoch"}
    lines = [f"f_{name} = {cast}({flags[name]})" for name in op.rule.plan.flags]
    for trace, when in op.rule.plan.traces:
        neuron = "j" if trace.startswith("x") else "i"
        lines += [f"f_{trace}_{when} = h_{trace}[b, {steps[when]}, {neuron}]"]
    names = [f"v_{name}" for name in op.rule.plan.variables]
    names += [f"f_{name}" for name in op.rule.factors]
    text, values = _emitted(op, op.rule.changes, names)
    sums = zip(op.rule.plan.targets, values, strict=True)
    return [*lines, *text, *(f"s_{name} += {value}" for name, value in sums)]


def _finish(op: ConvUpdateOp, cast: str, at: str) -> list[str]:
    lines = []
    for name in op.rule.plan.targets:
        if op.rule.fixed:
            total = f"(np.int64(v_{name}) << {FRACTION}) + s_{name} // shared"
            lines += [f"a_{name} = np.int32(min(max({total}, {LOW}), {HIGH}))"]
        else:
            lines += [f"a_{name} = {cast}(v_{name} + s_{name} / {cast}(shared))"]
    names = [f"a_{name}" for name in op.rule.plan.targets]
    if op.rule.fixed:
        weight = "np.int64(output) * row + e"
        word = f"random_word({weight}, clock[0], item, {STREAM}, key0, key1)"
        lines += [f"r = np.int32({word} >> np.uint32({SHIFT}))"]
        names.append("r")
    text, values = _emitted(op, op.rule.finish, names)
    stores = zip(op.rule.results, values, strict=True)
    return [*lines, *text, *(f"{name}[{at}] = {value}" for name, value in stores)]


def _emitted(op: ConvUpdateOp, equation: Equation, names: list[str]) -> tuple[list[str], list[str]]:
    return equation.trace(op.dtype).emit(NUMBA, names, "e_")
