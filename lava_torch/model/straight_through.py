"""Rounding whose gradient passes straight through (Bengio et al., "Estimating or propagating
gradients through stochastic neurons", arXiv:1308.3432): quantization-aware training's tools."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def straight_through(x: Tensor, quantize: Callable[[Tensor], Tensor]) -> Tensor:
    """`quantize(x)`, exactly, with the gradient of x."""
    with torch.no_grad():
        value = quantize(x)
    # What is added is exactly 0; x + (value - x).detach() would be rounded once more. Unlike an
    # autograd.Function this works within torch.func's transforms.
    return value + (x - x.detach())


def round_ste(x: Tensor) -> Tensor:
    """The nearest whole number (ties to even)."""
    return straight_through(x, torch.round)
