"""LIF neurons that take part in learning."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import ArrayLike

from lava_torch.core.learning_process import LearningNeuronProcess
from lava_torch.core.log_config import LogConfig
from lava_torch.core.variable import Var
from lava_torch.learning import LoihiLearningRule
from lava_torch.proc.lif.process import LIF


class LearningLIF(LearningNeuronProcess, LIF):
    """LIF neurons that tell the connection to them what its learning rule needs.

    As LIF; besides, each step,

        y1 = y1 (1 - dy1) + y1_impulse s_out       the trace of the neuron's own spikes
        y2 = a_third_factor_in                     what arrives, such as a reward
        y3                                         whatever it was set to

    and the spikes are sent from `s_out_bap`, y1, y2 and y3 from `s_out_y1`, `s_out_y2` and
    `s_out_y3`. In fixed point y1 is a whole number up to 127 and decays toward zero; y2 is limited
    to [-128, 127]. (Lava's own models send nothing from these ports. Models of another trace or
    third factor are written as subclasses here too.)

    Parameters
    ----------
    shape : (n,), the neurons.
    learning_rule : gives y1 its tau and impulse, if it has a `post_trace_decay_tau` and a
        `post_trace_kernel_magnitude` as RewardModulatedSTDP has. Of other rules dy1 and y1_impulse
        are 0, and so is the y1 that is sent, unless they are given.
    dy1, y1_impulse : the Vars' first values; None: as the rule says. (Beyond Lava.)
    u, v, du, dv, bias_mant, bias_exp, vth : as of LIF.

    Vars: `dy1`, the share of y1 that is lost a step (in fixed point in 4096ths, once compiled), and
    `y1_impulse`, of shape (1,).

    Raises
    ------
    ValueError : a shape of more than one axis.
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
        learning_rule: LoihiLearningRule | None = None,
        dy1: float | None = None,
        y1_impulse: float | None = None,
        **kwargs: Any,
    ) -> None:
        if len(shape) != 1:
            raise ValueError(
                f"LearningLIF '{name}' has the shape {tuple(shape)}; its ports to connections that "
                "learn have one axis. Give (n,)."
            )
        super().__init__(
            shape=shape, u=u, v=v, du=du, dv=dv, bias_mant=bias_mant, bias_exp=bias_exp, vth=vth,
            name=name, log_config=log_config, learning_rule=learning_rule, **kwargs,
        )  # fmt: skip
        tau = getattr(learning_rule, "post_trace_decay_tau", None)
        decay = 0.0 if tau is None else 1 - (math.exp(-1 / tau) if tau > 0 else 0)
        impulse = getattr(learning_rule, "post_trace_kernel_magnitude", 0)
        self.dy1 = Var(shape=(1,), init=decay if dy1 is None else dy1)
        self.y1_impulse = Var(shape=(1,), init=impulse if y1_impulse is None else y1_impulse)
