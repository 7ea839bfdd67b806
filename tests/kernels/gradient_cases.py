"""Equations over many steps, of whose gradients all bodies must agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from equation_cases import CASES as EQUATIONS
from torch import Tensor

from lava_torch.kernels.equation import (
    ArcTan,
    Equation,
    FastSigmoid,
    Surrogate,
    Triangle,
    clip,
    cos,
    equation,
    exp,
    log,
    maximum,
    minimum,
    sign,
    sin,
    spike,
    sqrt,
    tanh,
    where,
)
from lava_torch.kernels.sequence import FULL, ROW, SCALAR, SEQUENCE
from lava_torch.kernels.sequence.gradient import Unrolled, unroll

FLOATS = (torch.float32, torch.float64)
LAYOUTS = {"T": SEQUENCE, "F": FULL, "R": ROW, "S": SCALAR}


@equation
def exchange(a, x, y, z):
    """Two states that change places, one that nothing reads, one that stays, and a condition."""
    s = spike(x - 0.5 * y)
    return y * 0.5 + s, 0.3 * x + a, s, a - x, z, x > y


@equation
def kinks(a, b, x, low, high):
    """What has no derivative everywhere: ties, constants, and conditions as numbers."""
    inside = clip(x * 0.5 + a, low, high)
    s = spike(inside - 0.25, high)
    ties = minimum(a, b) + maximum(a, abs(b)) + minimum(a, 0.5) + maximum(0.25, b)
    return s, inside * (1 - s) + where(s, b, 0) * 0.25, ties + sign(a) * b + (a > b) * x


@equation
def curved(a, v, w, tau, phase):
    """One call of every smooth function."""
    v = v * exp(-1 / tau) + tanh(a) + 0.1 * sin(phase) * cos(phase)
    w = log(1 + w * w) + sqrt(1 + v * v) / 3
    return v, w


@dataclass(frozen=True)
class Case:
    """`layouts` has a letter an argument; `states` as in `Unrolled`; `ranges` of the arguments."""

    equation: Equation
    layouts: str
    states: tuple[int | None, ...]
    ranges: tuple[tuple[float, float], ...]
    surrogate: Surrogate = ArcTan()
    whole: bool = False

    def unrolled(self, dtype: torch.dtype) -> Unrolled:
        layouts = tuple(LAYOUTS[letter] for letter in self.layouts)
        return Unrolled(self.equation, dtype, self.surrogate, layouts, self.states)


def _known(name: str, layouts: str, states: tuple, surrogate: Surrogate, **more) -> Case:
    case = EQUATIONS[name]
    ranges = tuple(case.ranges(torch.float32))
    return Case(case.equation, layouts, states, ranges, surrogate, **more)


LIF = ((-0.5, 1.0), (-0.5, 0.5), (-0.5, 1.0), (0.0, 0.1), (0.1, 0.6), (0.1, 0.3), (0.8, 1.2))
CASES = {
    "lif": Case(EQUATIONS["lif"].equation, "TFFSRSS", (None, 1, 2), LIF),
    "lif, steep": Case(
        EQUATIONS["lif"].equation, "TFFRSRR", (None, 1, 2), LIF, FastSigmoid(slope=5)
    ),
    "izhikevich": _known("izhikevich", "TFFSSSS", (None, 1, 2), Triangle(width=0.7)),
    "curved": Case(curved, "TFFST", (1, 2), ((-2, 2), (-1, 1), (-1, 1), (1, 10), (-3, 3))),
    "lif_fixed": _known("lif_fixed", "TFFRSRSS", (None, 1, 2), ArcTan(), whole=True),
    "exchange": Case(
        exchange, "TFFF", (1, 2, None, -1, 3, None), ((-1, 1),) * 4, Triangle(width=2.0)
    ),
    "kinks": Case(
        kinks, "TTFSR", (None, 2, None), ((-1, 1), (-1, 1), (-1, 1), (-0.5, 0.0), (0.1, 0.8))
    ),
}  # fmt: skip

#: steps, batch, size.
SIZES = ((1, 1, 1), (0, 1, 5), (4, 2, 0), (6, 3, 257), (9, 1, 130))
LARGE = ((17, 2, 2503),)


def tensors(case: Case, dtype: torch.dtype, steps: int, batch: int, size: int) -> list[Tensor]:
    """The arguments, drawn alike each time; all but state require gradients. A few of the numbers
    are equal, so that ties are there."""
    generator = torch.Generator().manual_seed(size + steps)
    shapes = {"T": (steps, batch, size), "F": (batch, size), "R": (size,), "S": (1,)}
    found = []
    for letter, (low, high) in zip(case.layouts, case.ranges, strict=True):
        unit = torch.rand(shapes[letter], generator=generator, dtype=torch.float64)
        value = low + (unit * 16).round() / 16 * (high - low)
        value = value.round() if case.whole else value
        found.append(value.to(dtype).requires_grad_(letter != "F"))
    return found


def run(
    case: Case,
    dtype: torch.dtype,
    steps: int,
    batch: int,
    size: int,
    backend: str,
    device: str = "cpu",
) -> tuple[list[Tensor], list[Tensor | None]]:
    """The results, and the gradients of the arguments for some gradients of the results: of every
    second state none is given."""
    values = tensors(case, dtype, steps, batch, size)
    moved = [value.to(device) for value in values]
    results = unroll(case.unrolled(dtype), moved, steps, backend)
    generator = torch.Generator().manual_seed(7)
    total = values[0].sum() * 0
    for j, result in enumerate(results):
        if result.dtype == torch.bool or (j % 2 and case.states[j] is not None):
            continue
        weight = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        total = total + (result.cpu() * weight.to(dtype)).sum()
    total.backward()
    return [result.detach().cpu() for result in results], [value.grad for value in values]


def label(name: str, dtype: torch.dtype, steps: int, batch: int, size: int) -> str:
    return f"{name}-{str(dtype).removeprefix('torch.')}-{steps}x{batch}x{size}"


def combinations(
    sizes: tuple[tuple[int, int, int], ...],
) -> Iterator[tuple[str, torch.dtype, int, int, int]]:
    for name in CASES:
        for dtype in FLOATS:
            for size in sizes:
                yield name, dtype, *size


def assert_agree(actual: tuple, expected: tuple) -> None:
    """Closely: sums over steps are made in another order."""
    for got, want in zip([*actual[0], *actual[1]], [*expected[0], *expected[1]], strict=True):
        if got is None or want is None:  # torch knows of fewer functions that they have none
            assert got is want or not (want if got is None else got).any()
            continue
        if got.dtype == torch.bool:
            assert torch.equal(got, want)
            continue
        assert got.dtype == want.dtype and got.shape == want.shape
        tolerance = 2e-4 if got.dtype == torch.float32 else 1e-9
        scale = float(want.abs().max()) if want.numel() else 1.0
        torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance * max(scale, 1e-3))
