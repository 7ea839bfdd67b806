"""How convolutions over time behave."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.model.connection import ColumnsModel
from lava_torch.proc.conv_in_time.process import ConvInTime


@implements(proc=ConvInTime, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class ConvInTimeModelFloat(ColumnsModel):
    """ConvInTime in float32 or float64. It steps: it has no row of a table."""

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        """(..., n, K): what is sent in k steps."""
        steps, post, pre = weights.shape
        sums = functional.linear(s_in, weights.flip(0).reshape(steps * post, pre))
        return sums.unflatten(-1, (steps, post)).transpose(-1, -2)


@implements(proc=ConvInTime, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class ConvInTimeModelFixed(ConvInTimeModelFloat):
    """The same in float64."""

    dtype = torch.float64
