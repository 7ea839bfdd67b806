"""Philox in plain torch: 32-bit words in int64 tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from lava_torch.kernels.random import INCREMENTS, MULTIPLIERS, ROUNDS

_MASK = 0xFFFFFFFF


def philox(
    c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor, k0: int, k1: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four words of 32 bits for each counter; counters are int64 tensors that broadcast."""
    for _ in range(ROUNDS):
        high0, low0 = _multiply(MULTIPLIERS[0], c0)
        high1, low1 = _multiply(MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + INCREMENTS[0]) & _MASK, (k1 + INCREMENTS[1]) & _MASK
    return c0, c1, c2, c3


def _multiply(a: int, b: Tensor) -> tuple[Tensor, Tensor]:
    """The high and the low word of a product of 64 bits, which an int64 cannot hold at once."""
    low = a * (b & 0xFFFF)
    middle = a * (b >> 16) + (low >> 16)
    return middle >> 16, ((middle & 0xFFFF) << 16) | (low & 0xFFFF)


def uniform(words: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Words as numbers in [0, 1): their upper 24 bits in float32, all 32 in float64."""
    if dtype == torch.float64:
        return words.to(torch.float64) * 2.0**-32
    return (words >> 8).to(torch.float32) * 2.0**-24
