"""Virtual ports as tensor views: what reshape, transpose and concat do to a message."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.path_steps import Place, Reshape, Step, Take, Transpose


@dataclass(frozen=True)
class View:
    """The steps from a source's shape to a destination's, applied behind any leading axes.

    Leading axes are the batch's. Reshape and transpose copy nothing; a place in a concatenation is
    padded with zeros, so that the parts can be summed.
    """

    steps: tuple[Step, ...]
    source_ndim: int

    def apply(self, x: Tensor) -> Tensor:
        ndim = self.source_ndim
        for step in self.steps:
            x, ndim = _apply(step, x, x.ndim - ndim)
        return x

    def written(self, old: Tensor, x: Tensor) -> Tensor:
        """What `old`, at the destination, becomes when `x` is written to it through this view."""
        new = self.apply(x)
        if any(isinstance(step, Place) for step in self.steps):
            new = torch.where(self.apply(torch.ones_like(x, dtype=torch.bool)), new, old)
        return new


def _apply(step: Step, x: Tensor, lead: int) -> tuple[Tensor, int]:
    match step:
        case Reshape(shape):
            return x.reshape(x.shape[:lead] + torch.Size(shape)), len(shape)
        case Transpose(axes):
            return x.permute(*range(lead), *(lead + axis for axis in axes)), len(axes)
        case Place(axis, start, shape):
            after = shape[axis] - start - x.shape[lead + axis]
            # functional.pad counts axes from the last.
            pads = [0, 0] * (len(shape) - 1 - axis) + [start, after]
            return functional.pad(x, pads), len(shape)
        case Take(axis, start, length):
            return x.narrow(lead + axis, start, length), x.ndim - lead
    raise TypeError(f"Unknown step of a virtual port: {step!r}.")
