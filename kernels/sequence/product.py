"""A matrix product over many time steps, of which each arrives one step later."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels import workspace
from lava_torch.kernels.autograd import recorded


def delayed_product(x: Tensor, weights: Tensor, first: Tensor) -> Tensor:
    """y[0] = first, y[t] = x[t - 1] weights^T, with gradients for x and weights.

    x (steps, batch, m) contiguous, weights (n, m), first (batch, n), of one floating dtype and with
    one step at least; gives (steps, batch, n). It is a product and a shift in one tensor.
    """
    return _Product.apply(x, weights, first)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, first: Tensor) -> Tensor:
        of_x, of_weights, _ = ctx.needs_input_grad
        ctx.save_for_backward(x if of_weights else None, weights if of_x else None)
        ctx.shape = x.shape
        y = workspace.empty((*x.shape[:2], len(weights)), x.dtype, x.device)
        y[0] = first
        torch.mm(x[:-1].flatten(0, 1), weights.t(), out=y[1:].flatten(0, 1))
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weights = ctx.saved_tensors
        steps, batch, n = g.shape
        arrived = g[1:].reshape((steps - 1) * batch, n)
        of_x = _before(arrived, weights, ctx.shape) if ctx.needs_input_grad[0] else None
        of_weights = None
        if ctx.needs_input_grad[1]:
            of_weights = arrived.t() @ x[:-1].reshape((steps - 1) * batch, x.shape[2])
        return of_x, of_weights, None


def _before(arrived: Tensor, weights: Tensor, shape: torch.Size) -> Tensor:
    """The gradient of x, of this shape: what the last step sends arrives nowhere."""
    if recorded([arrived]):
        last = arrived.new_zeros((shape[1], shape[2]))
        return torch.cat([arrived @ weights, last]).reshape(shape)
    found = workspace.empty(tuple(shape), arrived.dtype, arrived.device)
    found[-1] = 0
    torch.mm(arrived, weights, out=found[:-1].flatten(0, 1))
    return found
