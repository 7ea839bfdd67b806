"""The numba body: blocks of neurons whose state stays in the cache, time inside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from torch import Tensor

from lava_torch.kernels.equation import cache as files
from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.sequence import FULL, ROW, SCALAR, SEQUENCE, SHARED, SequenceOp
from lava_torch.kernels.text import indented

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
    return compiled(op.row.name, source(op))


def compiled(name: str, text: str) -> Callable[..., None]:
    """The function `body` of a module's text, of an equation over many steps."""
    return files.load("sequence_" + re.sub(r"\W", "_", name), text).body


def module_text(comment: str, arguments: Iterable[str], lines: Iterable[str]) -> str:
    """The module that defines `body(arguments, steps, batch, size)` by its lines."""
    header = _HEADER.format(comment=comment, arguments=", ".join(arguments))
    return header + "\n".join(lines) + "\n"


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
    text = indented([*scalars, "for b in range(batch):"], 1)
    text += indented([f"for low in range(0, size, {BLOCK}):"], 2)
    text += indented([f"high = min(low + {BLOCK}, size)", *block, "for t in range(steps):"], 3)
    text += indented([*now, f"for i in range({places[0].removesuffix('[i]')}.shape[0]):"], 4)
    text += indented([*inside, *lines, *stores], 5)
    return module_text(op.comment, op.arguments, text)


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
