"""Adapters: an operation as a C function that unpacks its arguments from a block of int64."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels.equation import cache as generated
from lava_torch.kernels.op import Argument
from lava_torch.kernels.table import intrinsics, share

#: How intrinsics names the pointer to each dtype. Conditions are bytes; of float16, which numba has
#: not, operations get the bits.
_POINTERS = {
    torch.bool: "uint8",
    torch.uint8: "uint8",
    torch.int8: "int8",
    torch.int16: "int16",
    torch.uint16: "uint16",
    torch.float16: "uint16",
    torch.int32: "int32",
    torch.int64: "int64",
    torch.float32: "float32",
    torch.float64: "float64",
}

#: The arguments that may be float16: weights, see `lava_torch.kernels.spike.cpu.weight`.
HALF = {"values", "weights"}

#: The body becomes part of the adapter: to call it, all of its arrays' sizes and strides would go
#: through memory, which takes longer than what many rows do.
_HEADER = """\
# {origin}
from numba import carray, cfunc, njit
from lava_torch.kernels.table import intrinsics as pointer
{definition}
inline = njit(nogil=True, error_model="numpy", forceinline=True)(body.py_func)

@cfunc("void(CPointer(int64), int64, int64)", cache=True, error_model="numpy")
def adapter(block, thread, threads):
"""


def kind_of(argument: Argument) -> tuple[Any, ...]:
    """What an adapter must know of an argument: dtype and axes of a tensor, or its being a number.

    Raises TypeError for a tensor that a compiled operation cannot read.
    """
    if isinstance(argument, bool):
        return "constant", argument
    if not isinstance(argument, Tensor):
        return ("number",)
    if argument.dtype not in _POINTERS or not argument.is_contiguous():
        raise TypeError(
            f"a row takes contiguous tensors of {sorted(map(str, _POINTERS))}; got "
            f"{argument.dtype} of shape {tuple(argument.shape)} and strides {argument.stride()}."
        )
    return "tensor", argument.dtype, argument.ndim


def source(kinds: Sequence[tuple[Any, ...]], definition: str, origin: str) -> str:
    """The module of an adapter. `definition` defines or imports `body(arguments, tid, nth)`."""
    lines, names, place = [], [], 0
    for i, kind in enumerate(kinds):
        if kind[0] == "constant":
            # numba compiles only one branch of `if constant is None`.
            names.append("1" if kind[1] else "None")
        elif kind[0] == "number":
            names.append(f"block[{place}]")
            place += 1
        else:
            _, dtype, ndim = kind
            shape = "".join(f"block[{place + 1 + axis}], " for axis in range(ndim))
            lines.append(
                f"    x{i} = carray(pointer.{_POINTERS[dtype]}(block[{place}]), ({shape}))"
            )
            names.append(f"x{i}")
            place += 1 + ndim
    lines.append(f"    inline({', '.join([*names, 'thread', 'threads'])})")
    return _HEADER.format(origin=origin, definition=definition) + "\n".join(lines) + "\n"


def make(op: Any, args: Sequence[Argument]) -> Any:
    """The adapter of an operation for arguments of these kinds: a numba cfunc with an `address`."""
    kinds = tuple(kind_of(argument) for argument in args)
    half = [name for name, kind in zip(op.arguments, kinds, strict=True) if torch.float16 in kind]
    if not set(half) <= HALF:
        raise TypeError(f"{op.name} cannot compute with float16 on a CPU: {half}. Use float32.")
    return _make(op, kinds)


@cache
def _make(op: Any, kinds: tuple[tuple[Any, ...], ...]) -> Any:
    definition, origin = op.cpu_source()
    stem = "row_" + re.sub(r"\W", "_", op.name)
    linked = digest(intrinsics.__file__, share.__file__)
    return generated.load(stem, source(kinds, definition, f"{origin} {linked}")).adapter


def block(args: Sequence[Argument]) -> list[int]:
    """The numbers of an argument block, in the order in which an adapter reads them."""
    numbers: list[int] = []
    for argument in args:
        if isinstance(argument, Tensor):
            numbers += [argument.data_ptr(), *argument.shape]
        elif not isinstance(argument, bool):
            numbers.append(int(argument))
    return numbers


@cache
def digest(*files: str) -> str:
    """A hash over source files: numba looks at the adapter's file only, not at what it links."""
    content = hashlib.sha256()
    for file in files:
        content.update(Path(file).read_bytes())
    return content.hexdigest()[:20]
