"""Processes that keep what they receive."""

from __future__ import annotations

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class RingBuffer(AbstractProcess):
    """Keeps the last `buffer` messages: step t writes data[..., (t - 1) % buffer].

    Port: `a_in` (shape). Read `data.get()`: shape (*shape, buffer), with a leading batch axis in a
    batched run.

    Raises ValueError unless `buffer` is a positive whole number.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        buffer: int,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(shape=shape, buffer=buffer, name=name, log_config=log_config, **kwargs)
        if buffer != int(buffer) or buffer < 1:
            raise ValueError(
                f"sink RingBuffer '{self.name}': buffer must be a positive whole number of steps; "
                f"got {buffer}."
            )
        self.a_in = InPort(shape=shape)
        self.data = Var(shape=tuple(shape) + (int(buffer),), init=0)
