"""How convolutional connections that learn behave, in floating and in fixed point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import message, spike
from lava_torch.kernels.learning.conv import GEOMETRY, ConvUpdateOp, conv_update_row
from lava_torch.kernels.op import Row
from lava_torch.model.learning import Empty, LearningModel, learning_rows
from lava_torch.model.rows import Rows, rows_of
from lava_torch.proc.conv.learning import LearningConv
from lava_torch.proc.conv.models import ConvModel, ExactConvModel


class LearningConvModel(LearningModel, ConvModel):
    """A kernel that learns, each weight with a tag and a delay that only learns."""

    variables = {"w": "weight", "t": "tag_1", "d": "tag_2"}

    def synapses(self, rows: Rows, name: str) -> Tensor:
        value = rows.var(name)
        return value.view(len(value), *self._kernel)

    def synapses_of(self, value: Tensor) -> Tensor:
        return value.reshape(-1, *self._kernel).clone()

    def as_value(self, synapses: Tensor, like: Tensor) -> Tensor:
        return synapses.view(like.shape)

    @property
    def _kernel(self) -> torch.Size:
        return self.weight.shape[-4:]

    def _event_driven(self) -> bool:
        return False  # what no event touches is passed over at any rate

    def update(self, args: Mapping[str, Any], events: bool, empty: Empty) -> list[Row]:
        sizes, binding = self._sizes, self.binding
        numbers = (
            *binding.in_shapes["s_in"], *binding.out_shapes["a_out"][:2], *sizes["padding"],
            *sizes["stride"], *sizes["dilation"], *sizes["groups"],
        )  # fmt: skip
        geometry = dict(zip(GEOMETRY, numbers, strict=True))
        op = ConvUpdateOp(self.rule, self.compute_dtype)
        keys = dict(zip(("key0", "key1"), self.keys, strict=True))
        return [conv_update_row(op, {**args, **geometry, **keys}, self.t_epoch)]

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        if weights.ndim == 4:
            return super().linear(s_in, weights)
        alone = super().linear
        return torch.cat([alone(x[None], w) for x, w in zip(s_in, weights, strict=True)])

    def add_rows(self, rows: Rows, exponent: int) -> None:
        if self.batch_size in (None, 1) or self.batch_mode == "mean":
            super().add_rows(rows, exponent)
            return
        # An item's spikes go through a kernel of its own.
        gather, sums, whole = self.kernel_row(rows), rows.var(self.buffer), rows.whole("s_in")
        rows.before(gather)
        for x, kernel, own in zip(whole, gather.args[-1], sums, strict=True):
            spikes = rows.scratch(tuple(x.shape), torch.int32)
            count = rows.scratch((1,), torch.int32)
            rows.add(spike.COMPACT.on(x, spikes, count))
            graded = self.graded or self._smooth
            events = spikes, count, x if graded else spikes, graded
            rows.add(self.conv_row(events, kernel, own[None]))

    @rows_of("learn")
    def learn_rows(self, rows: Rows) -> None:
        super().learn_rows(rows)
        gather = self.kernel_row(rows)
        rows.add(Row(gather.op, gather.args, self.t_epoch))


@implements(proc=LearningConv, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LearningConvModelFloat(LearningConvModel):
    """LearningConv in float32 or float64."""

    absorb_rows = learning_rows


@implements(proc=LearningConv, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class LearningConvModelFixed(LearningConvModel, ExactConvModel):
    """LearningConv with traces of 7 and weights of 8 bits."""

    def add_rows(self, rows: Rows, exponent: int) -> None:
        super().add_rows(rows, exponent)
        if self.batch_size not in (None, 1) and self.batch_mode == "each":
            rows.add(message.WRAP24.on(rows.var(self.buffer).view(-1)))

    absorb_rows = learning_rows
