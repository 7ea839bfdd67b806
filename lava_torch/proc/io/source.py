"""Processes that send given data."""

from __future__ import annotations

import numpy as np

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class RingBuffer(AbstractProcess):
    """Sends row after row of `data`, over and over: step t sends data[..., (t - 1) % T].

    Port: `s_out` (data.shape[:-1]). Fixed point sends int32: fractions are dropped.

    Parameters
    ----------
    data : array of shape (*shape, T), T >= 1; the last axis is time.
    batched : beyond Lava: the first axis of `data` is the batch, (batch_size, *shape, T): each item
        of a batched run gets its own data.

    Raises ValueError if `data` has no time axis or no time steps.
    """

    def __init__(
        self,
        *,
        data: np.ndarray,
        batched: bool = False,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(data=data, batched=batched, name=name, log_config=log_config, **kwargs)
        shape = np.shape(data)[int(batched) :]
        if not shape or shape[-1] == 0:
            raise ValueError(
                f"source RingBuffer '{self.name}': data needs a last axis of at least one time "
                f"step; got shape {np.shape(data)}."
            )
        self.s_out = OutPort(shape=shape[:-1])
        self.data = Var(shape=shape, init=data)
