"""Rounding whose gradient passes straight through (Bengio et al., "Estimating or propagating
gradients through stochastic neurons", arXiv:1308.3432): quantization-aware training's tools."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lava_torch.kernels.equation import reference


def straight_through(x: Tensor, quantize: Callable[[Tensor], Tensor]) -> Tensor:
    """`quantize(x)`, exactly, with the gradient of x."""
    return reference.straight_through(quantize, lambda x: x, x)


def round_ste(x: Tensor) -> Tensor:
    """The nearest whole number (ties to even)."""
    return straight_through(x, torch.round)
