"""Loihi's learning rules.

A rule adds a sum of products to the weight w, the tag t and the delay d of each synapse at the end
of each epoch of `t_epoch` time steps. See Davies et al., "Loihi: a neuromorphic manycore processor
with on-chip learning", IEEE Micro 38, 2018.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import math

from lava_torch.learning.errors import RuleError
from lava_torch.learning.plan import TRACES, Plan, ProductSeries

#: The longest epoch, in time steps: 6 bits hold when in an epoch a neuron spiked.
LONGEST_EPOCH = 63
_TARGETS = ("dw", "dd", "dt")


class LoihiLearningRule:
    """A rule as text, with the parameters of the traces that it reads.

    Each of dw, dd and dt is a sum of products such as "2^-2*x1*y0 - 2^-3*y1*x0". A product has one
    dependency, x0 (the presynaptic neuron spiked in this epoch), y0 (the postsynaptic did) or uK (1
    in every 2^K-th epoch), a scale m*2^k, and any number of factors: traces x1, x2, y1, y2, y3 as
    they were when the dependency spiked (at the epoch's end for uK), w, t, d, another x0 or y0,
    (variable + number), and sgn(w), sgn(t), sgn(d).

    A trace decays by exp(-1 / tau) a time step, and gets `impulse` when its neuron spikes.

    All parameters are properties that can be set; what does not fit is refused and changes nothing.
    A connection takes changes over when the next run begins, but for `t_epoch` and `rng_seed`.

    The connection of this class never receives postsynaptic spikes in Lava; here it does.

    Parameters
    ----------
    dw, dd, dt : the rules; one at least.
    x1_impulse, x1_tau, ..., y3_impulse, y3_tau : of the traces; tau in time steps, 0: the trace is
        gone after one step.
    t_epoch : time steps of an epoch, 1 to 63.
    rng_seed : of the random rounding in fixed point; None: drawn at random.

    Raises
    ------
    RuleError (a ValueError) : a rule that cannot be read, with the place; a trace that a rule reads
        whose impulse and tau are both 0.
    ValueError : no rule; an impulse or a tau that is negative or not finite; t_epoch out of range.
    """

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
        given = {name: value for name, value in locals().items() if name[:2] in TRACES}
        self._values = {name: _checked(name, value) for name, value in given.items()}
        self._t_epoch = _checked_epoch(t_epoch)
        self._rng_seed = random.getrandbits(32) if rng_seed is None else int(rng_seed)
        texts = {"dw": dw, "dd": dd, "dt": dt}
        if not any(texts.values()):
            raise ValueError(
                f"{type(self).__name__} needs one rule at least: dw, dd or dt, such as 'x0*y1'."
            )
        self._adopt(texts, self._values)

    def _adopt(self, texts: Mapping[str, str | None], values: Mapping[str, float]) -> None:
        """Take texts and values over, if they are fine together."""
        plan = Plan.of({name: text for name, text in texts.items() if text})
        for trace, _ in plan.traces:
            if not (values[f"{trace}_impulse"] or values[f"{trace}_tau"]):
                name, text = _where_read(texts, trace)
                raise RuleError.at(
                    name[1:], text, text.index(trace),
                    f"the trace {trace} is not configured: {trace}_impulse and {trace}_tau are 0. "
                    "Give them.",
                )  # fmt: skip
        self._texts, self._values, self._plan = dict(texts), dict(values), plan

    def __repr__(self) -> str:
        texts = [f"{name}={text!r}" for name, text in self._texts.items() if text]
        values = [f"{name}={value:g}" for name, value in self._values.items() if value]
        return f"{type(self).__name__}({', '.join([*texts, *values])}, t_epoch={self.t_epoch})"

    @property
    def plan(self) -> Plan:
        """The sums of products of all rules."""
        return self._plan

    @property
    def t_epoch(self) -> int:
        return self._t_epoch

    @t_epoch.setter
    def t_epoch(self, value: int) -> None:
        self._t_epoch = _checked_epoch(value)

    @property
    def rng_seed(self) -> int:
        return self._rng_seed

    @rng_seed.setter
    def rng_seed(self, value: int) -> None:
        self._rng_seed = int(value)

    def _series(self, target: str) -> ProductSeries | None:
        return next((s for s in self._plan.series if s.target == target), None)

    @property
    def decimate_exponent(self) -> int | None:
        """The K of uK; None where no rule has one."""
        return self._plan.decimate_exponent

    @property
    def active_product_series(self) -> dict[str, ProductSeries]:
        return {f"d{series.target}": series for series in self._plan.series}

    @property
    def active_traces(self) -> set[str]:
        return {trace for trace, _ in self._plan.traces}

    @property
    def active_traces_per_dependency(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for trace, dependency in self._plan.traces:
            found.setdefault(dependency, set()).add(trace)
        return found


def _value_property(name: str) -> property:
    def read(self: LoihiLearningRule) -> float:
        return self._values[name]

    def write(self: LoihiLearningRule, value: float) -> None:
        self._adopt(self._texts, {**self._values, name: _checked(name, value)})

    return property(read, write)


def _text_property(name: str) -> property:
    def read(self: LoihiLearningRule) -> str | None:
        return self._texts[name]

    def write(self: LoihiLearningRule, text: str | None) -> None:
        self._adopt({**self._texts, name: text}, self._values)

    return property(read, write)


for _trace in TRACES:
    for _what in ("impulse", "tau"):
        setattr(LoihiLearningRule, f"{_trace}_{_what}", _value_property(f"{_trace}_{_what}"))
for _target in _TARGETS:
    setattr(LoihiLearningRule, f"{_target}_str", _text_property(_target))
    setattr(
        LoihiLearningRule, _target, property(lambda self, t=_target[1:]: self._series(t))
    )


class Loihi2FLearningRule(LoihiLearningRule):
    """A rule of two factors: traces of pre- and of postsynaptic spikes, which reach the connection
    at `s_in_bap`."""


class Loihi3FLearningRule(LoihiLearningRule):
    """A rule of three factors: the traces y1, y2 and y3 are received from the postsynaptic neurons,
    at `s_in_y1`, `s_in_y2` and `s_in_y3`; a reward can be one of them.

    As in Lava, a received trace decays with a tau of 65535 time steps within an epoch.
    """

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
            dw=dw, dd=dd, dt=dt, x1_impulse=x1_impulse, x1_tau=x1_tau, x2_impulse=x2_impulse,
            x2_tau=x2_tau, y1_tau=RECEIVED_TAU, y2_tau=RECEIVED_TAU, y3_tau=RECEIVED_TAU,
            t_epoch=t_epoch, rng_seed=rng_seed,
        )  # fmt: skip


#: The decay of traces that are received, in time steps.
RECEIVED_TAU = 65535.0


def _checked(name: str, value: Any) -> float:
    if not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a number, finite and not negative; got {value!r}.")
    return value


def _checked_epoch(value: Any) -> int:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not 1 <= value <= LONGEST_EPOCH:
        raise ValueError(
            f"t_epoch must be a whole number of time steps in [1, {LONGEST_EPOCH}]; got {value!r}."
        )
    return int(value)


def _where_read(texts: Mapping[str, str | None], trace: str) -> tuple[str, str]:
    return next((name, text) for name, text in texts.items() if text and trace in text)
