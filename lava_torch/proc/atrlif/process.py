"""Adaptive-threshold, relative-refractory neurons."""

from __future__ import annotations

from numpy.typing import ArrayLike

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class ATRLIF(AbstractProcess):
    """Leaky integrate-and-fire neurons with an adaptive threshold and a refractory state.

    Each step, in floating point:

        i = (1 - delta_i) i + a_in
        v = (1 - delta_v) v + i + bias_mant
        theta = (1 - delta_theta) (theta - theta_0) + theta_0
        r = (1 - delta_r) r
        s = 1 where v - r >= theta;  there r += 2 theta, then theta += theta_step

    Fixed point keeps i, v, theta and r as 24-bit integers (theta_0 and theta_step times 64, theta
    starting at theta_0) and the deltas as fractions; bias = bias_mant 2^bias_exp.

    Ports: `a_in` (shape), `s_out` (shape). Parameters are numbers; i, v, theta, r, s, bias_mant and
    bias_exp may be arrays of `shape`.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        i: ArrayLike = 0,
        v: ArrayLike = 0,
        theta: ArrayLike = 5,
        r: ArrayLike = 0,
        s: ArrayLike = 0,
        delta_i: float = 0.4,
        delta_v: float = 0.4,
        delta_theta: float = 0.2,
        delta_r: float = 0.2,
        theta_0: float = 5,
        theta_step: float = 3.75,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        super().__init__(
            shape=shape, i=i, v=v, theta=theta, r=r, s=s, delta_i=delta_i, delta_v=delta_v,
            delta_theta=delta_theta, delta_r=delta_r, theta_0=theta_0, theta_step=theta_step,
            bias_mant=bias_mant, bias_exp=bias_exp, name=name, log_config=log_config,
        )  # fmt: skip
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        for var, init in {"i": i, "v": v, "theta": theta, "r": r, "s": s}.items():
            setattr(self, var, Var(shape=shape, init=init))
        for var, init in {"bias_mant": bias_mant, "bias_exp": bias_exp}.items():
            setattr(self, var, Var(shape=shape, init=init))
        self.delta_i = Var(shape=(1,), init=delta_i)
        self.delta_v = Var(shape=(1,), init=delta_v)
        self.delta_theta = Var(shape=(1,), init=delta_theta)
        self.delta_r = Var(shape=(1,), init=delta_r)
        self.theta_0 = Var(shape=(1,), init=theta_0)
        self.theta_step = Var(shape=(1,), init=theta_step)
