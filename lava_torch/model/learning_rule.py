"""The rule of a connection that learns, as its Vars say it, and the limits of what they hold."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from lava_torch.core.learning_process import BATCH_MODES, TRACES
from lava_torch.kernels import learning, random
from lava_torch.learning import (
    GradedSpikeCfg,
    Loihi3FLearningRule,
    LoihiLearningRule,
    Plan,
    RuleError,
)
from lava_torch.model.connection import ConnectionModel
from lava_torch.model.errors import VarInitError, VarValueError
from lava_torch.utils.weightutils import SignMode, weight_range

Choice = TypeVar("Choice", bound=Enum)

#: The Vars of the synaptic variables w, t and d.
VARIABLES = {"w": "weights", "t": "tag_1", "d": "tag_2"}
TARGETS = ("dw", "dt", "dd")
PARAMETERS = tuple(f"{trace}_{what}" for trace in TRACES for what in ("tau", "impulse"))
#: The ranges of t and d in fixed point. Lava's tag can be -257, one time in 128 that it falls so
#: low, and does not stay there: its accumulator goes to -32769 / 128.
TAG_RANGE, DELAY_RANGE = (-256, 255), (0, 255)


class RuleModel(ConnectionModel):
    """The Vars of a connection that learns: the rule that they say, and what they may hold."""

    dtypes: ClassVar[Mapping[str, torch.dtype]] = dict.fromkeys(
        ("tx", "ty", "x0", "y0"), torch.int32
    )
    trainable = ()
    #: Weights change within a run, so that its steps are not one product.
    crossover = None
    #: The Vars of the synaptic variables w, t and d.
    variables: ClassVar[Mapping[str, str]] = VARIABLES

    # -- the rule ---------------------------------------------------------------------------------

    def setup(self) -> None:
        rule = self.proc_params.get("learning_rule")
        if not isinstance(rule, LoihiLearningRule):
            raise VarInitError(
                f"Process '{self.binding.name}' has the learning_rule {rule!r}; give it a "
                "LoihiLearningRule, such as Loihi2FLearningRule or STDPLoihi."
            )
        if getattr(self, self.variables["w"]).numel() == 0:
            raise VarInitError(
                f"{self.label(self.variables['w'])} holds no synapse that could learn by its "
                "learning_rule. Give it weights."
            )
        self.rule_given, self.t_epoch = rule, rule.t_epoch
        self.keys = random.key(rule.rng_seed % (1 << 64))
        self.graded_cfg = self._one_of(GradedSpikeCfg, "graded_spike_cfg", 0)
        self._seen = _parameters(rule)
        # The rule may have been changed since the Process was made, which its Vars do not know.
        self._take(self._seen)
        super().setup()

    def on_connected(self) -> None:
        super().on_connected()
        traces = {trace for trace, _ in self.plan.traces if trace.startswith("y")}
        needed = {f"s_in_{trace}" for trace in traces} if self.three_factor else set()
        # Of traces that are received, postsynaptic spikes change nothing.
        if "y0" in self.plan.flags or (traces and not self.three_factor):
            needed.add("s_in_bap")
        missing = sorted(port for port in needed if not self.senders(port))
        if not missing:
            return
        problem = (
            f"Process '{self.binding.name}' has the rule {self.plan_text}, which needs what "
            f"arrives at {missing}, but nothing is connected to it"
        )
        if self.three_factor:
            raise VarInitError(
                f"{problem}. Connect the neurons' s_out_bap to s_in_bap, and their traces to "
                "s_in_y1, s_in_y2 or s_in_y3."
            )
        warnings.warn(f"{problem}: connect the neurons' s_out to s_in_bap.", stacklevel=2)

    @property
    def plan_text(self) -> str:
        return ", ".join(f"{t} = {text}" for t, text in self._texts().items() if text)

    @property
    def fixed(self) -> bool:
        return self.compute_dtype == torch.int32

    @property
    def row_exponent(self) -> int:
        """By what the sums are shifted."""
        return 0

    @property
    def three_factor(self) -> bool:
        """Whether the traces y1, y2 and y3 are received, not kept here."""
        return isinstance(self.rule_given, Loihi3FLearningRule)

    @property
    def learns_delays(self) -> bool:
        """Whether d, which is then `tag_2`, is the delay of a synapse."""
        return "delays" in self._tensor_vars

    @property
    def batch_mode(self) -> str:
        return self.proc_params.get("batch_learning", BATCH_MODES[0])

    def is_shared(self, name: str) -> bool:
        if name in PARAMETERS:
            return True
        if name in (*self.variables.values(), "delays"):
            return self.batch_mode == "mean"
        return super().is_shared(name)

    def outermost_lead(self, name: str) -> int:
        return int(self.batch_size is not None and not self.is_shared(name))

    def on_var_update(self) -> None:
        super().on_var_update()
        self._make_rule()

    def _texts(self) -> dict[str, str]:
        return {target: self.strings[target] for target in TARGETS}

    def _make_rule(self) -> None:
        """The plan that the strings say, checked against the traces' parameters as they are."""
        try:
            self.plan = Plan.of({t: text for t, text in self._texts().items() if text})
            self._check_traces()
            self.rule = learning.Rule(
                self.plan,
                self.fixed,
                tuple(self._limits(target) for target in self.plan.targets),
                tuple(map(self._clamp, self.plan.targets)) if self.fixed else (),
                self.learns_delays and "d" in self.plan.targets,
            )
        except ValueError as error:
            raise VarValueError(f"Process '{self.binding.name}' cannot learn: {error}") from None
        self._inside = False

    def _check_traces(self) -> None:
        for trace, _ in self.plan.traces:
            received = self.three_factor and trace.startswith("y")
            graded = trace == "x1" and self.graded_cfg != GradedSpikeCfg.USE_REGULAR_IMPULSE
            if not (received or graded or self._tau(trace) or self._impulse(trace)):
                raise RuleError(
                    f"the rule {self.plan_text} reads {trace}, whose Vars '{trace}_tau' and "
                    f"'{trace}_impulse' are 0. Set them."
                )

    def _tau(self, trace: str) -> float:
        return float(getattr(self, f"{trace}_tau").reshape(-1)[0])

    def _impulse(self, trace: str) -> float:
        return float(getattr(self, f"{trace}_impulse").reshape(-1)[0])

    def var_dtype(self, name: str) -> torch.dtype:
        # Of fixed point too: taus and impulses have fractions.
        return torch.float64 if name in PARAMETERS else super().var_dtype(name)

    # -- limits -----------------------------------------------------------------------------------

    @property
    def _signs(self) -> SignMode:
        """As given; unlike a connection that does not learn, MIXED otherwise."""
        return self._one_of(SignMode, "sign_mode", SignMode.MIXED)

    def _one_of(self, kind: type[Choice], name: str, default: Any) -> Choice:
        """A parameter of the constructor that is one of an enumeration's members."""
        given = self.proc_params.get(name, default)
        try:
            return kind(given)
        except ValueError:
            members = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
            raise VarInitError(
                f"Process '{self.binding.name}' has the {name} {given!r}; give one of {members}."
            ) from None

    def _limits(self, target: str) -> tuple[float | None, float | None]:
        """The least and the largest value that learning gives a synaptic variable."""
        if target == "w" and self.fixed:
            return weight_range(self._signs)
        if target == "w":
            low, high = weight_range(self._signs)
            return (0 if low == 0 else None, 0 if high == 0 else None)
        if target == "t":
            return TAG_RANGE if self.fixed else (None, None)
        if self.learns_delays:
            longest = self.slots - 1
            return 0, min(longest, self.longest) if self.longest is not None else longest
        return DELAY_RANGE if self.fixed else (0, None)

    def _clamp(self, target: str) -> tuple[int | None, int | None]:
        """The limits that hold before rounding."""
        low, high = self._limits(target)
        if target == "t":
            return None, None
        return (0 if low == 0 else None, 0 if high == 0 else None)

    @torch.no_grad()
    def _all_inside(self) -> bool:
        """Whether synapses that no event touches are within their limits, as learning keeps them.
        Looked at anew after a Var was set."""
        if not self._inside:
            self._inside = True
            for target in self.plan.targets:
                value, (low, high) = getattr(self, self.variables[target]), self._limits(target)
                self._inside &= low is None or bool((value >= low).all())
                self._inside &= high is None or bool((value <= high).all())
        return self._inside

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        if name in self.variables.values() and not np.isfinite(value).all():
            raise self.refuse(name, value, "finite")
        if name in PARAMETERS:
            self._check_parameter(name, value)
        if name == "tag_2" and self.learns_delays and value.size:
            if value.min() < 0 or value.max() > self.slots - 1:
                raise self.refuse(name, value, f"in [0, {self.slots - 1}], the delays there are")
        if name in ("tx", "ty"):
            self.check_range(name, value, 0, self.proc_params["learning_rule"].t_epoch)
        if not self.fixed:
            return
        if name in TRACES:
            top = 255 if name == "x1" else 127
            self.check_range(name, value, 0, top, " (a trace has 7 bits)")
        if name in ("tag_1", "tag_2"):
            self.check_range(
                name, np.trunc(value), *(DELAY_RANGE if name == "tag_2" else TAG_RANGE)
            )

    def _check_parameter(self, name: str, value: np.ndarray) -> None:
        if name.endswith("_tau"):
            if not (value >= 0).all():
                raise self.refuse(name, value, "not negative")
            return
        if not (np.isfinite(value).all() and (value >= 0).all()):
            raise self.refuse(name, value, "finite and not negative")
        if self.fixed and value.max() > learning.TRACE_MAX:
            raise self.refuse(name, value, f"in [0, {learning.TRACE_MAX}] (a trace has 7 bits)")

    # -- the Vars ---------------------------------------------------------------------------------

    @torch.no_grad()
    def set_var(self, name: str, value: Any, idx: Any = None) -> None:
        old = self.strings.get(name)
        kept = getattr(self, name).detach().clone() if old is None else None
        try:
            super().set_var(name, value, idx)
        except VarValueError:
            self._put_back(name, old, kept)
            raise
        self._tie_delays(name)

    def _put_back(self, name: str, text: str | None, kept: Tensor | None) -> None:
        if kept is None:
            self.strings[name] = text
        else:
            getattr(self, name).copy_(kept)
        self._make_rule()

    def _tie_delays(self, name: str) -> None:
        """Of a connection with delays, d is the delay; one of the two Vars was set."""
        if self.learns_delays and name in ("delays", "tag_2"):
            if name == "delays":
                self.tag_2.copy_(self.delays)
            else:
                self.delays.copy_(_whole(self.tag_2).clamp(0, self.slots - 1))

    @torch.no_grad()
    def reset(self) -> None:
        super().reset()
        # Synapses are state, whether a batch shares them or not.
        for name in (*self.variables.values(), "delays"):
            if name in self._tensor_vars and self.is_shared(name):
                getattr(self, name).copy_(self.initial(name, *self._inits[name]))
        self._inside = False

    def get_hidden(self) -> dict[str, Any]:
        return {**super().get_hidden(), "rule": self._seen}

    def set_hidden(self, state: Mapping[str, Any]) -> None:
        super().set_hidden(state)
        self._seen = dict(state["rule"])

    def check_restored(self) -> None:
        super().check_restored()
        for name in ("tx", "ty"):
            self.check(name, getattr(self, name).cpu().numpy())

    def begin_run(self, first: int, last: int) -> None:
        """Take over what was changed at the learning rule since the last run."""
        super().begin_run(first, last)
        now = _parameters(self.rule_given)
        if now == self._seen:
            return
        for name in ("t_epoch", "rng_seed"):
            if now[name] != self._seen[name]:
                raise VarValueError(
                    f"Process '{self.binding.name}': {name} of its learning rule was changed from "
                    f"{self._seen[name]} to {now[name]} after the first run. Stop the network, "
                    "and run it afresh."
                )
        self._take({name: now[name] for name in now if now[name] != self._seen[name]})
        self._seen = now
        self._make_rule()

    @torch.no_grad()
    def _take(self, parameters: Mapping[str, Any]) -> None:
        """Write parameters of a rule to the Vars of their names."""
        for name, value in parameters.items():
            if name in self.strings:
                self.strings[name] = value or ""
            elif name in PARAMETERS:
                self.check(name, np.asarray(value))
                getattr(self, name).fill_(value)


def _parameters(rule: LoihiLearningRule) -> dict[str, Any]:
    """What of a rule can be changed, under the names of the Vars."""
    found = {target: getattr(rule, f"{target}_str") for target in TARGETS}
    found |= {name: getattr(rule, name) for name in PARAMETERS}
    return found | {"t_epoch": rule.t_epoch, "rng_seed": rule.rng_seed}


def _whole(delays: Tensor) -> Tensor:
    """Delays as whole numbers, halves up."""
    return torch.floor(delays + 0.5) if delays.is_floating_point() else delays
