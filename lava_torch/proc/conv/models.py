"""How convolutional connections behave, in floating and in fixed point."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import message, spike
from lava_torch.kernels.op import Row
from lava_torch.model.connection import ConnectionModel, float_rows
from lava_torch.model.rows import Rows
from lava_torch.model.straight_through import round_ste, straight_through
from lava_torch.proc.conv.process import Conv
from lava_torch.proc.conv.utils import signed_clamp

#: Bits of the activation in fixed point.
BITS = 24
#: A graded message of 24 bits is convolved in two halves.
HALF = 12


class ConvModel(ConnectionModel):
    """A buffered convolution, by torch's."""

    shared = (
        "weight",
        "weight_exp",
        "num_weight_bits",
        "kernel_size",
        "padding",
        "stride",
        "dilation",
        "groups",
        "num_message_bits",
    )
    trainable = ("weight",)
    buffer = "a_buf"
    #: By `lava-torch bench conv --stepper layers` beside the table.
    crossover = 0.2
    #: Beyond, torch's convolution leaves the cache (by a factor of 2 in float64).
    at_once = 1 << 19
    #: Vars that the shapes of the network depend on.
    geometry = ("kernel_size", "padding", "stride", "dilation", "groups")

    def setup(self) -> None:
        super().setup()
        # As Python numbers, read once: as tensors they would make each step wait for the device.
        self._sizes = {name: tuple(getattr(self, name).int().tolist()) for name in self.geometry}

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        sizes = vars(self).get("_sizes", {})
        if name in sizes and tuple(value.tolist()) != sizes[name]:
            raise self.refuse(name, value, f"{sizes[name]} as constructed: shapes depend on it")

    def propagate(self, s_in: Tensor) -> Tensor:
        return self.linear(s_in, self.weight)

    def sum_row(self, rows: Rows, sums: Tensor) -> Row:
        gather = self.kernel_row(rows)
        rows.before(gather)
        return self.conv_row(self.events(rows), gather.args[-1], sums)

    def conv_row(self, events: tuple, kernel: Tensor, sums: Tensor) -> Row:
        """The sum over `events`, see there, by a kernel with the output channels side by side."""
        spikes, count, x, graded = events
        sizes, binding = self._sizes, self.binding
        geometry = (*sizes["padding"], *sizes["stride"], *sizes["dilation"], *sizes["groups"])
        shape = self.weight.shape[-4:]
        return spike.CONV.on(
            spikes, count, x, kernel.view(*shape[1:], shape[0]),
            sums.view(-1, *binding.out_shapes["a_out"]), *binding.in_shapes["s_in"], *geometry,
            graded,
        )  # fmt: skip

    def kernel_row(self, rows: Rows) -> Row:
        """The row that copies the kernel, of each item if each has one, into its last argument,
        with the output channels side by side."""
        weight, shape = rows.var("weight"), tuple(self.weight.shape[-4:])
        places = torch.arange(math.prod(shape), dtype=torch.int32).reshape(shape).movedim(0, -1)
        index = places.reshape(-1).to(weight.device)
        return message.GATHER.on(weight, index, rows.scratch(weight.shape, weight.dtype, "kernel"))

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        """(..., X, Y, C) gives (..., X', Y', C'): torch has the channels first, and does not flip
        the kernel."""
        lead = s_in.shape[:-3]
        channels_first = s_in.unsqueeze(0).flatten(0, -4).permute(0, 3, 1, 2)
        kernel = weights.flip(1, 2).permute(0, 3, 1, 2)
        sizes = self._sizes
        out = functional.conv2d(
            channels_first,
            kernel,
            padding=sizes["padding"],
            stride=sizes["stride"],
            dilation=sizes["dilation"],
            groups=sizes["groups"][0],
        ).permute(0, 2, 3, 1)
        return out.reshape(*lead, *out.shape[1:])


@implements(proc=Conv, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class ConvModelFloat(ConvModel):
    """Conv in float32 or float64."""

    absorb_rows = float_rows


class ExactConvModel(ConvModel):
    """Integer weights and a sum of 24 bits."""

    dtype = torch.int32

    def add_rows(self, rows: Rows, exponent: int) -> None:
        super().add_rows(rows, exponent)
        rows.add(message.WRAP24.on(rows.var(self.buffer).view(-1)))

    def propagate(self, s_in: Tensor) -> Tensor:
        if self.quantized_training:
            activation = self.linear(s_in.double(), round_ste(self.weight).double())
            return straight_through(activation, lambda x: signed_clamp(x, BITS)).to(s_in.dtype)
        return signed_clamp(self._exact_linear(s_in), BITS).to(torch.int32)

    def _exact_linear(self, s_in: Tensor) -> Tensor:
        """The sum modulo 2^24, int64. Floats are convolved faster than integers, which some devices
        cannot at all; float64 holds the sum of 2^30 spikes, or of 2^18 halves of messages."""
        weights = signed_clamp(self.weight, BITS).double()
        if not self.graded:
            return self.linear(s_in.double(), weights).long()
        s_in = signed_clamp(s_in.long(), BITS)
        high, low = s_in >> HALF, s_in & ((1 << HALF) - 1)
        above = signed_clamp(self.linear(high.double(), weights).long(), BITS)
        return (above << HALF) + self.linear(low.double(), weights).long()


@implements(proc=Conv, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class ConvModelFixed(ExactConvModel):
    """Conv with integer weights and a sum of 24 bits; in training, the same numbers in floating
    point."""

    absorb_rows = float_rows
