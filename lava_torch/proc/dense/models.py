"""How dense connections behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import spike
from lava_torch.kernels.op import Row
from lava_torch.kernels.sequence.product import delayed_product
from lava_torch.kernels.spike.functional import dense_delay_linear
from lava_torch.model.connection import (
    ConnectionModel,
    DelayConnectionModel,
    FixedConnectionModel,
    fixed_rows,
    float_rows,
)
from lava_torch.model.rows import Rows, rows_of
from lava_torch.model.values import version
from lava_torch.proc.dense.process import DelayDense, Dense
from lava_torch.utils.delays import LONGEST_DELAY


class DenseModel(ConnectionModel):
    """All synapses there are, one weight each."""

    last_axis_outermost = ("weights",)
    #: Of all steps in one product: `lava-torch bench chain --stepper layers` beside the table.
    crossover = 0.5

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        return functional.linear(s_in, weights)

    def sum_row(self, rows: Rows, sums: Tensor) -> Row:
        spikes, count, x, graded = self.events(rows)
        return spike.DENSE.on(spikes, count, x, rows.outermost("weights"), sums, graded)


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DenseModelFloat(DenseModel):
    """Dense in float32 or float64."""

    absorb_rows = float_rows

    @rows_of("propagate", "linear")
    def delivered(self, s_in: Tensor, first: Tensor) -> Tensor:
        return delayed_product(s_in, self.weights, first)


class ExactDenseModel(DenseModel, FixedConnectionModel):
    """8-bit weights; sums are exact."""

    def setup(self) -> None:
        super().setup()
        self._copy: tuple[Tensor, tuple, Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The tensors of a copy count their versions anew.
        return {**super().__getstate__(), "_copy": None}

    def exact_linear(self, s_in: Tensor) -> Tensor:
        """`weights @ s_in` of int32, exact, in a floating dtype that holds every partial sum:
        float32 for up to 2^16 spikes, float64 for up to 2^21 graded messages of 24 bits. Floats
        are multiplied faster than integers, and on GPUs too."""
        small = not self.graded and s_in.shape[-1] < 1 << 16
        dtype = torch.float32 if small else torch.float64
        activation = self.linear(s_in.to(dtype), self._weights_as(dtype))
        return activation.to(torch.int64).to(torch.int32)

    def _weights_as(self, dtype: torch.dtype) -> Tensor:
        """A copy of the weights, made anew when they were replaced or written to."""
        weights = self.weights
        if version(weights) is None:
            return weights.to(dtype)
        state = (dtype, version(weights))
        # The original is kept too, lest another tensor comes to lie at its address.
        if self._copy is None or self._copy[0] is not weights or self._copy[1] != state:
            self._copy = (weights, state, weights.to(dtype))
        return self._copy[2]


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class DenseModelFixed(ExactDenseModel):
    """Dense with 8-bit weights, exact; in training, the same numbers in floating point."""

    absorb_rows = fixed_rows


class DelayDenseModel(DelayConnectionModel):
    """All synapses there are, a weight and a delay each."""

    last_axis_outermost = ("weights", "delays")

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        return self.delayed(s_in, weights, self.checked_delays())

    def delayed(self, s_in: Tensor, weights: Tensor, delays: Tensor) -> Tensor:
        return dense_delay_linear(s_in, weights, delays, self.slots).transpose(-1, -2)

    def sum_row(self, rows: Rows, ring: Tensor) -> Row:
        spikes, count, x, graded = self.events(rows)
        self.checked_delays()
        synapses = rows.outermost("weights"), rows.outermost("delays")
        return spike.DENSE_DELAY.on(spikes, count, x, *synapses, ring, rows.clock, graded)


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DelayDenseModelFloat(DelayDenseModel):
    """DelayDense in float32 or float64."""

    absorb_rows = float_rows


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class DelayDenseModelFixed(DelayDenseModel, FixedConnectionModel):
    """DelayDense with 8-bit weights, exact; `weight_exp` shifts the sum of each delay."""

    longest = LONGEST_DELAY

    absorb_rows = fixed_rows
