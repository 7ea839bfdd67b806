"""Resonate-and-fire neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.variable import Var
from lava_torch.proc.shaped import ShapedProcess


class RF(ShapedProcess):
    """Resonate-and-fire neurons: a complex state turns and decays, and spikes as it passes a phase.

        real' = c real - s imag + a_real_in;   imag' = s real + c imag + a_imag_in
        s_out = 1 where real' >= vth and imag goes from below 0 to 0 or above

    with c, s = (1 - alpha) cos, sin (2 pi / period). Fixed point: c and s are whole numbers of
    2^-decay_bits, each product is rounded toward zero, inputs are shifted left by state_exp bits,
    and real and imag are limited to +-(2^23 - 1). (Izhikevich, "Resonate-and-fire neurons", Neural
    Networks 14, 2001; Frady et al., "Efficient neuromorphic signal processing with resonator
    neurons", J. Signal Processing Systems 94, 2022.)

    Ports: `a_real_in`, `a_imag_in`, `s_out` (shape). Vars: `real`, `imag` (shape), 0 at first;
    `cos_decay`, `sin_decay`, `vth`, `state_exp`, `decay_bits` (1,).

    Parameters
    ----------
    period : time steps of a turn; number or array of `shape`.
    alpha : the share of the state that is lost a step.
    state_exp, decay_bits : bits of fraction in fixed point, decay_bits from 1 to 12; 0 in floating
        point.
    vth : threshold; taken times 2^state_exp.

    Raises
    ------
    ValueError : decay_bits is no whole number in [0, 12]; or 0, when the network is compiled in
        fixed point.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        period: ArrayLike,
        alpha: ArrayLike,
        state_exp: int = 0,
        decay_bits: int = 0,
        vth: ArrayLike = 1,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        super().__init__(
            shape=shape, period=period, alpha=alpha, state_exp=state_exp, decay_bits=decay_bits,
            vth=vth, name=name, log_config=log_config,
        )  # fmt: skip
        if decay_bits not in range(13):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': decay_bits must be a whole number in "
                f"[0, 12]; got {decay_bits!r}."
            )
        self.a_real_in, self.a_imag_in = InPort(shape=shape), InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.real, self.imag = Var(shape=shape, init=0), Var(shape=shape, init=0)
        kept, turn = 1 - np.asarray(alpha), 2 * np.pi / np.asarray(period)
        self.sin_decay = Var(shape=(1,), init=_scaled(kept * np.sin(turn), decay_bits))
        self.cos_decay = Var(shape=(1,), init=_scaled(kept * np.cos(turn), decay_bits))
        self.state_exp = Var(shape=(1,), init=state_exp)
        self.decay_bits = Var(shape=(1,), init=decay_bits)
        self.vth = Var(shape=(1,), init=_scaled(np.asarray(vth), state_exp))


def _scaled(value: np.ndarray, bits: int) -> np.ndarray:
    """A whole number of 2^-bits; as it is, if there are none."""
    return np.trunc(value * 2**bits) if bits > 0 else value
