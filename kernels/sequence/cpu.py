"""The numba body: blocks of neurons whose state stays in the cache, time inside."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

from lava_torch.kernels.equation import cache as files
from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.sequence import FULL, ROW, SCALAR, SEQUENCE, SHARED, SequenceOp

#: Neurons a block: their state and a step's messages fit the first-level cache.
BLOCK = 2048

_HEADER = """\
# {comment}
import math
import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def body({arguments}, steps, batch, size):
"""

_ELEMENT = {
    SCALAR: "{0}[0]",
    ROW: "{0}_b[i]",
    FULL: "{0}_b[i]",
    SEQUENCE: "{0}_t[i]",
    SHARED: "{0}_t[i]",
}


def run(op: SequenceOp, args: Sequence[Tensor], steps: int, batch: int, size: int) -> None:
    """Computes the sequence on the CPU; it holds no lock of Python's."""
    _body(op)(*(tensor.detach().numpy() for tensor in args), steps, batch, size)


@cache
def _body(op: SequenceOp) -> Callable[..., None]:
    return files.load("sequence_" + re.sub(r"\W", "_", op.row.name), source(op)).body


def source(op: SequenceOp) -> str:
    """The module text that defines `body(arguments, steps, batch, size)`.

    Slices taken before the innermost loop, and a range over their length, are what LLVM vectorises.
    """
    graph, targets = op.row.graph, op.row.targets
    lines, values = graph.emit(NUMBA, [f"v{i}" for i in range(len(graph.arguments))])
    scalars, inside = _reads(op)
    block = [f"{n}_b = {n}[low:high]" for n in op.named(ROW)]
    block += [f"{n}_b = {n}[b, low:high]" for n in op.named(FULL)]
    now = [f"{n}_t = {n}[t, b, low:high]" for n in op.named(SEQUENCE)]
    now += [f"{n}_t = {n}[t, 0, low:high]" for n in op.named(SHARED)]
    places = [_ELEMENT[op.layouts[target]].format(target) for target in targets]
    stores = [f"{place} = {value}" for place, value in zip(places, values, strict=True)]
    stores += [f"r{j}_t[i] = {value}" for j, value in enumerate(values) if op.traced[j]]
    header = _HEADER.format(comment=op.comment, arguments=", ".join(op.arguments))
    text = _indented(1, [*scalars, "for b in range(batch):"])
    text += _indented(2, [f"for low in range(0, size, {BLOCK}):"])
    text += _indented(3, [f"high = min(low + {BLOCK}, size)", *block, "for t in range(steps):"])
    text += _indented(4, [*now, f"for i in range({places[0].removesuffix('[i]')}.shape[0]):"])
    text += _indented(5, [*inside, *lines, *stores])
    return header + "\n".join(text) + "\n"


def _indented(depth: int, lines: Sequence[str]) -> list[str]:
    return ["    " * depth + line for line in lines]


def _reads(op: SequenceOp) -> tuple[list[str], list[str]]:
    """The lines that read the arguments: scalars, and what is read for each neuron and step."""
    cast = NUMBA.types[op.row.dtype]
    before: list[str] = []
    inside: list[str] = []
    for index, group in enumerate(op.row.sources):
        names = op.row.parts(index)
        terms = [
            f"{cast}({_ELEMENT[layout].format(name)})"
            for name, layout in zip(names, group, strict=True)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = f"{cast}({total} + {term})"
        place = before if set(group) == {SCALAR} else inside
        place.append(f"v{op.row.graph.used[index]} = {total}")
    return before, inside
