"""Row operations: what one row of a compiled network's table does, with a body per backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from torch import Tensor

#: What runs a row: plain torch, numba on CPU tensors, Triton on CUDA tensors.
BACKENDS = ("reference", "cpu", "gpu")

Argument = Tensor | int | bool


@dataclass(frozen=True)
class RowOp:
    """An operation that works in place on contiguous tensors.

    `family` is its package in `lava_torch.kernels`, whose modules `reference`, `cpu` and `gpu` each
    have a function `name` that takes `arguments` in this order: tensors and whole numbers. (The
    numba function takes the number of its thread and the number of threads besides.) `writes`
    names the arguments that it changes. A bool is a constant of the compiled code: the numba
    function gets 1 or None, and the other branch of `if constant is None` is not compiled.

    A body must not raise: compiled code has nobody to raise to. A `fallible` operation has an
    argument `error`, int64 (1,), instead: it writes a number other than 0 there to end the run with
    an error; `failures` says in words what the numbers mean.
    """

    family: str
    name: str
    arguments: tuple[str, ...]
    writes: tuple[str, ...]
    failures: tuple[tuple[int, str], ...] = ()

    @property
    def fallible(self) -> bool:
        return "error" in self.arguments

    def body(self, backend: str) -> Callable[..., None]:
        """The function of one of BACKENDS, imported when it is first asked for."""
        return _body(self.family, self.name, backend)

    def cpu_source(self) -> tuple[str, str]:
        """Python source that defines `body`, the numba function, and a word on where it is from
        that changes whenever the function does."""
        from lava_torch.kernels.table.adapter import digest

        module = f"lava_torch.kernels.{self.family}.cpu"
        origin = f"{module} {digest(str(import_module(module).__file__))}"
        return f"from {module} import {self.name} as body\n", origin

    def on(self, *args: Argument) -> Row:
        """The operation on these arguments."""
        if len(args) != len(self.arguments):
            raise TypeError(f"{self.family}.{self.name} takes {self.arguments}; got {len(args)}.")
        return Row(self, args)


@cache
def _body(family: str, name: str, backend: str) -> Callable[..., None]:
    return getattr(import_module(f"lava_torch.kernels.{family}.{backend}"), name)


@dataclass(frozen=True, eq=False)
class Row:
    """An operation with the tensors and numbers that it works on.

    It runs in the steps t with t % `period` == `offset`; a GPU's body of an operation that is not
    for all steps looks at the time itself, as a captured graph always starts it.
    """

    op: Any  # RowOp, or whatever else has its attributes
    args: tuple[Argument, ...]
    period: int = 1
    offset: int = 0

    @property
    def written(self) -> tuple[Tensor, ...]:
        pairs = zip(self.op.arguments, self.args, strict=True)
        return tuple(a for name, a in pairs if name in self.op.writes and isinstance(a, Tensor))

    def run(self, backend: str) -> None:
        """Run it once, whatever its period."""
        self.op.body(backend)(*self.args)
