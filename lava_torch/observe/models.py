"""How a Monitor records: one row a step, on the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.message import RECORD
from lava_torch.model.layers import Layer, layer_of
from lava_torch.model.rows import Rows, rows_of
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.observe.monitor import Monitor


@implements(proc=Monitor, protocol=LoihiProtocol)
@requires(CPU)
class MonitorModel(TorchProcessModel):
    """Writes row t - 1, modulo its length, of each record in step t. A record keeps the dtype of
    what it records: of spikes, a byte each."""

    # Of messages on their way: it holds those of fixed point exactly.
    dtype = torch.float64
    observer = True
    recorder = True

    def is_shared(self, name: str) -> bool:
        return True  # a record has its time axis first, then the batch's

    def initial(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        return torch.empty(0)  # made in on_connected, in the dtype of what is recorded

    def on_connected(self) -> None:
        """Make the records, now that the targets' shapes and dtypes are known."""
        self._of_port = {}
        for record, probe in self.proc_params["probes"].items():
            port = probe["port"]
            self._of_port[port] = record
            if port in self.binding.ref_shapes:
                row = self.read(port)
            else:
                row = self.zeros(self.binding.in_shapes[port], self.incoming_dtype(port))
            rows = torch.zeros((probe["num_steps"], *row.shape), dtype=row.dtype, device=row.device)
            self._buffers[record] = rows
        #: The steps before the first that is recorded.
        self._before = int(self.time_step)

    def room(self, first: int) -> int | None:
        ends = [self._before + probe["num_steps"] for probe in self.proc_params["probes"].values()]
        return max(min(ends) - first + 1, 0) if ends else None

    def begin_run(self, first: int, last: int) -> None:
        for probe in self.proc_params["probes"].values():
            if last > self._before + probe["num_steps"]:
                after = f" from step {self._before + 1} on" if self._before else ""
                raise RuntimeError(
                    f"Monitor '{self.binding.name}' records {probe['num_steps']} steps of "
                    f"'{probe['label']}'{after}, but the run would reach step {last}. Probe more "
                    f"steps, or run fewer."
                )

    def reset(self) -> None:
        self._before = 0
        for record in self._of_port.values():
            self._buffers[record].zero_()

    def get_var(self, name: str) -> np.ndarray:
        # Step t is in row t - 1, counted from the first again behind the last.
        rows = super().get_var(name)
        return np.roll(rows, -(self._before % max(len(rows), 1)), axis=0)

    def get_hidden(self) -> dict[str, Any]:
        return {**super().get_hidden(), "before": self._before}

    def set_hidden(self, state: Mapping[str, Any]) -> None:
        super().set_hidden(state)
        self._before = state["before"]

    def absorb(self, **inputs: Tensor) -> None:
        for port, message in inputs.items():
            self._write(self._of_port[port], message)

    def manage(self) -> None:
        for port, record in self._of_port.items():
            if port in self.binding.ref_shapes:
                self._write(record, self.read(port))

    @rows_of("absorb", "_write")
    def absorb_rows(self, rows: Rows) -> None:
        for port, record in self._of_port.items():
            if port in self.binding.in_shapes:
                self._add_row(rows, rows.whole(port), record)

    @rows_of("manage", "_write")
    def manage_rows(self, rows: Rows) -> None:
        for port, record in self._of_port.items():
            if port in self.binding.ref_shapes:
                self._add_row(rows, rows.read(port), record)

    @layer_of("absorb", "manage", "_write")
    def layer(self, layer: Layer) -> None:
        for port, record in self._of_port.items():
            observed = layer.whole if port in self.binding.in_shapes else layer.read
            layer.record(self._buffers[record], observed(port))

    def _add_row(self, rows: Rows, value: Tensor, record: str) -> None:
        # (T, *row) lies by rows already.
        kept = self._buffers[record]
        rows.add(RECORD.on(value.view(-1), kept.view(kept.shape[0], -1), rows.clock))

    def _write(self, record: str, row: Tensor) -> None:
        rows = self._buffers[record]
        at = ((self.time_step - 1) % len(rows)).reshape(1)
        rows.index_copy_(0, at, row.detach().to(rows.dtype)[None])
