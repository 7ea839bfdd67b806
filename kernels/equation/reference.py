"""The primitives on torch tensors: the specification, with gradients.

Every function takes tensors of one dtype that broadcast, and Python numbers beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels.equation.surrogate import apply, current_surrogate
from lava_torch.kernels.equation.symbolic import MAX_SHIFT

Value = Tensor | float

_dtype: ContextVar[torch.dtype | None] = ContextVar("lava_torch_equation_dtype", default=None)


@contextmanager
def compute_dtype(dtype: torch.dtype | None) -> Iterator[None]:
    """Within this context, `where` of two numbers gives `dtype`."""
    token = _dtype.set(dtype)
    try:
        yield
    finally:
        _dtype.reset(token)


def where(condition: Value, a: Value, b: Value) -> Tensor:
    mask = _mask(condition)
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.where(mask, a, b)
    if isinstance(a, bool) and isinstance(b, bool):
        return torch.where(mask, a, b)
    dtype = _dtype.get() or (torch.get_default_dtype() if mask is condition else condition.dtype)
    return torch.full_like(mask, b, dtype=dtype).masked_fill(mask, a)


def _mask(condition: Value) -> Tensor:
    if isinstance(condition, Tensor):
        return condition if condition.dtype == torch.bool else condition.detach() > 0.5
    return torch.tensor(condition > 0.5)


def spike(x: Value, scale: Value) -> Tensor:
    x = x if isinstance(x, Tensor) else torch.full_like(scale, x)
    if x.is_floating_point():
        return current_surrogate().spike(x, scale)
    return (x > 0).to(x.dtype)


def minimum(a: Value, b: Value) -> Tensor:
    if isinstance(a, Tensor):
        return torch.minimum(a, b) if isinstance(b, Tensor) else a.clamp_max(b)
    return b.clamp_max(a)


def maximum(a: Value, b: Value) -> Tensor:
    if isinstance(a, Tensor):
        return torch.maximum(a, b) if isinstance(b, Tensor) else a.clamp_min(b)
    return b.clamp_min(a)


def clip(x: Value, low: Value, high: Value) -> Tensor:
    return minimum(maximum(x, low), high)


absolute = torch.abs
sign = torch.sign
exp, log, sqrt = torch.exp, torch.log, torch.sqrt
sin, cos, tanh = torch.sin, torch.cos, torch.tanh
floor, trunc = torch.floor, torch.trunc


class _StraightThrough(torch.autograd.Function):
    """The value of the first argument, the gradient of the second."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, smooth: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, gradient


class _TransformedStraightThrough(torch.autograd.Function):
    """The same for torch.func."""

    generate_vmap_rule = True
    backward = _StraightThrough.backward

    @staticmethod
    def forward(value: Tensor, smooth: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass


def straight_through(
    exact: Callable[..., Tensor], smooth: Callable[..., Tensor], *values: Value
) -> Tensor:
    """`exact` of the values, with the gradient of `smooth`."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    if not (torch.is_grad_enabled() and any(t.requires_grad for t in tensors)):
        return exact(*values)
    with torch.no_grad():
        value = exact(*values)
    return apply(_StraightThrough, _TransformedStraightThrough, value, smooth(*values))


def decay(x: Value, f: Value, bits: int) -> Tensor:
    tensor = x if isinstance(x, Tensor) else f
    if not tensor.is_floating_point():
        return _decay_integers(x, f, bits)
    scale = 2.0**-bits
    return straight_through(
        lambda x, f: _decay_carriers(x, f, bits), lambda x, f: x * f * scale, x, f
    )


def _decay_integers(x: Value, f: Value, bits: int) -> Tensor:
    magnitude = abs(x)
    product = (magnitude >> bits) * f + ((magnitude & (1 << bits) - 1) * f >> bits)
    return where(x < 0, -product, product)


def _decay_carriers(x: Value, f: Value, bits: int) -> Tensor:
    """The same on integers that are held in floats: each product here has 24 bits at most."""
    magnitude = abs(x)
    high = (magnitude * 2.0**-bits) // 1
    low = magnitude - high * 2.0**bits
    product = high * f + floor(low * f * 2.0**-bits)
    return where(x < 0, -product, product)


def shift(x: Value, e: Value) -> Tensor:
    tensor = x if isinstance(x, Tensor) else e
    if tensor.is_floating_point():
        return straight_through(lambda x, e: floor(_scale(x, e)), lambda x, e: _scale(x, e), x, e)
    if isinstance(e, Tensor):
        left, right = e.clamp(0, MAX_SHIFT), (-e).clamp(0, MAX_SHIFT)
        return torch.where(e < 0, x >> right, x << left)
    return x << e if e >= 0 else x >> -e


def _scale(x: Value, e: Value) -> Tensor:
    """x 2^e, exactly; no gradient flows to e."""
    if not isinstance(e, Tensor):
        return x * 2.0**e
    e = e.detach()
    down = _power_of_two(e + MAX_SHIFT) * 2.0**-MAX_SHIFT
    return x * torch.where(e < 0, down, _power_of_two(e))


def _power_of_two(e: Tensor) -> Tensor:
    """2^e for 0 <= e <= 30. torch.exp2 and pow are not exact everywhere; integer shifts are."""
    count = e.clamp(0, MAX_SHIFT).to(torch.int64)
    return torch.bitwise_left_shift(torch.ones_like(count), count).to(e.dtype)
