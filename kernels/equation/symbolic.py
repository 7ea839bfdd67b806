"""The primitives on symbols: what they record."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lava_torch.kernels.equation.graph import CONDITION, NUMBER, SPIKE
from lava_torch.kernels.equation.trace import Symbol, Tracer

#: `shift` takes exponents from -30 to 30, and reads others as the nearer of the two.
MAX_SHIFT = 30


def _tracer(*values: object) -> Tracer:
    return next(v.tracer for v in values if isinstance(v, Symbol))


def where(condition: object, a: object, b: object) -> Symbol:
    tracer = _tracer(condition, a, b)
    chosen = tracer.lift(condition)
    if chosen.kind == NUMBER:
        tracer.fail("where() has a number as its condition", "Write where(x != 0, a, b)")
    branches = tracer.lift(a), tracer.lift(b)
    if all(s.kind == CONDITION for s in branches):
        return tracer.record("where", CONDITION, chosen, *branches)
    return tracer.record("where", NUMBER, chosen, *tracer.factors(a, b))


def spike(x: object, scale: object) -> Symbol:
    tracer = _tracer(x, scale)
    pair = tracer.numeric(x, scale)
    if tracer.smooth:
        return tracer.record("spike", SPIKE, *pair)
    return tracer.record("gt", SPIKE, *tracer.numeric(x, 0))


def _straight(value: Symbol, smooth: Callable[[], Symbol]) -> Symbol:
    """`value`, with the gradient of what `smooth` gives."""
    tracer = value.tracer
    return tracer.record("straight", NUMBER, value, smooth()) if tracer.smooth else value


def minimum(a: object, b: object) -> Symbol:
    return _extreme("minimum", a, b)


def maximum(a: object, b: object) -> Symbol:
    return _extreme("maximum", a, b)


def _extreme(op: str, a: object, b: object) -> Symbol:
    """A constant comes second: only of the first is it asked whether it is NaN."""
    tracer = _tracer(a, b)
    first, second = tracer.numeric(a, b)
    if tracer.nodes[first.index].op == "constant":
        first, second = second, first
    return tracer.record(op, NUMBER, first, second)


def clip(x: object, low: object, high: object) -> Symbol:
    return minimum(maximum(_tracer(x, low, high).lift(x), low), high)


def absolute(x: Symbol) -> Symbol:
    return abs(x)


def sign(x: Symbol) -> Symbol:
    (x,) = x.tracer.numeric(x)
    return where(x > 0, 1, where(x < 0, -1, 0))


def _function(name: str, x: Symbol) -> Symbol:
    return x.tracer.record(name, NUMBER, *x.tracer.floating(f"{name}()", x))


def exp(x: Symbol) -> Symbol:
    return _function("exp", x)


def log(x: Symbol) -> Symbol:
    return _function("log", x)


def sqrt(x: Symbol) -> Symbol:
    return _function("sqrt", x)


def sin(x: Symbol) -> Symbol:
    return _function("sin", x)


def cos(x: Symbol) -> Symbol:
    return _function("cos", x)


def tanh(x: Symbol) -> Symbol:
    """Cephes' tanh (Moshier, https://www.netlib.org/cephes/): rational near 0, else through exp.

    Triton has no tanh that its interpreter knows as well; so all generated bodies share this one.
    """
    (x,) = x.tracer.floating("tanh()", x)
    if x.tracer.smooth:
        return x.tracer.record("tanh", NUMBER, x)
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z
    q = q + 4.84406305325125486048e3
    rest = exp(-2 * abs(x))
    far = (1 - rest) / (1 + rest)
    return where(abs(x) < 0.625, x + x * (z * (p / q)), where(x < 0, -far, far))


def floor(x: Symbol) -> Symbol:
    (x,) = x.tracer.numeric(x)
    return x if x.tracer.dtype == torch.int32 else x.tracer.record("floor", NUMBER, x)


def trunc(x: Symbol) -> Symbol:
    (x,) = x.tracer.numeric(x)
    return x if x.tracer.dtype == torch.int32 else where(x < 0, -floor(-x), floor(x))


def decay(x: object, f: object, bits: int) -> Symbol:
    tracer = _tracer(x, f)
    x, f = tracer.numeric(x, f)
    magnitude = abs(x)
    if tracer.dtype == torch.int32:
        product = (magnitude >> bits) * f + ((magnitude & (1 << bits) - 1) * f >> bits)
    else:
        high = floor(magnitude * 2.0**-bits)
        low = magnitude - high * 2.0**bits
        product = high * f + floor(low * f * 2.0**-bits)
    return _straight(where(x < 0, -product, product), lambda: x * f * 2.0**-bits)


def shift(x: object, e: object) -> Symbol:
    tracer = _tracer(x, e)
    if isinstance(e, Symbol):
        return _shift_by_value(tracer, *tracer.numeric(x, e))
    (x,) = tracer.numeric(x)
    if tracer.dtype != torch.int32:
        scaled = x * 2.0**e
        return _straight(floor(scaled), lambda: scaled)
    return x << e if e >= 0 else x >> -e


def _shift_by_value(tracer: Tracer, x: Symbol, e: Symbol) -> Symbol:
    if tracer.dtype == torch.int32:
        left, right = clip(e, 0, MAX_SHIFT), clip(-e, 0, MAX_SHIFT)
        return where(e < 0, x >> right, x << left)
    # 2^e below 1 as 2^(e + 30) 2^-30: both are exact, and there is no division.
    up, down = (
        tracer.record("power_of_two", NUMBER, clip(n, 0, MAX_SHIFT)) for n in (e, e + MAX_SHIFT)
    )
    scaled = x * where(e < 0, down * 2.0**-MAX_SHIFT, up)
    return _straight(floor(scaled), lambda: scaled)
