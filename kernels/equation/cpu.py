"""The numba body: a generated loop over rows and their elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lava_torch.kernels.equation import cache
from lava_torch.kernels.equation.graph import Dialect, Graph
from lava_torch.kernels.equation.layout import FULL, ROW, SCALAR, Plan, Results

# Each result is cast: numba widens int32 to 64 bits, and the cast lets LLVM narrow it again, which
# is what makes the loop vectorise.
NUMBA = Dialect(
    types={
        torch.float32: "np.float32",
        torch.float64: "np.float64",
        torch.int32: "np.int32",
    },
    constant="{T}({0})",
    condition="{0}",
    specials={"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"},
    templates={
        "number": "{T}({0})",
        "add": "{T}({0} + {1})",
        "sub": "{T}({0} - {1})",
        "mul": "{T}({0} * {1})",
        "div": "{T}({0} / {1})",
        "neg": "{T}(-{0})",
        "abs": "{T}(abs({0}))",
        "lt": "{0} < {1}",
        "le": "{0} <= {1}",
        "gt": "{0} > {1}",
        "ge": "{0} >= {1}",
        "eq": "{0} == {1}",
        "ne": "{0} != {1}",
        "logical_and": "{0} & {1}",
        "logical_or": "{0} | {1}",
        "logical_not": "not {0}",
        "and": "{T}({0} & {1})",
        "or": "{T}({0} | {1})",
        "lshift": "{T}({0} << {1})",
        "rshift": "{T}({0} >> {1})",
        "where": "{1} if {0} else {2}",
        "minimum_int": "{0} if {0} < {1} else {1}",
        "maximum_int": "{0} if {0} > {1} else {1}",
        "minimum_float": "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
        "maximum_float": "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
        "power_of_two": "{T}(np.int32(1) << np.int32({0}))",
        "floor": "{T}(np.floor({0}))",
        "exp": "{T}(math.exp({0}))",
        "log": "{T}(math.log({0}))",
        "sqrt": "{T}(math.sqrt({0}))",
        "sin": "{T}(math.sin({0}))",
        "cos": "{T}(math.cos({0}))",
    },
)


def loop_source(graph: Graph, layouts: Sequence[str], aliases: Sequence[int | None]) -> str:
    """The module that defines `body(arguments that are used, results that are no alias)`.

    Full arrays are (batch, size), rows (size,), scalars (1,), of any dtype that casts to the
    compute dtype. A result with an alias is written into that argument.
    """
    cast = NUMBA.types[graph.dtype]
    used = graph.used
    lines, values = graph.emit(NUMBA, [f"v{i}" for i in range(len(layouts))])
    targets = [f"o{j}" if a is None else f"p{a}" for j, a in enumerate(aliases)]
    new = [t for t in targets if t.startswith("o")]
    full = [f"p{i}" for i in used if layouts[i] == FULL] + new
    text = [
        f"# {graph.name}: " + ", ".join(f"p{i} = {a!r}" for i, a in enumerate(graph.arguments)),
        "import math",
        "import numpy as np",
        "from numba import njit",
        "",
        "",
        '@njit(cache=True, nogil=True, error_model="numpy")',
        f"def body({', '.join([f'p{i}' for i in used] + new)}):",
    ]
    text += [f"    v{i} = {cast}(p{i}[0])" for i in used if layouts[i] == SCALAR]
    # Slices taken before the loop, and a range over their length, are what LLVM vectorises.
    text += [f"    for b in range({targets[0]}.shape[0]):"]
    text += [f"        {name}_b = {name}[b]" for name in full]
    text += [f"        for i in range({targets[0]}_b.shape[0]):"]
    text += [f"            v{i} = {cast}(p{i}_b[i])" for i in used if layouts[i] == FULL]
    text += [f"            v{i} = {cast}(p{i}[i])" for i in used if layouts[i] == ROW]
    text += [f"            {line}" for line in lines]
    text += [f"            {t}_b[i] = {v}" for t, v in zip(targets, values, strict=True)]
    return "\n".join(text) + "\n"


def loop(
    graph: Graph, layouts: tuple[str, ...], aliases: tuple[int | None, ...]
) -> Callable[..., None]:
    """The compiled loop (a numba dispatcher), from the cache folder where it is there."""
    key = "numba", layouts, aliases
    if key not in graph.bodies:
        stem = "equation_" + re.sub(r"\W", "_", graph.name)
        graph.bodies[key] = cache.load(stem, loop_source(graph, layouts, aliases)).body
    return graph.bodies[key]


def run(graph: Graph, plan: Plan, arguments: Sequence[Tensor], results: Results) -> None:
    """Computes the results on the CPU."""
    body = loop(graph, plan.layouts, results.aliases)
    arrays = [arguments[i].numpy().reshape(plan.views[i]) for i in graph.used]
    for tensor, alias in zip(results.tensors, results.aliases, strict=True):
        if alias is None:
            arrays.append(tensor.numpy().reshape(plan.full_view))
    body(*arrays)
