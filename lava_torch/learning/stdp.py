"""Ready-made rules: spike-timing-dependent plasticity."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from lava_torch.learning.rules import (
    Loihi2FLearningRule,
    Loihi3FLearningRule,
    checked_parameter,
)
from lava_torch.learning.scale import Scale

#: The impulse of x1 and y1 in STDPLoihi.
IMPULSE = 16


def float_to_literal(learning_parameter: float) -> str:
    """A number rounded to m*2^k, as the text that stands for it in a product.

    As in Lava, m = max(trunc |x|, 1), and k = log2(|x| / m) rounded half to even: 0.3 becomes
    "2^-2", 2.5 "2", -0.5 "(-1)*2^-1", and 0 stays "0". A number above 7 is mostly out of the range
    of a rule's scale.

    Raises ValueError for what is no finite number.
    """
    value = learning_parameter
    if not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"a finite number is needed; got {value!r}.")
    if value == 0:
        return "0"
    mantissa = max(int(abs(value)), 1)
    exponent = round(math.log2(abs(value) / mantissa))
    return str(Scale(-mantissa if value < 0 else mantissa, exponent))


class STDPLoihi(Loihi2FLearningRule):
    """Pair-based spike-timing-dependent plasticity:

        dw = learning_rate * A_minus * x0 * y1 + learning_rate * A_plus * y0 * x1

    A presynaptic spike (x0) changes the weight by the trace y1 of the postsynaptic spikes before
    it, a postsynaptic spike (y0) by the trace x1 of the presynaptic ones. The rule is that of
    Gerstner, Kempter, van Hemmen and Wagner, "A neuronal learning rule for sub-millisecond temporal
    coding", Nature 383, 1996; the traces those of Loihi, see LoihiLearningRule.

    Parameters
    ----------
    learning_rate, A_plus, A_minus : each is rounded to m*2^k, see `float_to_literal`, and is kept
        as this text. A_minus is negative where the order post, pre is to weaken the synapse.
    tau_plus, tau_minus : time constants of x1 and y1, in time steps.
    args, kwargs : further ones of Loihi2FLearningRule, in order dd, dt. x1_impulse and y1_impulse
        are 16 if not given.

    Raises
    ------
    ValueError : as of Loihi2FLearningRule; a number that is not finite, or, as RuleError, whose
        product with the learning rate is out of range once rounded.
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
        self.learning_rate = _literal("learning_rate", learning_rate)
        self.A_plus = _literal("A_plus", A_plus)
        self.A_minus = _literal("A_minus", A_minus)
        dw = _pair_rule(self.learning_rate, self.A_plus, self.A_minus)
        kwargs = {"x1_impulse": IMPULSE, "y1_impulse": IMPULSE, **kwargs}
        super().__init__(dw, *args, x1_tau=tau_plus, y1_tau=tau_minus, **kwargs)

    @property
    def tau_plus(self) -> float:
        """Time constant of x1, in time steps."""
        return self.x1_tau

    @property
    def tau_minus(self) -> float:
        """Time constant of y1, in time steps."""
        return self.y1_tau


class RewardModulatedSTDP(Loihi3FLearningRule):
    """Spike-timing-dependent plasticity that waits for a reward:

        dt = learning_rate * A_minus * x0 * y1 + learning_rate * A_plus * y0 * x1 - u0 * t * e
        dw = u0 * t * y2

    The tag t is the eligibility trace, which pairs of spikes change and which decays; y1 is the
    trace of postsynaptic spikes and y2 the reward, both received from the postsynaptic neurons. See
    Fremaux and Gerstner, "Neuromodulated spike-timing-dependent plasticity, and theory of
    three-factor learning rules", Frontiers in Neural Circuits 9, 2016.

    Parameters
    ----------
    learning_rate, A_plus, A_minus : as of STDPLoihi.
    pre_trace_decay_tau, pre_trace_kernel_magnitude : time constant (time steps) and impulse of x1.
    post_trace_decay_tau, post_trace_kernel_magnitude : those of y1; kept for the neurons that send
        it, the rule itself does not use them.
    eligibility_trace_decay_tau : e. In spite of its name (Lava's) it is no time constant: the share
        of the tag that is lost each epoch. Rounded as A_plus.
    args, kwargs : further ones of Loihi3FLearningRule, first dd.

    Raises
    ------
    ValueError : as of STDPLoihi and Loihi3FLearningRule; a post argument that is negative or not
        finite.
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
        self.learning_rate = _literal("learning_rate", learning_rate)
        self.A_plus = _literal("A_plus", A_plus)
        self.A_minus = _literal("A_minus", A_minus)
        self.eligibility_trace_decay_tau = _literal(
            "eligibility_trace_decay_tau", eligibility_trace_decay_tau
        )
        self.post_trace_decay_tau = checked_parameter("post_trace_decay_tau", post_trace_decay_tau)
        self.post_trace_kernel_magnitude = checked_parameter(
            "post_trace_kernel_magnitude", post_trace_kernel_magnitude
        )
        pairs = _pair_rule(self.learning_rate, self.A_plus, self.A_minus)
        super().__init__(
            "u0*t*y2",
            *args,
            dt=f"{pairs} - u0*t*{self.eligibility_trace_decay_tau}",
            x1_impulse=pre_trace_kernel_magnitude,
            x1_tau=pre_trace_decay_tau,
            **kwargs,
        )

    @property
    def pre_trace_decay_tau(self) -> float:
        """Time constant of x1, in time steps."""
        return self.x1_tau

    @property
    def pre_trace_kernel_magnitude(self) -> float:
        """Impulse of x1."""
        return self.x1_impulse


def _pair_rule(rate: str, plus: str, minus: str) -> str:
    return f"{rate}*{minus}*x0*y1 + {rate}*{plus}*y0*x1"


def _literal(name: str, value: float) -> str:
    try:
        return float_to_literal(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
