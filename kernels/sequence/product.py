"""A matrix product over many time steps, of which each arrives one step later."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels import workspace


def delayed_product(x: Tensor, weights: Tensor, first: Tensor) -> Tensor:
    """y[0] = first, y[t] = x[t - 1] weights^T, with gradients for x and weights.

    x (steps, batch, m) contiguous, weights (n, m), first (batch, n), of one floating dtype and with
    one step at least; gives (steps, batch, n). It is a product and a shift in one tensor.
    """
    return _Product.apply(x, weights, first)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, first: Tensor) -> Tensor:
        ctx.save_for_backward(x, weights)
        y = workspace.empty((*x.shape[:2], len(weights)), x.dtype, x.device)
        y[0] = first
        torch.mm(x[:-1].flatten(0, 1), weights.t(), out=y[1:].flatten(0, 1))
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weights = ctx.saved_tensors
        arrived, sent = g[1:].flatten(0, 1), x[:-1].flatten(0, 1)
        of_x = _before(arrived, weights, x) if ctx.needs_input_grad[0] else None
        of_weights = arrived.t() @ sent if ctx.needs_input_grad[1] else None
        return of_x, of_weights, None


def _before(arrived: Tensor, weights: Tensor, x: Tensor) -> Tensor:
    """The gradient of x: what the last step sends arrives nowhere."""
    if torch.is_grad_enabled():  # for gradients of gradients, which out= has none of
        return torch.cat([arrived @ weights, torch.zeros_like(x[-1])]).view_as(x)
    found = workspace.empty(tuple(x.shape), x.dtype, x.device)
    found[-1] = 0
    torch.mm(arrived, weights, out=found[:-1].flatten(0, 1))
    return found
