"""Resonate-and-fire neurons with graded spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.variable import Var
from lava_torch.proc.shaped import ShapedProcess


class RFZero(ShapedProcess):
    """Resonate-and-fire neurons that send their real part as it passes the phase 0.

        u' = u lct / 2^15 - v lst / 2^15 + u_in;   v' = v lct / 2^15 + u lst / 2^15 + v_in
        s_out = u' where u' > uth and v goes from below 0 to 0 or above, else 0

    with lct, lst = 2^15 e^(-dt / decay_tau) cos, sin (2 pi dt freqs). Fixed-point products are
    int32, wrap as Lava's (for |u| or |v| from 2^16 on), and are shifted downwards. (Orchard et al.,
    "Efficient neuromorphic signal processing with Loihi 2", SiPS 2021.)

    Ports: `u_in`, `v_in`, `s_out` (shape). Vars: `u`, `v`, `lct`, `lst` (shape), `uth` (1,).

    Parameters
    ----------
    freqs : in Hz, an array of `shape`.
    decay_tau : time constants in seconds, an array of `shape`.
    dt : seconds a time step.
    uth : threshold.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        freqs: ArrayLike,
        decay_tau: ArrayLike,
        dt: float = 0.001,
        uth: ArrayLike = 1,
        **kwargs,
    ) -> None:
        super().__init__(shape=shape, freqs=freqs, decay_tau=decay_tau, dt=dt, uth=uth, **kwargs)
        self.u_in, self.v_in = InPort(shape=shape), InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u, self.v = Var(shape=shape, init=0), Var(shape=shape, init=0)
        kept = 2**15 * np.exp(-dt / np.asarray(decay_tau))
        turn = 2 * np.pi * dt * np.asarray(freqs)
        self.lct = Var(shape=shape, init=np.trunc(kept * np.cos(turn)))
        self.lst = Var(shape=shape, init=np.trunc(kept * np.sin(turn)))
        self.uth = Var(shape=(1,), init=uth)
