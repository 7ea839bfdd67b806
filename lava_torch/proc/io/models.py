"""How sources and sinks behave: rows are read and written on the device, by the time step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import message
from lava_torch.model.errors import VarInitError
from lava_torch.model.layers import Layer, flat_sequence, layer_of
from lava_torch.model.rows import Rows, rows_of
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.proc.io import sink, source


class SourceModel(TorchProcessModel):
    """Sends data[..., (t - 1) % T]."""

    kept = ("data",)
    passes_gradients = True
    last_axis_outermost = ("data",)

    def initial(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        items = np.shape(init)[0] if self.proc_params.get("batched") and np.ndim(init) else None
        if items is not None and items != self.batch_size:
            raise VarInitError(
                f"{self.label(name)} is batched and holds {items} items of shape {shape}; the run "
                f"config has batch_size={self.batch_size}. Make them equal."
            )
        return super().initial(name, init, shape)

    def emit(self) -> Tensor:
        row = (self.time_step - 1) % self.data.shape[-1]
        return self.data.index_select(-1, row.reshape(1)).squeeze(-1)

    def activity(self, port: str) -> float | None:
        return int(self.data.count_nonzero()) / max(self.data.numel(), 1)

    @rows_of("emit")
    def emit_rows(self, rows: Rows) -> None:
        data = rows.outermost("data")
        rows.send("s_out", data.reshape(data.shape[0], rows.batch, -1), time=True)

    @layer_of("emit")
    def layer(self, layer: Layer) -> None:
        data = self.data.movedim(-1, 0)
        start, end = (layer.first - 1) % len(data), (layer.first - 1) % len(data) + layer.steps
        if end <= len(data):
            rows = data[start:end]
        else:
            rows = data[torch.arange(start, end, device=data.device) % len(data)]
        layer.send("s_out", flat_sequence(rows, layer.steps, layer.batch))


class SinkModel(TorchProcessModel):
    """Writes data[..., (t - 1) % buffer], in place: a record is not state that a gradient needs."""

    recorder = passes_gradients = True
    last_axis_outermost = ("data",)

    def absorb(self, a_in: Tensor) -> None:
        row = (self.time_step - 1) % self.data.shape[-1]
        self.data.index_copy_(-1, row.reshape(1), a_in.unsqueeze(-1).to(self.data.dtype))

    @rows_of("absorb")
    def absorb_rows(self, rows: Rows) -> None:
        data = rows.outermost("data")
        record = data.reshape(data.shape[0], -1)
        rows.add(message.RECORD.on(rows.whole("a_in").view(-1), record, rows.clock))

    @layer_of("absorb")
    def layer(self, layer: Layer) -> None:
        layer.record(self.data.movedim(-1, 0), layer.whole("a_in"))


@implements(proc=source.RingBuffer, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class SourceModelFloat(SourceModel):
    """A source of floats."""


@implements(proc=source.RingBuffer, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SourceModelFixed(SourceModel):
    """A source of int32."""

    dtype = torch.int32


@implements(proc=sink.RingBuffer, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class SinkModelFloat(SinkModel):
    """A sink of floats."""


@implements(proc=sink.RingBuffer, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SinkModelFixed(SinkModel):
    """A sink of int32."""

    dtype = torch.int32
