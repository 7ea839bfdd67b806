"""Sigma-delta neurons: they send changes of their activation rather than spikes."""

from __future__ import annotations

from enum import IntEnum, unique

from numpy.typing import ArrayLike

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.variable import Var
from lava_torch.proc.shaped import ShapedProcess


@unique
class ActivationMode(IntEnum):
    """What SigmaDelta does to its sum: nothing, or the rectifier."""

    UNIT = 0
    RELU = 1


class Sigma(ShapedProcess):
    """Sums what arrives: sigma = sigma + a_in, which is sent in the same step.

    Ports: `a_in`, `s_out` (shape). Var: `sigma` (shape), 0 at first.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        super().__init__(shape=shape, name=name, log_config=log_config)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.sigma = Var(shape=shape, init=0)


class Delta(ShapedProcess):
    """Sends what changed of its input, where that reaches a threshold.

        delta = a_in - act + residue;   act = a_in
        s_out = delta where |delta| >= vth, else 0;   residue = delta - s_out

    With `cum_error`, s_out = delta where the sum of all deltas since the last message, `error`,
    reaches vth. In fixed point a_in is shifted left by spike_exp + state_exp bits, and s_out right
    by state_exp. (Shrestha et al., "Efficient video and audio processing with Loihi 2", ICASSP
    2024.)

    Ports: `a_in`, `s_out` (shape). Vars: `act`, `residue`, `error`, `sigma` (shape), 0 at first;
    `vth`, `cum_error`, `spike_exp`, `state_exp` (1,).

    Parameters
    ----------
    vth : threshold; the Var is vth 2^(spike_exp + state_exp), in both precisions, as in Lava.
    cum_error : whether errors are summed until they are sent.
    spike_exp, state_exp : bits of fraction of messages and, beyond those, of the state; not
        negative, else ValueError.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        vth: ArrayLike,
        cum_error: bool = False,
        spike_exp: int = 0,
        state_exp: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            shape=shape, vth=vth, cum_error=cum_error, spike_exp=spike_exp, state_exp=state_exp,
            name=name, log_config=log_config, **kwargs,
        )  # fmt: skip
        for what, exponent in (("spike_exp", spike_exp), ("state_exp", state_exp)):
            if exponent < 0:
                raise ValueError(
                    f"{type(self).__name__} '{self.name}': {what} must not be negative; got "
                    f"{exponent}."
                )
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.vth = Var(shape=(1,), init=vth * 2 ** (spike_exp + state_exp))
        for name_ in ("sigma", "act", "residue", "error"):
            setattr(self, name_, Var(shape=shape, init=0))
        self.spike_exp = Var(shape=(1,), init=spike_exp)
        self.state_exp = Var(shape=(1,), init=state_exp)
        self.cum_error = Var(shape=(1,), init=int(cum_error))


class SigmaDelta(Delta):
    """Sums what arrives, and sends what changed of its activation, as Delta.

        sigma = sigma + a_in;   act = f(sigma + bias)

    f is the rectifier or nothing; vth and bias are taken times 2^(spike_exp + state_exp).

    Parameters
    ----------
    bias : number or array of `shape`.
    act_mode : f, a member of ActivationMode (or its number); else ValueError.
    Others as of Delta.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        vth: ArrayLike,
        bias: ArrayLike = 0,
        act_mode: ActivationMode = ActivationMode.RELU,
        cum_error: bool = False,
        spike_exp: int = 0,
        state_exp: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        mode = ActivationMode(act_mode)
        super().__init__(
            shape=shape, vth=vth, cum_error=cum_error, spike_exp=spike_exp, state_exp=state_exp,
            bias=bias, act_mode=mode, name=name, log_config=log_config, **kwargs,
        )  # fmt: skip
        self.bias = Var(shape=shape, init=bias * 2 ** (spike_exp + state_exp))
