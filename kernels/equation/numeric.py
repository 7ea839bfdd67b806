"""The primitives on plain numbers: what an equation of constants, or a constant in one, gives."""

from __future__ import annotations

import math
from typing import Any

exp, log, sqrt = math.exp, math.log, math.sqrt
sin, cos, tanh = math.sin, math.cos, math.tanh
absolute, minimum, maximum = abs, min, max


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition > 0.5 else b


def spike(x: Any, scale: Any) -> Any:
    return type(x)(x > 0)


def clip(x: Any, low: Any, high: Any) -> Any:
    return min(max(x, low), high)


def sign(x: Any) -> Any:
    return type(x)((x > 0) - (x < 0))


def floor(x: Any) -> Any:
    return type(x)(math.floor(x))


def trunc(x: Any) -> Any:
    return type(x)(math.trunc(x))


def decay(x: Any, f: Any, bits: int) -> Any:
    product = math.floor(abs(x) * f / 2**bits)
    return type(x)(-product if x < 0 else product)


def shift(x: Any, e: Any) -> Any:
    return type(x)(math.floor(x * 2.0**e))
