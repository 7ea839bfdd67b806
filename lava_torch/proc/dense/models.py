"""How dense connections behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import message, spike
from lava_torch.kernels.op import Row
from lava_torch.kernels.spike.functional import dense_delay_linear
from lava_torch.model.connection import (
    ConnectionModel,
    DelayConnectionModel,
    FixedConnectionModel,
)
from lava_torch.model.layers import Layer, layer_of, run_connection
from lava_torch.model.rows import Rows, rows_of
from lava_torch.model.values import version
from lava_torch.proc.dense.process import DelayDense, Dense
from lava_torch.utils.delays import LONGEST_DELAY


class DenseModel(ConnectionModel):
    """All synapses there are, one weight each."""

    last_axis_outermost = ("weights",)
    traceable = ("a_buff",)
    #: Of all steps in one product: `lava-torch bench chain --stepper layers` beside the table.
    crossover = 0.5

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        return functional.linear(s_in, weights)

    def sum_row(self, rows: Rows) -> Row:
        """The weighted sum of what arrives, written over `a_buff`."""
        spikes, count, x, graded = self.events(rows)
        weights, sums = rows.outermost("weights"), rows.var("a_buff")
        return spike.DENSE.on(spikes, count, x, weights, sums, graded)

    @layer_of("emit", "absorb")
    def layer(self, layer: Layer) -> None:
        """One matrix product for all steps."""
        run_connection(self, layer, "a_buff")


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DenseModelFloat(DenseModel):
    """Dense in float32 or float64."""

    @rows_of("absorb", "counted", "propagate", "linear")
    def absorb_rows(self, rows: Rows) -> None:
        rows.add(self.sum_row(rows))


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class DenseModelFixed(DenseModel, FixedConnectionModel):
    """Dense with 8-bit weights, exact; in training, the same numbers in floating point."""

    def setup(self) -> None:
        super().setup()
        self._copy: tuple[Tensor, tuple, Tensor] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The tensors of a copy count their versions anew.
        return {**super().__getstate__(), "_copy": None}

    @rows_of("absorb", "counted", "propagate", "exact_linear", "linear")
    def absorb_rows(self, rows: Rows) -> None:
        rows.add(self.sum_row(rows))
        if self.weight_exp != 0:
            rows.add(message.SHIFT.on(rows.var("a_buff").view(-1), self.weight_exp))

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


class DelayDenseModel(DelayConnectionModel):
    """All synapses there are, a weight and a delay each."""

    last_axis_outermost = ("weights", "delays")

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        delays = self.checked_delays()
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

    @rows_of("absorb", "counted", "propagate", "linear")
    def absorb_rows(self, rows: Rows) -> None:
        self.add_rows(rows, 0)


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class DelayDenseModelFixed(DelayDenseModel, FixedConnectionModel):
    """DelayDense with 8-bit weights, exact; `weight_exp` shifts the sum of each delay."""

    longest = LONGEST_DELAY

    @rows_of("absorb", "counted", "propagate", "exact_linear", "linear")
    def absorb_rows(self, rows: Rows) -> None:
        self.add_rows(rows, self.weight_exp)
