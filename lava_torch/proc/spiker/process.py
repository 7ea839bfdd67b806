"""Sources that spike at regular times."""

from __future__ import annotations

from numpy.typing import ArrayLike

from lava_torch.core.ports import OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class Spiker(AbstractProcess):
    """Sends `payload` every `period` steps, first in step period + 1, and 0 else: whole numbers, in
    both precisions.

        s_out = payload where counter = rate, and there counter = 1; else counter = counter + 1

    Port: `s_out` (shape). Vars: `rate` (the period), `counter` (0 at first), `payload` (shape).

    Parameters
    ----------
    period, payload : numbers or arrays of `shape`.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...] = (1,),
        period: ArrayLike = 10,
        payload: ArrayLike = 1,
        **kwargs,
    ) -> None:
        super().__init__(shape=shape, period=period, payload=payload, **kwargs)
        self.rate = Var(shape=shape, init=period)
        self.counter = Var(shape=shape, init=0)
        self.payload = Var(shape=shape, init=payload)
        self.s_out = OutPort(shape=shape)
