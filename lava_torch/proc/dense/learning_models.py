"""How dense connections that learn behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import spike
from lava_torch.kernels.op import Row
from lava_torch.model.learning import FixedLearningModel, LearningModel, learning_rows
from lava_torch.model.rows import Rows
from lava_torch.proc.dense.learning import LearningDelayDense, LearningDense
from lava_torch.proc.dense.models import (
    DelayDenseModel,
    DenseModel,
    ExactDenseModel,
)
from lava_torch.utils.delays import LONGEST_DELAY


class DenseSynapses(LearningModel):
    """Synapses of all pairs: (W, m, n), where W is the batch if each item learns alone."""

    last_axis_outermost = ("weights", "tag_1", "tag_2")

    def synapses(self, rows: Rows, name: str) -> Tensor:
        value = rows.outermost(name)
        return value if value.ndim == 3 else value[None]

    def synapses_of(self, value: Tensor) -> Tensor:
        value = value if value.ndim == 3 else value[None]
        return value.transpose(-1, -2).clone(memory_format=torch.contiguous_format)

    def as_value(self, synapses: Tensor, like: Tensor) -> Tensor:
        return synapses.transpose(-1, -2).reshape(like.shape)


class LearningDenseModel(DenseSynapses, DenseModel):
    """A weight, a tag and a delay that only learns, for each pair."""

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        if weights.ndim == 2:
            return super().linear(s_in, weights)
        return torch.matmul(weights, s_in.unsqueeze(-1)).squeeze(-1)

    def sum_row(self, rows: Rows, sums: Tensor) -> Row:
        spikes, count, x, graded = self.events(rows)
        weights = self.synapses(rows, "weights").flatten(0, 1)
        return spike.DENSE.on(spikes, count, x, weights, sums, graded)


@implements(proc=LearningDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LearningDenseModelFloat(LearningDenseModel):
    """LearningDense in float32 or float64."""

    absorb_rows = learning_rows


@implements(proc=LearningDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class LearningDenseModelFixed(FixedLearningModel, LearningDenseModel, ExactDenseModel):
    """LearningDense with traces of 7 and weights of 8 bits."""

    def _weights_as(self, dtype: torch.dtype) -> Tensor:
        return self.weights.to(dtype)

    absorb_rows = learning_rows


class LearningDelayDenseModel(DenseSynapses, DelayDenseModel):
    """A weight, a tag and a delay for each pair."""

    last_axis_outermost = ("weights", "tag_1", "tag_2", "delays")

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        if weights.ndim == 2:
            return super().linear(s_in, weights)
        items = zip(s_in, weights, self.checked_delays(), strict=True)
        return torch.cat([self.delayed(x[None], w, d) for x, w, d in items])

    def sum_row(self, rows: Rows, ring: Tensor) -> Row:
        spikes, count, x, graded = self.events(rows)
        self.checked_delays()
        weights, delays = (self.synapses(rows, n).flatten(0, 1) for n in ("weights", "delays"))
        return spike.DENSE_DELAY.on(spikes, count, x, weights, delays, ring, rows.clock, graded)


@implements(proc=LearningDelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LearningDelayDenseModelFloat(LearningDelayDenseModel):
    """LearningDelayDense in float32 or float64."""

    absorb_rows = learning_rows


@implements(proc=LearningDelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class LearningDelayDenseModelFixed(FixedLearningModel, LearningDelayDenseModel):
    """LearningDelayDense with traces of 7 and weights of 8 bits."""

    longest = LONGEST_DELAY

    absorb_rows = learning_rows
