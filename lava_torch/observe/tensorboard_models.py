"""How a TensorBoard probe records: on the device, in a ring that is emptied after each chunk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.message import PROBE, PROBE_MEAN
from lava_torch.model.rows import Rows, rows_of
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.observe.event_thread import to_host
from lava_torch.observe.tensorboard import Probe

#: The most steps, and about the most bytes, that a ring holds.
RING_STEPS = 1000
RING_BYTES = 1 << 22


@implements(proc=Probe, protocol=LoihiProtocol)
@requires(CPU)
class ProbeModel(TorchProcessModel):
    """Writes the row of step t, and t itself beside it, into a slot that follows from t alone.

    Nothing waits for the host within a step. The step number beside a row says whether the row is
    new, whatever a failed step, a pause or a loaded state did to the time in between.
    """

    observer = True
    recorder = True

    def on_connected(self) -> None:
        self._stream = self.proc_params["stream"]
        #: The global step is this plus the time step.
        self._before = self._stream.last
        #: The last step of the run that is not known to have ended.
        self._run_last: int | None = None
        self._reads_var = "target" in self.binding.ref_shapes
        self._item = self._checked_item()
        value = self.read("target") if self._reads_var else self._no_message()
        size = self._of_item(value).numel()
        self._elements = self._stream.elements(size)
        whole = np.array_equal(self._elements, np.arange(size))
        self._add("_selected", None if whole else torch.from_numpy(self._elements))
        self._make_ring(self._row(value), self._stream.every)

    def begin_run(self, first: int, last: int) -> None:
        if self._run_last is not None:
            self._collect(first - 1)  # what a run left that ended with an exception
        self._run_last = last

    def drain(self) -> None:
        done = int(self.time_step)
        self._collect(done)
        if done == self._run_last:
            self._run_last = None

    def reset(self) -> None:
        self._collect(None)  # the clock is back at 0 already
        self._before = self._stream.last

    def close(self) -> None:
        self._collect(int(self.time_step))
        self._stream.finish()

    def absorb(self, **inputs: Tensor) -> None:
        if not self._reads_var:
            self._write(inputs["target"])

    def manage(self) -> None:
        if self._reads_var:
            self._write(self.read("target"))

    @rows_of("absorb", "_write", "_row", "_of_item")
    def absorb_rows(self, rows: Rows) -> None:
        if not self._reads_var:
            self._add_row(rows, rows.whole("target"))

    @rows_of("manage", "_write", "_row", "_of_item")
    def manage_rows(self, rows: Rows) -> None:
        if self._reads_var:
            self._add_row(rows, rows.read("target"))

    # -- inner ------------------------------------------------------------------------------------

    def _no_message(self) -> Tensor:
        return self.zeros(self.binding.in_shapes["target"])

    def _checked_item(self) -> int | None:
        """The item to look at; None where the value has no batch axis."""
        item, batch_size = self._stream.item, self.batch_size
        if not 0 <= item < (batch_size or 1):
            raise ValueError(
                f"TensorBoard probe '{self._stream.tag}': item={item} is not in a batch of "
                f"{batch_size or 1} (the run config's batch_size)."
            )
        source = self._reads.get("target")
        shared = source is not None and source.model.is_shared(source.var)
        return None if batch_size is None or shared else item

    def _add(self, name: str, value: Tensor | None) -> None:
        self.register_buffer(name, value, persistent=False)

    def _make_ring(self, row: Tensor, every: int) -> None:
        rows = max(1, min(RING_STEPS // every, RING_BYTES // (row.numel() * row.element_size())))
        self.chunk_limit = min(rows * every, RING_STEPS)
        # The last slot takes the rows of the steps that do not count.
        self._add("_ring", torch.zeros((rows + 1, *row.shape), dtype=row.dtype, device=row.device))
        self._add("_ring_steps", torch.zeros(rows + 1, dtype=torch.int64, device=row.device))

    def _of_item(self, value: Tensor) -> Tensor:
        value = value.detach()
        return value if self._item is None else value[self._item]

    def _row(self, value: Tensor) -> Tensor:
        flat = self._of_item(value).reshape(-1)
        if self._selected is None:
            return flat
        if self._selected.numel() == 0:
            return (flat if flat.is_floating_point() else flat.double()).mean().reshape(1)
        return flat.index_select(0, self._selected)

    def _write(self, value: Tensor) -> None:
        t, every, rows = self.time_step, self._stream.every, len(self._ring) - 1
        slot = (t // every) % rows
        if every > 1:
            slot = torch.where(t % every == 0, slot, rows)
        slot = slot.reshape(1)
        self._ring.index_copy_(0, slot, self._row(value).to(self._ring.dtype)[None])
        self._ring_steps.index_copy_(0, slot, t.reshape(1))

    def _add_row(self, rows: Rows, value: Tensor) -> None:
        """The same as `_write`, in the steps that count."""
        every, ring = self._stream.every, self._ring.view(len(self._ring), -1)
        x = (value if self._item is None else value[self._item]).reshape(-1)
        if self._selected is not None and self._selected.numel() == 0:
            row = PROBE_MEAN.on(x, ring, self._ring_steps, rows.clock, every)
        else:
            index = torch.from_numpy(self._elements.astype(np.int32)).to(x.device)
            row = PROBE.on(x, index, ring, self._ring_steps, rows.clock, every)
        rows.add(replace(row, period=every))

    def _collect(self, last: int | None) -> None:
        """Hand on the rows of the steps up to `last`: later ones were begun but not finished."""
        steps = self._ring_steps[:-1].cpu().numpy()
        slots = np.flatnonzero((steps > 0) & (steps <= (steps.max() if last is None else last)))
        slots = slots[np.argsort(steps[slots])]
        numbers = (steps[slots] + self._before).tolist()
        reached = numbers[-1:] if last is None else [self._before + last]
        self._stream.last = max([self._stream.last, *reached])
        self._ring_steps.zero_()
        if numbers:
            rows = self._ring.index_select(0, torch.from_numpy(slots).to(self._ring.device))
            self._stream.write(self._elements, numbers, to_host(rows))
