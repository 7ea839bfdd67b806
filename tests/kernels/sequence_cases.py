"""Equations over many steps, on which all bodies must agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from equation_cases import CASES as EQUATIONS
from torch import Tensor

from lava_torch.kernels.equation import Equation, equation, spike, where
from lava_torch.kernels.sequence import (
    FULL,
    ROW,
    SCALAR,
    SEQUENCE,
    Source,
    State,
    run_sequence,
)

FLOATS = (torch.float32, torch.float64)
EVERY = (*FLOATS, torch.int32)
LAYOUTS = {"F": FULL, "R": ROW, "S": SCALAR}


@equation
def exchange(a, x, y):
    """Two states that change places, a third that nothing reads, and a constant."""
    s = spike(x - y)
    return y, x + a, s, a - x, 7


@equation
def counting(a, b, x, y):
    """Two states, of which one is an integer in memory whatever the equation computes in."""
    x = x + a - b
    return where(x > 3, x, b), x, y + 1


@dataclass(frozen=True)
class Case:
    """`sequences` are the arguments that come anew each step: how many tensors are summed, and
    "*" where all items of a batch share one. `states` are the results that are state: the argument
    that reads it or None, whether it is traced, its dtype in memory (None: the computed one)."""

    equation: Equation
    dtypes: tuple[torch.dtype, ...]
    layouts: str
    sequences: dict[int, str]
    states: dict[int, tuple[int | None, bool, torch.dtype | None]]
    sent: torch.dtype = torch.uint8
    exact: bool = True


def _known(name: str, states: dict, sequences: dict | None = None, sent=torch.uint8) -> Case:
    case = EQUATIONS[name]
    return Case(case.equation, case.dtypes, case.layouts, sequences or {0: "x"}, states, sent,
                case.exact)  # fmt: skip


CASES = {
    "lif": _known("lif", {1: (1, False, None), 2: (2, True, None)}),
    "lif_fixed": _known("lif_fixed", {1: (1, True, None), 2: (2, False, None)}),
    "several_inputs": _known("lif", {1: (1, True, None), 2: (2, True, None)}, {0: "xx*"}),
    "shared_input": _known("lif_fixed", {1: (1, False, None), 2: (2, True, None)}, {0: "*"}),
    "izhikevich": _known("izhikevich", {1: (1, True, None), 2: (2, True, None)}),
    "adaptive": _known("adaptive", {1: (1, True, None), 2: (2, False, None)}),
    "exchange": Case(
        exchange, EVERY, "FFF", {0: "x"},
        {0: (1, True, None), 1: (2, True, None), 2: (None, True, torch.uint8),
         3: (None, False, None), 4: (None, True, None)},
    ),
    "counting": Case(
        counting, EVERY, "FFFF", {0: "x", 1: "x*"},
        {1: (2, False, None), 2: (3, True, torch.int32)}, sent=torch.int32,
    ),
}  # fmt: skip

#: steps, batch, size.
SIZES = ((1, 1, 1), (0, 1, 5), (4, 2, 0), (5, 3, 257), (9, 1, 130))
LARGE = ((17, 2, 5003), (100, 1, 2049))


class Run:
    """The tensors of one run, drawn anew alike each time."""

    def __init__(self, case: Case, dtype: torch.dtype, steps: int, batch: int, size: int) -> None:
        self.case, self.dtype, self.steps = case, dtype, steps
        self.shape = steps, batch, size
        self.generator = torch.Generator().manual_seed(size + steps)
        self.results: dict[int, Tensor | State] = {}
        self.sources = [self._source(i) for i in range(len(case.equation.arguments))]
        outputs = len(case.equation.trace(dtype).outputs)
        self.results = {j: self._result(j) for j in range(outputs)}

    def run(self, backend: str) -> tuple[Tensor, ...]:
        """What it writes."""
        run_sequence(
            self.case.equation, self.dtype, self.sources, list(self.results.values()), self.steps,
            backend,
        )  # fmt: skip
        written = []
        for result in self.results.values():
            state = isinstance(result, State)
            parts = (result.tensor, result.trajectory) if state else (result,)
            written += [part for part in parts if part is not None]
        return tuple(written)

    def _numbers(self, shape: tuple[int, ...], argument: int, dtype: torch.dtype) -> Tensor:
        known = {case.equation: case for case in EQUATIONS.values()}.get(self.case.equation)
        low, high = known.ranges(dtype)[argument] if known else (-4, 4)
        unit = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        value = low + unit * (high - low)
        whole = not dtype.is_floating_point or self.case.equation.name == "lif_fixed"
        return (value.round() if whole else value).to(dtype)

    def _source(self, i: int) -> list[Source]:
        steps, batch, size = self.shape
        if i in self.case.sequences:
            kinds = self.case.sequences[i]
            shapes = [(steps, 1 if kind == "*" else batch, size) for kind in kinds]
            return [Source(self._numbers(shape, i, self.dtype), SEQUENCE) for shape in shapes]
        layout = LAYOUTS[self.case.layouts[i]]
        shape = {SCALAR: (1,), ROW: (size,), FULL: (batch, size)}[layout]
        held = {argument: dtype for argument, _, dtype in self.case.states.values()}
        return [Source(self._numbers(shape, i, held.get(i) or self.dtype), layout)]

    def _result(self, j: int) -> Tensor | State:
        if j not in self.case.states:
            return torch.zeros(self.shape, dtype=self.case.sent)
        argument, traced, dtype = self.case.states[j]
        dtype = dtype or self.dtype
        if argument is None:
            tensor = torch.zeros(self.shape[1:], dtype=dtype)
        else:
            tensor = self.sources[argument][0].tensor
        return State(tensor, argument, torch.zeros(self.shape, dtype=dtype) if traced else None)


def label(name: str, dtype: torch.dtype, steps: int, batch: int, size: int) -> str:
    return f"{name}-{str(dtype).removeprefix('torch.')}-{steps}x{batch}x{size}"


def combinations(
    sizes: tuple[tuple[int, int, int], ...],
) -> Iterator[tuple[str, torch.dtype, int, int, int]]:
    for name, case in CASES.items():
        for dtype in case.dtypes:
            for size in sizes:
                yield name, dtype, *size


def assert_agree(case: Case, actual: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    """Bit by bit, or closely for transcendental functions."""
    for got, want in zip(actual, expected, strict=True):
        assert got.dtype == want.dtype
        if case.exact:
            assert torch.equal(got, want)
        elif got.is_floating_point():  # a spike may differ where v is close to its threshold
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
