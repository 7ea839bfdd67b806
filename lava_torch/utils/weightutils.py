"""Loihi's 8-bit synaptic weights: sign modes, clipping, truncation, and the best exponent.

A weight is stored with `num_weight_bits` bits; with `SignMode.MIXED` the sign takes one of them, so
the lowest bit of an 8-bit value is dropped. Functions take a numpy array or a scipy sparse matrix
and return the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

import numpy as np
import scipy.sparse

Weights = Any  # np.ndarray or a scipy sparse matrix


@unique
class SignMode(Enum):
    """Which signs the weights of a connection may have."""

    NULL = 0
    MIXED = 1
    EXCITATORY = 2
    INHIBITORY = 3


@dataclass
class OptimizedWeights:
    """`weights * 2**weight_exp` with `num_weight_bits` bits represents the original weights."""

    weights: Weights
    num_weight_bits: int
    weight_exp: int


def determine_sign_mode(weights: Weights) -> SignMode:
    """EXCITATORY if no weight is negative, INHIBITORY if none is positive, else MIXED."""
    if 0 in weights.shape or weights.min() >= 0:
        return SignMode.EXCITATORY
    if weights.max() <= 0:
        return SignMode.INHIBITORY
    return SignMode.MIXED


def weight_range(sign_mode: SignMode, num_bits: int = 8) -> tuple[int, int]:
    """The smallest and the largest weight that a sign mode admits, both included."""
    top = 2**num_bits - 1
    if sign_mode == SignMode.MIXED:
        return -(2**num_bits), top
    return (-top, 0) if sign_mode == SignMode.INHIBITORY else (0, top)


def truncated_bits(sign_mode: SignMode, num_weight_bits: int, max_num_weight_bits: int = 8) -> int:
    """How many of the lowest bits are dropped."""
    return max_num_weight_bits - num_weight_bits + int(sign_mode == SignMode.MIXED)


def clip_weights(weights: Weights, sign_mode: SignMode, num_bits: int) -> Weights:
    """Integer weights (toward zero), limited to the range of the sign mode. int32."""
    low, high = weight_range(sign_mode, num_bits)
    return _map_values(weights, lambda w: np.clip(w, low, high))


def truncate_weights(
    weights: Weights, sign_mode: SignMode, num_weight_bits: int, max_num_weight_bits: int = 8
) -> Weights:
    """Integer weights with their lowest bits cleared: toward minus infinity, but toward zero for
    INHIBITORY weights, whose magnitude is truncated. int32."""
    bits = truncated_bits(sign_mode, num_weight_bits, max_num_weight_bits)
    sign = -1 if sign_mode == SignMode.INHIBITORY else 1
    return _map_values(weights, lambda w: sign * (((sign * w) >> bits) << bits))


def optimize_weight_bits(
    weights: Weights, sign_mode: SignMode, loihi2: bool = False
) -> OptimizedWeights:
    """The exponent that uses the 8 bits fully, and the fewest bits that lose nothing then.

    With `loihi2`, the weights are returned without their unused low bits.

    Raises ValueError if a weight is outside the range of the sign mode.
    """
    low, high = weight_range(sign_mode)
    if weights.max() > high or weights.min() < low:
        raise ValueError(
            f"weights must be in [{low}, {high}] for {sign_mode}; they are in "
            f"[{weights.min()}, {weights.max()}]. Scale them, or choose another sign mode."
        )
    weight_exp = _determine_weight_exp(weights, sign_mode)
    bits = _determine_num_weight_bits(weights, weight_exp, sign_mode)
    unused = truncated_bits(sign_mode, bits) if loihi2 else 0
    scaled = _map_values(
        weights, lambda w: w << -weight_exp if weight_exp <= 0 else w >> weight_exp
    )
    if unused:
        scaled = _map_values(scaled, lambda w: np.trunc(w / 2**unused).astype(np.int32))
    return OptimizedWeights(scaled, bits, weight_exp)


def _determine_weight_exp(weights: Weights, sign_mode: SignMode) -> int:
    """The exponent e for which weights * 2**-e fill the 8 bits; 0 for all-zero weights."""
    top, bottom = float(weights.max()), float(weights.min())
    if top == bottom == 0:
        return 0
    mixed = sign_mode == SignMode.MIXED
    limits = {SignMode.INHIBITORY: (np.inf, 255), SignMode.EXCITATORY: (255, np.inf)}
    high, low = limits.get(sign_mode, (127, 128))
    scale = min(high / top if top > 0 else np.inf, -low / bottom if bottom < 0 else np.inf)
    return -(int(np.floor(np.log2(scale))) + int(mixed))


def _determine_num_weight_bits(weights: Weights, weight_exp: int, sign_mode: SignMode) -> int:
    """The number of bits that represent integer weights exactly, given their exponent."""
    values = np.asarray(
        getattr(weights, "data", weights) if scipy.sparse.issparse(weights) else weights
    )
    zeros = next((n for n in range(8, 0, -1) if np.all(values % 2**n == 0)), 0)
    return 8 + weight_exp - (zeros - int(sign_mode == SignMode.MIXED))


def _map_values(weights: Weights, fn: Callable[[np.ndarray], np.ndarray]) -> Weights:
    """`fn` of the (stored) values as int32, in an array or matrix of the same kind."""
    if not scipy.sparse.issparse(weights):
        return fn(np.asarray(weights).astype(np.int32)).astype(np.int32)
    result = weights.copy().astype(np.int32)
    result.data = fn(result.data).astype(np.int32)
    return result
