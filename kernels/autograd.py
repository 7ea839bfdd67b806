"""What the backward passes of kernels ask of autograd."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def recorded(gradients: Iterable[Tensor | None]) -> bool:
    """Whether a backward pass has to be made of torch's operations: gradients of gradients are
    wanted, or many gradients at once (`is_grads_batched`), which have no memory of their own."""
    if torch.is_grad_enabled():
        return True
    functorch = torch._C._functorch
    return any(
        g is not None and (functorch.is_batchedtensor(g) or functorch.is_legacy_batchedtensor(g))
        for g in gradients
    )
