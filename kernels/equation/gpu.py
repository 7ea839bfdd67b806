"""The Triton body: a generated kernel over blocks of elements. Linux only."""

from __future__ import annotations

import hashlib
import linecache
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from lava_torch.kernels.ahead import POINTERS, Compiled, compile_kernel
from lava_torch.kernels.equation.graph import CONDITION, Dialect, Graph
from lava_torch.kernels.equation.layout import FULL, ROW, SCALAR, Plan, Results
from lava_torch.kernels.launch import launch

if TYPE_CHECKING:
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.equation.dispatch import Equation

#: Elements a program, 4 a thread: one 16-byte load of float32 or int32.
BLOCK = 512

# `tl.full` types each constant: a bare literal is float32 (or int32) and would lose digits.
# `/` and `tl.sqrt` are approximate in float32.
TRITON = Dialect(
    types={
        torch.float32: "tl.float32",
        torch.float64: "tl.float64",
        torch.int32: "tl.int32",
    },
    constant="tl.full((), {0}, {T})",
    condition="tl.full((), {0}, tl.int1)",
    specials={"inf": 'float("inf")', "-inf": 'float("-inf")', "nan": 'float("nan")'},
    templates={
        "number": "{0}.to({T})",
        "add": "{0} + {1}",
        "sub": "{0} - {1}",
        "mul": "{0} * {1}",
        "div_float32": "tl.div_rn({0}, {1})",
        "div_float64": "{0} / {1}",
        "neg": "-{0}",
        "abs": "tl.abs({0})",
        "lt": "{0} < {1}",
        "le": "{0} <= {1}",
        "gt": "{0} > {1}",
        "ge": "{0} >= {1}",
        "eq": "{0} == {1}",
        "ne": "{0} != {1}",
        "logical_and": "{0} & {1}",
        "logical_or": "{0} | {1}",
        "logical_not": "{0} == 0",
        "and": "{0} & {1}",
        "or": "{0} | {1}",
        "lshift": "{0} << {1}",
        "rshift": "{0} >> {1}",
        "where": "tl.where({0}, {1}, {2})",
        "minimum_int": "tl.where({0} < {1}, {0}, {1})",
        "maximum_int": "tl.where({0} > {1}, {0}, {1})",
        "minimum_float": "tl.where(({0} < {1}) | ({0} != {0}), {0}, {1})",
        "maximum_float": "tl.where(({0} > {1}) | ({0} != {0}), {0}, {1})",
        "power_of_two": "(tl.full((), 1, tl.int32) << {0}.to(tl.int32)).to({T})",
        "floor": "tl.floor({0})",
        "exp": "tl.exp({0})",
        "log": "tl.log({0})",
        "sqrt_float32": "tl.sqrt_rn({0})",
        "sqrt_float64": "tl.sqrt({0})",
        "sin": "tl.sin({0})",
        "cos": "tl.cos({0})",
    },
)


def kernel_name(graph: Graph) -> str:
    return "equation_" + re.sub(r"\W", "_", graph.name)


def kernel_source(graph: Graph, layouts: Sequence[str]) -> str:
    """The kernel `equation_<name>(used arguments, results, total, size, BLOCK, WIDE)`.

    `total` is the number of elements, `size` that of a row; with WIDE they are counted in 64 bits.
    """
    used = graph.used
    lines, values = graph.emit(TRITON, [f"v{i}" for i in range(len(layouts))])
    names = [f"p{i}" for i in used] + [f"o{j}" for j in range(len(values))]
    text = [
        f"# {graph.name}: " + ", ".join(f"p{i} = {a!r}" for i, a in enumerate(graph.arguments)),
        "@triton.jit",
        f"def {kernel_name(graph)}(",
        f"    {', '.join(names)}, total, size, BLOCK: tl.constexpr, WIDE: tl.constexpr",
        "):",
        "    block = tl.program_id(0)",
        "    if WIDE:",
        "        block = block.to(tl.int64)",
        "    i = block * BLOCK + tl.arange(0, BLOCK)",
        "    inside = i < total",
    ]
    if ROW in layouts:
        text += ["    j = i % size"]
    load = {
        SCALAR: "tl.load(p{0})",
        ROW: "tl.load(p{0} + j, mask=inside)",
        FULL: "tl.load(p{0} + i, mask=inside)",
    }
    cast = TRITON.types[graph.dtype]
    text += [f"    v{i} = {load[layouts[i]].format(i)}.to({cast})" for i in used]
    text += [f"    {line}" for line in lines]
    text += [f"    tl.store(o{j} + i, {v}, mask=inside)" for j, v in enumerate(values)]
    return "\n".join(text) + "\n"


def kernel(graph: Graph, layouts: tuple[str, ...]) -> Any:
    """The kernel, as `triton.jit` gives it (interpreted where TRITON_INTERPRET=1)."""
    key = "triton", layouts
    if key not in graph.bodies:
        graph.bodies[key] = define(kernel_name(graph), kernel_source(graph, layouts))
    return graph.bodies[key]


@cache
def define(name: str, source: str, **functions: Any) -> Any:
    """The kernel of that name that `source` defines, as `triton.jit` gives it. `functions` are
    those of `triton.jit` that it calls, by name."""
    # Triton reads a kernel's text through `inspect`, which asks linecache.
    filename = f"<{name} {hashlib.sha256(source.encode()).hexdigest()[:20]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    names: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": __name__, **functions}
    exec(compile(source, filename, "exec"), names)
    return names[name]


def run(graph: Graph, plan: Plan, arguments: Sequence[Tensor], results: Results) -> None:
    """Computes the results on the arguments' GPU."""
    total = plan.batch * plan.size
    pointers = [as_bytes(arguments[i]) for i in graph.used]
    pointers += [as_bytes(t) for t in results.tensors]
    grid = (triton.cdiv(total, BLOCK),)
    wide = total > 2**31 - BLOCK
    launch(kernel(graph, plan.layouts), grid, *pointers, total, plan.size, BLOCK=BLOCK, WIDE=wide)


def as_bytes(tensor: Tensor) -> Tensor:
    """Conditions are stored as bytes."""
    return tensor.view(torch.uint8) if tensor.dtype == torch.bool else tensor


def compile_ahead(
    equation: Equation,
    dtype: torch.dtype,
    layouts: Sequence[str],
    target: GPUTarget,
    dtypes: Sequence[torch.dtype] | None = None,
) -> Compiled:
    """Compiles an equation for GPUTarget("cuda", 90, 32), GPUTarget("hip", "gfx942", 64), ...

    `layouts` holds scalar, row or full, one an argument; `dtypes` the arguments' dtypes, the
    compute dtype `dtype` unless given. Addresses and sizes are taken to be multiples of 16.
    Raises RuntimeError under TRITON_INTERPRET=1, and EquationError as `Equation.trace`.
    """
    graph = equation.trace(dtype)
    fn = kernel(graph, tuple(layouts))
    signature = _signature(graph, dtypes or [dtype] * len(layouts))
    run_time = sum(kind != "constexpr" for kind in signature.values())
    constants = {"BLOCK": BLOCK, "WIDE": False}
    return compile_kernel(fn, signature, constants, range(run_time), target)


def _signature(graph: Graph, dtypes: Sequence[torch.dtype]) -> dict[str, str]:
    signature = {f"p{i}": _pointer(dtypes[i]) for i in graph.used}
    for j, kind in enumerate(graph.output_kinds):
        signature[f"o{j}"] = _pointer(torch.bool if kind == CONDITION else graph.dtype)
    scalars = {"total": "i32", "size": "i32", "BLOCK": "constexpr", "WIDE": "constexpr"}
    return signature | scalars


def _pointer(dtype: torch.dtype) -> str:
    return POINTERS[torch.uint8 if dtype == torch.bool else dtype]
