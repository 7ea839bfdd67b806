"""The numba body of an equation's row."""

from __future__ import annotations

from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.equation.row import FULL, NEW, ROW, SCALAR, TIME, EquationOp

_HEADER = """\
# {comment}
import math
import numpy as np
from numba import njit
from lava_torch.kernels.table.share import share


@njit(nogil=True, error_model="numpy")
def body({arguments}):
    low, high = share({first}.shape[1], thread, threads)
"""

_ELEMENT = {SCALAR: "{0}[0]", ROW: "{0}_r[i]", FULL: "{0}_b[i]", TIME: "{0}_b[i]"}


def source(op: EquationOp) -> str:
    """The module text that defines `body(arguments, thread, threads)`.

    Slices taken before the loop, and a range over their length, are what LLVM vectorises.
    """
    graph, first = op.graph, op.targets[0]
    names = {kind: [n for n, k in op.layouts.items() if k == kind] for kind in (*_ELEMENT, NEW)}
    lines, values = graph.emit(NUMBA, [f"v{i}" for i in range(len(graph.arguments))])
    before, inside = _reads(op)
    setup = [f"{n}_r = {n}[low:high]" for n in names[ROW]]
    setup += [f"{n}_d = {n}[(t[0] - 1) % {n}.shape[0]]" for n in names[TIME]]
    rows = [f"{n}_b = {n}[b, low:high]" for n in names[FULL] + names[NEW]]
    rows += [f"{n}_b = {n}_d[b if {n}_d.shape[0] > 1 else 0, low:high]" for n in names[TIME]]
    stores = [f"{target}_b[i] = {value}" for target, value in zip(op.targets, values, strict=True)]
    header = _HEADER.format(
        comment=f"{op.name}: " + ", ".join(f"p{i} = {a!r}" for i, a in enumerate(graph.arguments)),
        arguments=", ".join([*op.arguments, "thread", "threads"]),
        first=first,
    )
    text = [f"    {line}" for line in [*setup, *before, f"for b in range({first}.shape[0]):"]]
    text += [f"        {line}" for line in [*rows, f"for i in range({first}_b.shape[0]):"]]
    text += [f"            {line}" for line in [*inside, *lines, *stores]]
    return header + "\n".join(text) + "\n"


def _reads(op: EquationOp) -> tuple[list[str], list[str]]:
    """The lines that read the arguments: those before the loop, and those inside it."""
    cast = NUMBA.types[op.dtype]
    before: list[str] = []
    inside: list[str] = []
    for index, group in enumerate(op.sources):
        terms = [
            f"{cast}({_ELEMENT[layout].format(name)})"
            for name, layout in zip(op.parts(index), group, strict=True)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = f"{cast}({total} + {term})"
        place = before if set(group) == {SCALAR} else inside
        place.append(f"v{op.graph.used[index]} = {total}")
    return before, inside
