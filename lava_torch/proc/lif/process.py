"""Leaky integrate-and-fire neurons."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.learning_process import refuse_learning_rule
from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class AbstractLIF(AbstractProcess):
    """What all LIF neurons share: current `u`, voltage `v`, their decays, and a bias.

    Ports: `a_in` (shape) takes synaptic input, `s_out` (shape) sends spikes. A connection delivers
    a spike one step after it was sent.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: ArrayLike,
        v: ArrayLike,
        du: ArrayLike,
        dv: ArrayLike,
        bias_mant: ArrayLike,
        bias_exp: ArrayLike,
        name: str | None,
        log_config: LogConfig | None,
        **kwargs,
    ) -> None:
        refuse_learning_rule(self, name, kwargs)
        super().__init__(
            shape=shape, u=u, v=v, du=du, dv=dv, bias_mant=bias_mant, bias_exp=bias_exp,
            name=name, log_config=log_config, **kwargs,
        )  # fmt: skip
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=u)
        self.v = Var(shape=shape, init=v)
        self.du = Var(shape=(1,), init=du)
        self.dv = Var(shape=(1,), init=dv)
        self.bias_exp = Var(shape=shape, init=bias_exp)
        self.bias_mant = Var(shape=shape, init=bias_mant)


class LIF(AbstractLIF):
    """Leaky integrate-and-fire neurons with current-based synapses.

    Floating point (`floating_pt`), each step:

        u = u (1 - du) + a_in
        v = v (1 - dv) + u + bias_mant
        s_out = 1 where v > vth, and there v = 0

    Fixed point (`fixed_pt`), as on Loihi (Davies et al., "Loihi: a neuromorphic manycore processor
    with on-chip learning", IEEE Micro 38, 2018): u and v are 24-bit integers, decays are fractions
    of 4096 rounded toward zero, and input and threshold are shifted left by 6 bits:

        u = u (4095 - du) / 4096 + 64 a_in            wrapped to 24 bits
        v = v (4096 - dv) / 4096 + u + bias           limited to +-(2^23 - 1)
        bias = bias_mant 2^bias_exp;  s_out = 1 where v > 64 vth, and there v = 0

    Parameters
    ----------
    shape : the neurons' shape.
    u, v : initial current and voltage; number or array of `shape`. Fixed point: 24 bits.
    du, dv : decay a step, in [0, 1] floating; a whole number in [0, 4095] (dv: 4096) fixed. A
        number or an array that broadcasts to `shape`.
    bias_mant, bias_exp : bias; number or array of `shape`. Fixed point: [-4096, 4095] and [-12, 7].
    vth : threshold, number or array. Fixed point: a whole number in [0, 131071].

    A fixed-point value out of range raises VarValueError (a ValueError) when the network is
    compiled or the Var is set.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: ArrayLike = 0,
        v: ArrayLike = 0,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth: ArrayLike = 10,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            shape=shape, u=u, v=v, du=du, dv=dv, bias_mant=bias_mant, bias_exp=bias_exp,
            vth=vth, name=name, log_config=log_config, **kwargs,
        )  # fmt: skip
        self.vth = Var(shape=(1,), init=vth)


class TernaryLIF(AbstractLIF):
    """LIF neurons with an upper and a lower threshold, which send 1, 0 or -1.

    As LIF, but `s_out` is 1 where v > vth_hi and -1 where v < vth_lo, and v = 0 where either.
    `vth_hi` and `vth_lo` are numbers or arrays; fixed point: whole numbers in [-131071, 131071].

    Raises ValueError if vth_lo > vth_hi.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: ArrayLike = 0,
        v: ArrayLike = 0,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth_hi: ArrayLike = 10,
        vth_lo: ArrayLike = -10,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            shape=shape, u=u, v=v, du=du, dv=dv, bias_mant=bias_mant, bias_exp=bias_exp,
            vth_hi=vth_hi, vth_lo=vth_lo, name=name, log_config=log_config, **kwargs,
        )  # fmt: skip
        if np.any(np.asarray(vth_lo) > np.asarray(vth_hi)):
            raise ValueError(
                f"TernaryLIF '{self.name}': vth_lo ({vth_lo}) must not exceed vth_hi ({vth_hi})."
            )
        self.vth_hi = Var(shape=(1,), init=vth_hi)
        self.vth_lo = Var(shape=(1,), init=vth_lo)


class LIFReset(LIF):
    """LIF neurons whose current and voltage are set to 0 at regular times.

    At the start of each step t with t % reset_interval == reset_offset % reset_interval, u = v = 0;
    then the step is that of LIF. Steps count from 1, so that an offset of 0 resets at step
    `reset_interval` first, and an interval of 1 in every step.

    Parameters
    ----------
    reset_interval : steps from reset to reset, a whole number above 0; else ValueError.
    reset_offset : the phase, a whole number, not negative; else ValueError.
    Others as of LIF.

    Vars beyond Lava's: `reset_interval` (1,), and `steps_to_reset` (shape), how many steps come
    before the next one with a reset.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: ArrayLike = 0,
        v: ArrayLike = 0,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth: ArrayLike = 10,
        reset_interval: int = 1,
        reset_offset: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            shape=shape, u=u, v=v, du=du, dv=dv, bias_mant=bias_mant, bias_exp=bias_exp, vth=vth,
            reset_interval=reset_interval, reset_offset=reset_offset, name=name,
            log_config=log_config, **kwargs,
        )  # fmt: skip
        _check_steps(self, "reset_interval", reset_interval, 1)
        _check_steps(self, "reset_offset", reset_offset, 0)
        self.reset_interval = Var(shape=(1,), init=reset_interval)
        self.steps_to_reset = Var(shape=shape, init=(reset_offset - 1) % reset_interval)


class LIFRefractory(LIF):
    """LIF neurons whose voltage stays as it is for some steps after a spike.

        u = u (1 - du) + a_in
        v = v (1 - dv) + u + bias_mant      unless t <= refractory_period_end
        s_out = 1 where v > vth, and there v = 0, refractory_period_end = t + refractory_period

    In floating point only, as in Lava.

    Parameters
    ----------
    refractory_period : time steps, a whole number above 0; else ValueError.
    Others as of LIF.

    Vars: `refractory_period_end` (shape), the last step of the last refractory period, 0 at first;
    and beyond Lava's `refractory_period` (1,).
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: ArrayLike = 0,
        v: ArrayLike = 0,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth: ArrayLike = 10,
        refractory_period: int = 1,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            shape=shape, u=u, v=v, du=du, dv=dv, bias_mant=bias_mant, bias_exp=bias_exp, vth=vth,
            refractory_period=refractory_period, name=name, log_config=log_config, **kwargs,
        )  # fmt: skip
        _check_steps(self, "refractory_period", refractory_period, 1)
        self.refractory_period = Var(shape=(1,), init=refractory_period)
        self.refractory_period_end = Var(shape=shape, init=0)


def _check_steps(process: AbstractProcess, name: str, value: object, least: int) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(
            f"{type(process).__name__} '{process.name}': {name} must be a whole number of time "
            f"steps, {least} at least; got {value!r}."
        )
