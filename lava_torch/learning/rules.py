"""Loihi's learning rules.

A rule adds a sum of products to the weight w, the tag t and the delay d of each synapse at the end
of each epoch of `t_epoch` time steps. See Davies et al., "Loihi: a neuromorphic manycore processor
with on-chip learning", IEEE Micro 38, 2018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from lava_torch.learning.errors import RuleError
from lava_torch.learning.plan import Plan, ProductSeries

#: The longest epoch, in time steps: 6 bits hold when in an epoch a neuron spiked.
LONGEST_EPOCH = 63
#: The decay of y traces that are received rather than kept, in time steps.
RECEIVED_TAU = 65535


class _Parameter:
    """An impulse or a tau of a rule."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, rule: LoihiLearningRule | None, owner: type | None = None) -> Any:
        return self if rule is None else rule._parameters[self._name]

    def __set__(self, rule: LoihiLearningRule, value: float) -> None:
        changed = {**rule._parameters, self._name: checked_parameter(self._name, value)}
        rule._check_traces(rule._texts, rule.plan, changed)
        rule._parameters = changed


class _Received(_Parameter):
    """A parameter of a trace that the connection receives, and so does not make."""

    def __set__(self, rule: LoihiLearningRule, value: float) -> None:
        raise AttributeError(
            f"{type(rule).__name__} has no {self._name} to set: the trace is received from the "
            "postsynaptic neurons. Set it there, or use Loihi2FLearningRule."
        )


class _Text:
    """A rule as text; None is no rule."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name.removesuffix("_str")

    def __get__(self, rule: LoihiLearningRule | None, owner: type | None = None) -> Any:
        return self if rule is None else rule._texts[self._name]

    def __set__(self, rule: LoihiLearningRule, text: str | None) -> None:
        rule._adopt({**rule._texts, self._name: text}, rule._parameters)


class LoihiLearningRule:
    """Rules as text, with the parameters of the traces that they read.

    At the end of each epoch, for each synapse, all from the old w, t and d:

        w = w + dw;   t = t + dt;   d = d + dd

    Each of dw, dt and dd is a sum of products such as "2^-2*x1*y0 - 2^-3*y1*x0". A product has one
    dependency: x0 (1 if the presynaptic neuron spiked in the epoch, else 0), y0 (the postsynaptic
    did) or uK (1 at the end of every 2^K-th epoch); a scale m*2^k, m in [-8, 7], k in [-7, 8]; and
    any number of factors: traces x1, x2, y1, y2, y3, as they were when the dependency's neuron last
    spiked, or for uK at the epoch's end; w, t and d; a further x0 or y0; (variable + number); and
    sgn(w), sgn(t + number). `lava_torch.learning.grammar` has the whole grammar, and what Lava
    reads otherwise.

    A trace x of a neuron decays, and grows where the neuron spikes:

        x(n + 1) = x(n) * exp(-1 / tau) + impulse * spike(n + 1)

    All parameters are properties that can be set: what does not fit is refused, and the rule stays
    as it was. A connection takes changes over when its next run begins, but for `t_epoch` and
    `rng_seed`. In Lava, the connection of this class never receives postsynaptic spikes; here it
    is Loihi2FLearningRule.

    Parameters
    ----------
    dw, dd, dt : the rules, one at least; None: the variable does not change.
    x1_impulse, x2_impulse, y1_impulse, y2_impulse, y3_impulse : what a spike adds to the trace, in
        the trace's units (in fixed point a trace is a whole number in [0, 127]).
    x1_tau, x2_tau, y1_tau, y2_tau, y3_tau : time constants of the decay, in time steps; 0: the
        trace is gone after one; infinity: it stays.
    t_epoch : time steps of an epoch, 1 to 63.
    rng_seed : of the random rounding in fixed point, a whole number, not negative; None: drawn from
        NumPy's global generator, so that numpy.random.seed fixes it.

    Raises
    ------
    RuleError (a ValueError) : a text that is no rule, with the place; different uK; a trace that a
        rule reads whose impulse and tau are both 0.
    ValueError : no rule; an impulse or a tau that is negative or no number, or an infinite
        impulse; t_epoch or rng_seed out of range.
    TypeError : a rule that is no string.
    """

    dw_str = _Text()
    dd_str = _Text()
    dt_str = _Text()
    x1_impulse = _Parameter()
    x1_tau = _Parameter()
    x2_impulse = _Parameter()
    x2_tau = _Parameter()
    y1_impulse = _Parameter()
    y1_tau = _Parameter()
    y2_impulse = _Parameter()
    y2_tau = _Parameter()
    y3_impulse = _Parameter()
    y3_tau = _Parameter()
    #: Whether graded spikes make x1.
    _graded = False

    def __init__(
        self,
        dw: str | None = None,
        dd: str | None = None,
        dt: str | None = None,
        x1_impulse: float = 0.0,
        x1_tau: float = 0.0,
        x2_impulse: float = 0.0,
        x2_tau: float = 0.0,
        y1_impulse: float = 0.0,
        y1_tau: float = 0.0,
        y2_impulse: float = 0.0,
        y2_tau: float = 0.0,
        y3_impulse: float = 0.0,
        y3_tau: float = 0.0,
        t_epoch: int = 1,
        rng_seed: int | None = None,
    ) -> None:
        parameters = {
            "x1_impulse": x1_impulse,
            "x1_tau": x1_tau,
            "x2_impulse": x2_impulse,
            "x2_tau": x2_tau,
            "y1_impulse": y1_impulse,
            "y1_tau": y1_tau,
            "y2_impulse": y2_impulse,
            "y2_tau": y2_tau,
            "y3_impulse": y3_impulse,
            "y3_tau": y3_tau,
        }
        self.t_epoch = t_epoch
        self.rng_seed = _drawn_seed() if rng_seed is None else rng_seed
        self._adopt(
            {"dw": dw, "dd": dd, "dt": dt},
            {name: checked_parameter(name, value) for name, value in parameters.items()},
        )

    def _adopt(self, texts: Mapping[str, str | None], parameters: Mapping[str, float]) -> None:
        """Take both over, if they are fine together."""
        for name, text in texts.items():
            if text is not None and not isinstance(text, str):
                raise TypeError(f"{name} must be a rule such as 'x0*y1', or None; got {text!r}.")
        if all(text is None for text in texts.values()):
            raise ValueError(
                f"{type(self).__name__} needs a rule: give dw, dd or dt, such as 'x0*y1'."
            )
        plan = Plan.of(texts)
        self._check_traces(texts, plan, parameters)
        self._texts, self._parameters, self._plan = texts, parameters, plan

    def _check_traces(
        self, texts: Mapping[str, str | None], plan: Plan, parameters: Mapping[str, float]
    ) -> None:
        """Raises RuleError for a trace that is read and always 0."""
        for series in plan.series:
            for trace in sorted(series.active_traces):
                live = parameters[f"{trace}_impulse"] or parameters[f"{trace}_tau"]
                if live or (self._graded and trace == "x1"):
                    continue
                text = texts[f"d{series.target}"]
                raise RuleError.at(
                    series.target,
                    text,
                    text.index(trace),
                    f"the trace {trace} is not configured: {trace}_impulse and {trace}_tau are "
                    "both 0. Give one of them.",
                )

    def take_graded_spikes(self) -> None:
        """Let x1 be what graded spikes make of it: they bring an impulse of their own."""
        self._graded = True
        self._adopt(self._texts, {**self._parameters, "x1_impulse": 0})

    def __repr__(self) -> str:
        given = {name: text for name, text in self._texts.items() if text is not None}
        settable = {n: v for n, v in self._parameters.items() if not self._is_received(n)}
        given |= {name: value for name, value in settable.items() if value}
        given |= {"t_epoch": self.t_epoch, "rng_seed": self.rng_seed}
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in given.items())})"

    @classmethod
    def _is_received(cls, name: str) -> bool:
        return isinstance(getattr(cls, name), _Received)

    @property
    def t_epoch(self) -> int:
        """Time steps of an epoch, 1 to 63."""
        return self._t_epoch

    @t_epoch.setter
    def t_epoch(self, value: int) -> None:
        if not _is_whole(value) or not 1 <= value <= LONGEST_EPOCH:
            raise ValueError(
                f"t_epoch must be a whole number of time steps in [1, {LONGEST_EPOCH}]; got "
                f"{value!r}."
            )
        self._t_epoch = int(value)

    @property
    def rng_seed(self) -> int:
        """Seed of the random rounding in fixed point."""
        return self._rng_seed

    @rng_seed.setter
    def rng_seed(self, value: int) -> None:
        if not _is_whole(value) or value < 0:
            raise ValueError(f"rng_seed must be a whole number, not negative; got {value!r}.")
        self._rng_seed = int(value)

    @property
    def plan(self) -> Plan:
        """The sums of products of all rules."""
        return self._plan

    @property
    def dw(self) -> ProductSeries | None:
        """What is added to the weight; None: nothing."""
        return self.active_product_series.get("dw")

    @property
    def dd(self) -> ProductSeries | None:
        """What is added to the delay; None: nothing."""
        return self.active_product_series.get("dd")

    @property
    def dt(self) -> ProductSeries | None:
        """What is added to the tag; None: nothing."""
        return self.active_product_series.get("dt")

    @property
    def decimate_exponent(self) -> int | None:
        """The K of uK; None where no rule has one."""
        return self.plan.decimate_exponent

    @property
    def active_product_series(self) -> dict[str, ProductSeries]:
        """The sums of products by name: of "dw", "dt" and "dd" those that there are."""
        return {f"d{series.target}": series for series in self.plan.series}

    @property
    def active_traces(self) -> set[str]:
        """The traces that any rule reads."""
        return {trace for trace, _ in self.plan.traces}

    @property
    def active_traces_per_dependency(self) -> dict[str, set[str]]:
        """The traces that are read, by the dependency ("x0", "y0" or "u") that says when."""
        return self.plan.active_traces_per_dependency


class Loihi2FLearningRule(LoihiLearningRule):
    """Rules of two factors: traces of pre- and of postsynaptic spikes.

    Parameters and errors as of LoihiLearningRule. Postsynaptic spikes reach the connection at
    `s_in_bap`.
    """


class Loihi3FLearningRule(LoihiLearningRule):
    """Rules of three factors: traces y1, y2 and y3 come from the postsynaptic neurons.

    The connection receives them at `s_in_y1`, `s_in_y2` and `s_in_y3`, each step, and postsynaptic
    spikes at `s_in_bap`; a reward can be one of them. The y impulses are 0, and as in Lava a
    received trace decays by a tau of 65535 time steps until the epoch ends; both are fixed.

    Parameters and errors as of LoihiLearningRule, without those of y1, y2 and y3.
    """

    y1_impulse = _Received()
    y1_tau = _Received()
    y2_impulse = _Received()
    y2_tau = _Received()
    y3_impulse = _Received()
    y3_tau = _Received()

    def __init__(
        self,
        dw: str | None = None,
        dd: str | None = None,
        dt: str | None = None,
        x1_impulse: float = 0.0,
        x1_tau: float = 0.0,
        x2_impulse: float = 0.0,
        x2_tau: float = 0.0,
        t_epoch: int = 1,
        rng_seed: int | None = None,
    ) -> None:
        super().__init__(
            dw=dw,
            dd=dd,
            dt=dt,
            x1_impulse=x1_impulse,
            x1_tau=x1_tau,
            x2_impulse=x2_impulse,
            x2_tau=x2_tau,
            y1_tau=RECEIVED_TAU,
            y2_tau=RECEIVED_TAU,
            y3_tau=RECEIVED_TAU,
            t_epoch=t_epoch,
            rng_seed=rng_seed,
        )


def checked_parameter(name: str, value: Any) -> float:
    """An impulse, a finite number that is not negative; or a tau, which may be infinite: no decay.
    ValueError for others."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    endless = name.endswith("_tau") and value == math.inf
    if not real or not (0 <= value < math.inf or endless):
        raise ValueError(f"{name} must be a number, finite and not negative; got {value!r}.")
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _drawn_seed() -> int:
    return int(np.random.randint(1, 1 << 32, dtype=np.int64))
