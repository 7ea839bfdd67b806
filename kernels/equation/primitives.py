"""What an equation may call on its values, besides operators.

Each works alike on a traced value, on torch tensors (with gradients) and on plain numbers.
"Conditions" are results of comparisons; in arithmetic with a value they count as 0 or 1.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch

from lava_torch.kernels.equation import numeric, reference, symbolic
from lava_torch.kernels.equation.trace import Symbol


def _of(*values: object) -> ModuleType:
    """The module that holds the primitives for these values."""
    if any(isinstance(v, Symbol) for v in values):
        return symbolic
    return reference if any(isinstance(v, torch.Tensor) for v in values) else numeric


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where `condition` holds, else `b`.

    `condition` is a comparison's result or a `spike` (0 or 1; in torch true above 0.5). Both
    branches are evaluated. Gradients flow to the chosen branch, and none to the condition. Two
    conditions give a condition; otherwise the result is a number of the equation's dtype.
    """
    return _of(condition, a, b).where(condition, a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of `a` and `b`; NaN where either is NaN."""
    return _of(a, b).minimum(a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger of `a` and `b`; NaN where either is NaN."""
    return _of(a, b).maximum(a, b)


def clip(x: Any, low: Any, high: Any) -> Any:
    """minimum(maximum(x, low), high)."""
    return _of(x, low, high).clip(x, low, high)


def absolute(x: Any) -> Any:
    """|x|, as `abs(x)`. In int32, -2^31 stays -2^31."""
    return _of(x).absolute(x)


def sign(x: Any) -> Any:
    """-1, 0 or 1. Its gradient is 0."""
    return _of(x).sign(x)


def exp(x: Any) -> Any:
    """e^x. Floats only; backends agree to a few units in the last place."""
    return _of(x).exp(x)


def log(x: Any) -> Any:
    """The natural logarithm: -inf at 0, NaN below. Floats only, as `exp`."""
    return _of(x).log(x)


def sqrt(x: Any) -> Any:
    """The square root, correctly rounded; NaN below 0. Floats only."""
    return _of(x).sqrt(x)


def sin(x: Any) -> Any:
    """The sine of `x` radians. Floats only, as `exp`."""
    return _of(x).sin(x)


def cos(x: Any) -> Any:
    """The cosine of `x` radians. Floats only, as `exp`."""
    return _of(x).cos(x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent. Floats only, as `exp`."""
    return _of(x).tanh(x)


def floor(x: Any) -> Any:
    """The largest integer that is not above `x`, in x's dtype; `x` itself in int32."""
    return _of(x).floor(x)


def trunc(x: Any) -> Any:
    """`x` without its fraction (toward zero), in x's dtype; `x` itself in int32."""
    return _of(x).trunc(x)


def spike(x: Any, scale: Any = 1) -> Any:
    """1 where x > 0, else 0: the neuron fires.

    A condition to `where`, a 0 or 1 of the equation's dtype in arithmetic. In torch on floats its
    gradient is the current surrogate's (`use_surrogate`) at x / scale, divided by scale; `scale`
    counts as 1 where it is not positive, and gets no gradient.
    """
    return _of(x, scale).spike(x, scale)


def decay(x: Any, f: Any, bits: int = 12) -> Any:
    """x f / 2^bits toward zero: Loihi's decay, of which `f` is 4096 times the factor kept.

    For integers |x| <= 2^24 and 0 <= f <= 2^bits, `bits` from 0 to 12: exact in int32 (by two
    products of 24 bits), and the same in floats that hold integers. In torch on floats the gradient
    is that of x f / 2^bits: straight through the rounding.
    """
    if not (isinstance(bits, int) and 0 <= bits <= 12):
        raise TypeError(f"decay(x, f, bits={bits!r}): bits must be an int from 0 to 12")
    return _of(x, f).decay(x, f, bits)


def shift(x: Any, e: Any) -> Any:
    """x 2^e toward minus infinity: a shift left by e, or right by -e with the sign kept.

    `e` is an int constant or a value that holds integers, from -30 to 30; values beyond are read as
    the nearer of these. In int32 bits fall off at the left. In torch on floats the gradient is that
    of x 2^e, straight through the rounding; `e` gets none.
    """
    if not isinstance(e, Symbol | torch.Tensor):
        if int(e) != e or abs(e) > symbolic.MAX_SHIFT:
            raise TypeError(f"shift(x, {e!r}): a constant exponent is an int from -30 to 30")
        e = int(e)
    return _of(x, e).shift(x, e)
