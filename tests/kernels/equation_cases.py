"""Equations, and inputs to them, on which all bodies must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lava_torch.kernels.equation import (
    Equation,
    clip,
    cos,
    decay,
    equation,
    exp,
    floor,
    log,
    maximum,
    minimum,
    shift,
    sign,
    sin,
    spike,
    sqrt,
    tanh,
    trunc,
    where,
)

FLOATS = (torch.float32, torch.float64)
INTEGERS = (torch.int32,)
LIMIT = 1 << 23


@equation
def lif(a_in, u, v, bias_mant, du, dv, vth):
    u = u * (1 - du) + a_in
    v = v * (1 - dv) + u + bias_mant
    s = spike(v - vth, vth)
    return s, u, where(s, 0, v)


def wrap(u):
    """Loihi's overflow of u: both borders become +2^23."""
    once = where(u > LIMIT, u - 2 * LIMIT, u)
    return where(once <= -LIMIT, u + 2 * LIMIT, once)


@equation
def lif_fixed(a_in, u, v, bias_mant, bias_exp, du, dv, vth):
    u = wrap(decay(u, 4095 - du) + shift(a_in, 6))
    v = clip(decay(v, 4096 - dv) + u + shift(bias_mant, bias_exp), 1 - LIMIT, LIMIT - 1)
    threshold = shift(vth, 6)
    s = spike(v - threshold, threshold)
    return s, u, where(s, 0, v)


@equation
def izhikevich(a_in, v, u, a, b, c, d):
    """Izhikevich 2003, https://doi.org/10.1109/TNN.2003.820440, in steps of 1 ms."""
    v = v + (0.04 * v * v + 5 * v + 140 - u + a_in)
    u = u + a * (b * v - u)
    s = spike(v - 30, 30)
    return s, where(s, c, v), where(s, u + d, u)


@equation
def adaptive(a_in, v, w, tau, phase):
    """No known neuron: one call of everything that is not exact."""
    v = v * exp(-1 / tau) + tanh(a_in) + 0.1 * sin(phase) * cos(phase)
    w = log(1 + w * w) + sqrt(abs(v)) / 3
    return spike(v - w), v, w


@equation
def gates(a, b, c):
    """Conditions, their logic, and their use as numbers."""
    low, high = a < b, b <= c
    either, both = low | high, low & ~high
    s = spike(a - b)
    return (
        either,
        s,
        2 * s - low * c,
        where(both, a == b, b != c),
        where(either, 1, 0),
        s + both * a,
    )


@equation
def rounding(x, y, e):
    """What keeps to whole numbers, or picks one of two."""
    near = clip(x, -50, 70)
    whole = trunc(x), floor(y), sign(x), abs(y)
    return *whole, shift(x, e), shift(y, -2), minimum(x, y), maximum(near, y), decay(x, 5, bits=3)


@equation
def bits(x, y):
    """int32 only: the low bits of products fall off alike everywhere."""
    return x * y, x * x - y, (x << 7) | (y & 255), x >> 3, abs(x) * 3, -y, x**3


@dataclass(frozen=True)
class Case:
    """One letter of `layouts` an argument: Full, Row or Scalar; `exact` where bits must agree."""

    equation: Equation
    dtypes: tuple[torch.dtype, ...]
    layouts: str
    ranges: Callable[[torch.dtype], list[tuple[float, float]]]
    exact: bool = True

    def shape(self, layout: str, size: int, batch: int | None) -> tuple[int, ...]:
        if layout == "S":
            return ()
        return (size,) if layout == "R" or batch is None else (batch, size)

    def inputs(self, dtype: torch.dtype, size: int, batch: int | None) -> list[Tensor]:
        generator = torch.Generator().manual_seed(size + (batch or 0))
        values = []
        for layout, (low, high) in zip(self.layouts, self.ranges(dtype), strict=True):
            unit = torch.rand(
                self.shape(layout, size, batch), generator=generator, dtype=torch.float64
            )
            value = low + unit * (high - low)
            integral = dtype == torch.int32 or self.equation in (lif_fixed, rounding)
            values.append((value.round() if integral else value).to(dtype))
        return values


def _always(*ranges: tuple[float, float]) -> Callable[[torch.dtype], list[tuple[float, float]]]:
    return lambda dtype: list(ranges)


def _fixed(dtype: torch.dtype) -> list[tuple[float, float]]:
    """Floats carry integers exactly to 2^24 only, so the input stays small there."""
    reach = LIMIT >> 6 if dtype == torch.float32 else 1 << 24
    whole = (-LIMIT, LIMIT)
    return [(-reach, reach), whole, whole, (-4096, 4095), (-12, 7), (0, 4095), (0, 4096), (0, 9999)]


CASES = {
    "lif": Case(
        lif, FLOATS, "FFFRSSS", _always((-1, 1), (-1, 1), (-1, 2), (0, 0.1), *[(0, 1)] * 2, (0, 1))
    ),
    "lif_fixed": Case(lif_fixed, (*INTEGERS, *FLOATS), "FFFRRSSS", _fixed),
    "izhikevich": Case(
        izhikevich,
        FLOATS,
        "FFFRRRS",
        _always((0, 20), (-80, 30), (-20, 0), (0, 0.1), (0.1, 0.3), (-65, -50), (2, 8)),
    ),
    "adaptive": Case(
        adaptive, FLOATS, "FFFRS", _always((-2, 2), (-2, 2), (-2, 2), (1, 20), (-3, 3)), exact=False
    ),
    "gates": Case(gates, (*INTEGERS, *FLOATS), "FRF", lambda dtype: [(-4, 4)] * 3),
    "rounding": Case(rounding, (*INTEGERS, *FLOATS), "FRF", _always((-99, 99), (-99, 99), (-9, 9))),
    "bits": Case(bits, INTEGERS, "FR", _always((-(2**31), 2**31 - 1), (-(2**31), 2**31 - 1))),
}

#: (size, batch); the interpreter takes the first five, the compiled bodies all.
SIZES = ((0, None), (1, None), (257, None), (257, 3), (1500, None), (100_003, None))
INTERPRETED_SIZES = SIZES[:5]


def label(name: str, dtype: torch.dtype, size: int, batch: int | None) -> str:
    across = f"{batch}x{size}" if batch else str(size)
    return f"{name}-{str(dtype).removeprefix('torch.')}-{across}"


def combinations(
    sizes: tuple[tuple[int, int | None], ...],
) -> Iterator[tuple[str, torch.dtype, int, int | None]]:
    for name, case in CASES.items():
        for dtype in case.dtypes:
            for size, batch in sizes:
                yield name, dtype, size, batch


def assert_agree(case: Case, actual: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    """Bit by bit, or to a few units in the last place for transcendental functions."""
    assert len(actual) == len(expected)
    for got, want in zip(actual, expected, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        if case.exact:
            assert torch.equal(got, want)
        else:
            tolerance = 2e-6 if want.dtype == torch.float32 else 1e-14
            torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance)
