"""Ready-made rules: spike-timing-dependent plasticity."""

from __future__ import annotations

import math
from typing import Any

from lava_torch.learning.rules import Loihi2FLearningRule, Loihi3FLearningRule


def float_to_literal(value: float) -> str:
    """A number as the nearest m*2^k that Lava takes: m = max(trunc |x|, 1), k = log2(|x| / m)
    rounded half to even. 0.3 becomes "2^-2", 2.5 becomes "2"."""
    value = float(value)
    if value == 0:
        return "0"
    mantissa = max(int(abs(value)), 1)
    exponent = round(math.log2(abs(value) / mantissa))
    sign = "-" if value < 0 else ""
    if exponent == 0:
        return f"{sign}{mantissa}"
    return f"{sign}2^{exponent}" if mantissa == 1 else f"{sign}{mantissa}*2^{exponent}"


class STDPLoihi(Loihi2FLearningRule):
    """Pair-based STDP (Gerstner, Kempter, van Hemmen, Wagner, Nature 383, 1996):

        dw = learning_rate A_minus x0 y1 + learning_rate A_plus y0 x1

    where x1 and y1 decay with tau_plus and tau_minus time steps.

    Parameters
    ----------
    learning_rate, A_plus, A_minus : numbers or texts; each is rounded to m*2^k, see
        `float_to_literal`. A_minus is negative where a presynaptic spike behind a postsynaptic one
        weakens the synapse.
    tau_plus, tau_minus : in time steps.
    args, kwargs : as of Loihi2FLearningRule; x1_impulse and y1_impulse are 16 if not given.
    """

    def __init__(
        self,
        learning_rate: float,
        A_plus: float,
        A_minus: float,
        tau_plus: float,
        tau_minus: float,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self.learning_rate = float_to_literal(learning_rate)
        self.A_plus = float_to_literal(A_plus)
        self.A_minus = float_to_literal(A_minus)
        self.tau_plus, self.tau_minus = tau_plus, tau_minus
        rate = self.learning_rate
        dw = f"({rate})*({self.A_minus})*x0*y1 + ({rate})*({self.A_plus})*y0*x1"
        kwargs = {"x1_impulse": 16, "y1_impulse": 16, **kwargs}
        super().__init__(dw, *args, x1_tau=tau_plus, y1_tau=tau_minus, **kwargs)


class RewardModulatedSTDP(Loihi3FLearningRule):
    """STDP that waits for a reward (Fremaux and Gerstner, "Neuromodulated spike-timing-dependent
    plasticity, and theory of three-factor learning rules", Frontiers in Neural Circuits 9, 2016):

        dt = learning_rate A_minus x0 y1 + learning_rate A_plus y0 x1 - u0 t e
        dw = u0 t y2

    The tag t is the eligibility trace, y1 the trace of postsynaptic spikes, y2 the reward; both are
    received.

    Parameters
    ----------
    learning_rate, A_plus, A_minus : as of STDPLoihi.
    pre_trace_decay_tau, pre_trace_kernel_magnitude : tau and impulse of x1.
    post_trace_decay_tau, post_trace_kernel_magnitude : of y1, for the neurons that keep it, such as
        LearningLIF.
    eligibility_trace_decay_tau : e, the share of the tag that is lost an epoch.
    """

    def __init__(
        self,
        learning_rate: float,
        A_plus: float,
        A_minus: float,
        pre_trace_decay_tau: float,
        post_trace_decay_tau: float,
        pre_trace_kernel_magnitude: float,
        post_trace_kernel_magnitude: float,
        eligibility_trace_decay_tau: float,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self.learning_rate = float_to_literal(learning_rate)
        self.A_plus = float_to_literal(A_plus)
        self.A_minus = float_to_literal(A_minus)
        self.pre_trace_decay_tau = pre_trace_decay_tau
        self.post_trace_decay_tau = post_trace_decay_tau
        self.pre_trace_kernel_magnitude = pre_trace_kernel_magnitude
        self.post_trace_kernel_magnitude = post_trace_kernel_magnitude
        self.eligibility_trace_decay_tau = float_to_literal(eligibility_trace_decay_tau)
        rate, share = self.learning_rate, self.eligibility_trace_decay_tau
        dt = f"({rate})*({self.A_minus})*x0*y1 + ({rate})*({self.A_plus})*y0*x1 - u0*t*({share})"
        super().__init__(
            *args, dw="u0*t*y2", dt=dt, x1_impulse=pre_trace_kernel_magnitude,
            x1_tau=pre_trace_decay_tau, **kwargs,
        )  # fmt: skip
