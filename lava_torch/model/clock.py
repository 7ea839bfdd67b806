"""The device-side time step, shared by all models of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lava_torch.model.values import as_held


class Clock(nn.Module):
    """Holds `time_step`, int64 of shape (): 0 before the first step, 1 in it.

    Sources and monitors index their data by it on the device, so that no step waits for the host.
    `batch_size` is that of the run, or of the unroll that is going on; None: no batch axis.
    """

    def __init__(self, batch_size: int | None = None) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.time_step: Tensor
        self.register_buffer("time_step", torch.zeros((), dtype=torch.int64))

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        super()._load_from_state_dict(as_held(self, state_dict, prefix), prefix, *args)

    def tick(self) -> None:
        """One step on; a new tensor, as all state is until it is committed."""
        self._buffers["time_step"] = self._buffers["time_step"] + 1
