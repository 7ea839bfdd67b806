"""Convolutions over time: dense connections with a kernel of weights for several steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.utils.arrays import as_array


class ConvInTime(AbstractProcess):
    """Connects m presynaptic to n postsynaptic neurons, by weights for each of the last K steps.

        a_out(t + 1) = sum over j < K of weights[K - 1 - j] @ s_in(t - j)

    Spikes count as 1, whatever their size, unless `num_message_bits` is above 0. Both precisions
    compute in floating point, as Lava's do.

    Ports: `s_in` (m,), `a_out` (n,). Vars: `weights` (K, n, m); `a_buff` (n, K), what is sent in k
    steps; `num_message_bits` (1,).

    Parameters
    ----------
    weights : array (K, n, m).
    num_message_bits : above 0, messages count with their size.

    Raises
    ------
    ValueError : weights have not three axes.
    """

    def __init__(
        self,
        *,
        weights: ArrayLike,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        weights = as_array(weights)
        super().__init__(
            weights=weights, num_message_bits=num_message_bits, name=name, log_config=log_config,
            **kwargs,
        )  # fmt: skip
        shape = np.shape(weights)
        if len(shape) != 3:
            raise ValueError(
                f"ConvInTime '{self.name}': weights have the shape {shape}; give them as "
                "(time steps, postsynaptic neurons, presynaptic neurons)."
            )
        steps, post, pre = shape
        self.s_in = InPort(shape=(pre,))
        self.a_out = OutPort(shape=(post,))
        self.weights = Var(shape=shape, init=weights)
        self.a_buff = Var(shape=(post, steps), init=0)
        self.num_message_bits = Var(shape=(1,), init=num_message_bits)
