"""What connections that learn have in common, beside the sums they send.

A `LearningModel` is named before the model of the plain connection. It keeps traces of the spikes
of the neurons on both sides, and at the end of each epoch of `t_epoch` steps applies its rule to
the synapses: see `lava_torch.kernels.learning`, whose row operations are all that it runs, in a
table or one after another.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lava_torch.core.learning_process import BATCH_MODES, TRACES
from lava_torch.kernels import learning, message, random
from lava_torch.kernels.learning.update import UpdateOp, update_row
from lava_torch.kernels.op import Row
from lava_torch.learning import (
    GradedSpikeCfg,
    Loihi3FLearningRule,
    LoihiLearningRule,
    Plan,
    RuleError,
)
from lava_torch.model.connection import ConnectionModel, FixedConnectionModel
from lava_torch.model.errors import VarInitError, VarValueError
from lava_torch.model.rows import Rows, rows_of
from lava_torch.utils.weightutils import SignMode, truncate_weights, weight_range

#: The Vars of the synaptic variables w, t and d.
VARIABLES = {"w": "weights", "t": "tag_1", "d": "tag_2"}
TARGETS = ("dw", "dt", "dd")
PRE, POST = ("tx", "x0", "x1", "x2"), ("ty", "y0", "y1", "y2", "y3")
PARAMETERS = tuple(f"{trace}_{what}" for trace in TRACES for what in ("tau", "impulse"))
#: The ranges of t and d in fixed point.
TAG_RANGE, DELAY_RANGE = (-257, 255), (0, 255)


class LearningModel(ConnectionModel):
    """Traces, epochs and the rule. A subclass says how its synapses lie, by `synapses`."""

    dtypes: ClassVar[Mapping[str, torch.dtype]] = dict.fromkeys(
        ("tx", "ty", "x0", "y0"), torch.int32
    )
    trainable = ()
    #: Weights change within a run, so that its steps are not one product.
    crossover = None
    #: Whether synapses are stored as in a CSR.
    sparse_synapses: ClassVar[bool] = False

    def synapses(self, rows: Rows, name: str) -> Tensor:
        """A Var of the synapses as `UpdateOp` takes it, in the memory of its buffer."""
        raise TypeError(f"{type(self).__name__} must define synapses(rows, name) -> tensor.")

    def synapses_of(self, value: Tensor) -> Tensor:
        """A copy of a Var's value, as `UpdateOp` takes it."""
        raise TypeError(f"{type(self).__name__} must define synapses_of(value) -> tensor.")

    def as_value(self, synapses: Tensor, like: Tensor) -> Tensor:
        """The other way round: synapses as the Var's value."""
        raise TypeError(f"{type(self).__name__} must define as_value(synapses, like) -> tensor.")

    def pattern(self) -> dict[str, Tensor]:
        """What `UpdateOp` takes besides: where stored synapses lie."""
        return {}

    # -- the rule ---------------------------------------------------------------------------------

    def setup(self) -> None:
        rule = self.proc_params.get("learning_rule")
        if not isinstance(rule, LoihiLearningRule):
            raise VarInitError(
                f"Process '{self.binding.name}' has the learning_rule {rule!r}; give it a "
                "LoihiLearningRule, such as Loihi2FLearningRule or STDPLoihi."
            )
        if self.weights.numel() == 0:
            raise VarInitError(
                f"{self.label('weights')} holds no synapse that could learn by its learning_rule. "
                "Give it weights."
            )
        self.rule_given, self.t_epoch = rule, rule.t_epoch
        self.keys = random.key(rule.rng_seed % (1 << 64))
        self.graded_cfg = GradedSpikeCfg(self.proc_params.get("graded_spike_cfg", 0))
        self._seen = _parameters(rule)
        super().setup()

    def on_connected(self) -> None:
        super().on_connected()
        needed = {f"s_in_{trace}" for trace, _ in self.plan.traces if trace.startswith("y")}
        needed = needed if self.three_factor else set()
        if "y0" in self.plan.flags or any(t.startswith("y") for t, _ in self.plan.traces):
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
        if name in (*VARIABLES.values(), "delays"):
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
        try:
            return SignMode(self.proc_params.get("sign_mode", SignMode.MIXED))
        except ValueError as error:
            raise VarInitError(f"Process '{self.binding.name}': sign_mode: {error}.") from None

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
                value, (low, high) = getattr(self, VARIABLES[target]), self._limits(target)
                self._inside &= low is None or bool((value >= low).all())
                self._inside &= high is None or bool((value <= high).all())
        return self._inside

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        if name in ("weights", *VARIABLES.values()) and not np.isfinite(value).all():
            raise self.refuse(name, value, "finite")
        if name in PARAMETERS and not (np.isfinite(value).all() and (value >= 0).all()):
            raise self.refuse(name, value, "finite and not negative")
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
        for name in (*VARIABLES.values(), "delays"):
            if name in self._tensor_vars and self.is_shared(name):
                getattr(self, name).copy_(self.initial(name, *self._inits[name]))
        self._inside = False

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
        changed = {name: now[name] for name in now if now[name] != self._seen[name]}
        for name, value in changed.items():
            if name in self.strings:
                self.strings[name] = value or ""
            else:
                getattr(self, name).fill_(value)
        self._seen = now
        self._make_rule()

    # -- what happens in a step, on any tensors ---------------------------------------------------

    @property
    def _suffix(self) -> str:
        return "_FIXED" if self.fixed else ""

    def _parameter(self, make: Any, *values: Any) -> Tensor:
        return make(*values, self.compute_dtype).to(self.time_step.device)

    def _spike_rows(
        self, state: Mapping[str, Tensor], pre: tuple, post: tuple, clock: Tensor
    ) -> list[Row]:
        """Rows that note down who spiked; `pre` is spikes, count, x and whether x counts, `post`
        spikes and count."""
        before = self._parameter(
            learning.impulse_parameters, [self._impulse(t) for t in ("x1", "x2")]
        )
        after = [0.0 if self.three_factor else self._impulse(t) for t in ("y1", "y2", "y3")]
        spikes, count, x, graded = pre
        op = getattr(learning, f"PRE{self._suffix}")
        rows = [
            op.on(spikes, count, x, clock, *(state[name] for name in PRE), before,
                  int(self.graded_cfg), self.t_epoch, graded)
        ]  # fmt: skip
        op = getattr(learning, f"POST{self._suffix}")
        keys = self.keys if self.fixed else ()
        impulses = self._parameter(learning.impulse_parameters, after)
        rows.append(op.on(*post, clock, *(state[n] for n in POST), impulses, self.t_epoch, *keys))
        return rows

    def _epoch_rows(
        self, state: Mapping[str, Tensor], synapses: Mapping[str, Tensor], clock: Tensor,
        tables: Mapping[str, Tensor], events: bool,
    ) -> list[Row]:  # fmt: skip
        """Rows that end an epoch. `state` holds traces and times, (B, size)."""
        rows = [self._history(trace, state, table, clock) for trace, table in tables.items()]
        op = UpdateOp(
            self.rule,
            self.compute_dtype,
            sparse=self.sparse_synapses,
            events=events,
            mean=len(state["tx"]) > 1 and self.batch_mode == "mean",
        )
        decimate = 1 << (self.plan.decimate_exponent or 0)
        args: dict[str, Any] = {name: synapses[VARIABLES[name]] for name in self.plan.variables}
        args |= {"delays": synapses.get("delays"), **self.pattern()}
        args |= {f"h_{trace}": table for trace, table in tables.items()}
        args |= {"tx": state["tx"], "ty": state["ty"], "clock": clock, "decimate": decimate}
        args |= {"key0": self.keys[0], "key1": self.keys[1]}
        rows.append(update_row(op, args, self.t_epoch))
        for times, flags in (("tx", "x0"), ("ty", "y0")):
            op = learning.FORGET.on(state[times], state[flags], clock, self.t_epoch)
            rows.append(Row(op.op, op.args, self.t_epoch))
        return rows

    def _history(
        self, trace: str, state: Mapping[str, Tensor], table: Tensor, clock: Tensor
    ) -> Row:
        received = self.three_factor and trace.startswith("y")
        tau = RECEIVED_TAU if received else self._tau(trace)
        impulse = 0.0 if received else self._impulse(trace)
        parameters = self._parameter(learning.history_parameters, tau, impulse)
        side = int(trace.startswith("y"))
        args = (state[trace], state["ty" if side else "tx"], table, parameters, clock, self.t_epoch)
        if self.fixed:
            row = learning.HISTORY_FIXED.on(*args, side, *self.keys, received)
        else:
            row = learning.HISTORY.on(*args, received)
        return Row(row.op, row.args, self.t_epoch)

    def _kept_traces(self) -> list[str]:
        """The traces to go on with at the end of an epoch, whether the rule reads them or not."""
        own = [t for t in TRACES if not (self.three_factor and t.startswith("y"))]
        graded = self.graded_cfg != GradedSpikeCfg.USE_REGULAR_IMPULSE
        live = {t for t in own if self._tau(t) or self._impulse(t) or (t == "x1" and graded)}
        return [t for t in TRACES if t in live or t in self.rule.traces]

    def _table_shape(self, trace: str, batch: int) -> tuple[int, int, int]:
        size = self.binding.in_shapes["s_in_bap" if trace.startswith("y") else "s_in"]
        return batch, self.t_epoch + 1, int(np.prod(size))

    # -- one after another ------------------------------------------------------------------------

    @torch.no_grad()
    def absorb(self, **inputs: Tensor) -> None:
        super().absorb(inputs["s_in"])
        state = self._state_copies((*PRE, *POST))
        if self.three_factor:
            for trace in ("y1", "y2", "y3"):
                state[trace].copy_(inputs[f"s_in_{trace}"].reshape(state[trace].shape))
        graded = self.graded or self._smooth
        pre = (*_events(inputs["s_in"]), inputs["s_in"].reshape(-1), graded)
        clock = self.time_step.reshape(1)
        for row in self._spike_rows(state, pre, _events(inputs["s_in_bap"]), clock):
            row.run("reference")
        self._assign(state)

    @torch.no_grad()
    def learn(self) -> None:
        if int(self.time_step) % self.t_epoch:
            return
        state = self._state_copies((*PRE, *POST))
        names = [name for name in (*VARIABLES.values(), "delays") if name in self._tensor_vars]
        synapses = {name: self.synapses_of(getattr(self, name).detach()) for name in names}
        batch = len(state["tx"])
        tables = {
            trace: state[trace].new_empty(self._table_shape(trace, batch))
            for trace in self._kept_traces()
        }
        clock = self.time_step.reshape(1)
        for row in self._epoch_rows(state, synapses, clock, tables, events=False):
            row.run("reference")
        self._assign(state)
        for name in {*(VARIABLES[t] for t in self.plan.targets), "delays"} & set(names):
            setattr(self, name, self.as_value(synapses[name], getattr(self, name)))

    def _state_copies(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        """Vars of the neurons as (batch, size), to be worked on in place."""
        batch = self.batch_size or 1
        return {name: getattr(self, name).detach().clone().reshape(batch, -1) for name in names}

    def _assign(self, state: Mapping[str, Tensor]) -> None:
        for name, value in state.items():
            setattr(self, name, value.view(getattr(self, name).shape))

    # -- as rows ----------------------------------------------------------------------------------

    def row_key(self) -> tuple:
        parameters = tuple(float(getattr(self, name)) for name in PARAMETERS)
        return (*super().row_key(), self.rule, parameters, self._event_driven())

    def _event_driven(self) -> bool:
        alone = self.batch_size in (None, 1) or self.batch_mode == "each"
        return self.plan.event_driven and alone and self._all_inside()

    def add_trace_rows(self, rows: Rows) -> None:
        """Rows of `absorb` beside those that sum what arrives."""
        state = {name: rows.var(name) for name in (*PRE, *POST)}
        if self.three_factor:
            for trace in ("y1", "y2", "y3"):
                whole = rows.whole(f"s_in_{trace}")
                rows.add(message.COPY.on(whole.view(-1), state[trace].view(-1)))
        post = rows.events("s_in_bap")
        for row in self._spike_rows(
            state, self.events(rows), (post.spikes, post.count), rows.clock
        ):
            rows.add(row)

    @rows_of("learn")
    def learn_rows(self, rows: Rows) -> None:
        state = {name: rows.var(name) for name in (*PRE, *POST)}
        names = {VARIABLES[name] for name in self.plan.variables}
        names |= {"delays"} if self.rule.delays else set()
        synapses = {name: self.synapses(rows, name) for name in sorted(names)}
        tables = {
            trace: rows.scratch(self._table_shape(trace, rows.batch), self.compute_dtype)
            for trace in self._kept_traces()
        }
        events = self._event_driven()
        for row in self._epoch_rows(state, synapses, rows.clock, tables, events):
            rows.add(row)


class FixedLearningModel(LearningModel, FixedConnectionModel):
    """8-bit synaptic variables, rounded at random where they learn."""

    def prepare(self) -> None:
        # As Lava does it: truncated once, but not limited.
        if self._truncated:
            return
        weights = truncate_weights(self.weights.cpu().numpy(), self.sign_mode, self.num_weight_bits)
        self.weights.copy_(torch.from_numpy(weights).to(self.weights))
        self._truncated = True

    def _sign_mode(self) -> SignMode:
        return self._signs


@rows_of("absorb", "counted", "propagate", "linear", "exact_linear")
def learning_rows(self: LearningModel, rows: Rows) -> None:
    """`absorb_rows` of a connection that learns. The model that defines the last of these methods
    takes it."""
    self.add_rows(rows, self.weight_exp if self.fixed else 0)
    self.add_trace_rows(rows)


#: The decay of traces that are received, in steps.
RECEIVED_TAU = 65535


def _parameters(rule: LoihiLearningRule) -> dict[str, Any]:
    """What of a rule can be changed, under the names of the Vars."""
    found = {target: getattr(rule, f"{target}_str") for target in TARGETS}
    found |= {name: getattr(rule, name) for name in PARAMETERS}
    return found | {"t_epoch": rule.t_epoch, "rng_seed": rule.rng_seed}


def _events(x: Tensor) -> tuple[Tensor, Tensor]:
    """What is not zero, as spikes and count."""
    spikes = x.reshape(-1).nonzero().reshape(-1).to(torch.int32)
    return spikes, torch.tensor([len(spikes)], dtype=torch.int32, device=x.device)


def _whole(delays: Tensor) -> Tensor:
    """Delays as whole numbers, halves up."""
    return torch.floor(delays + 0.5) if delays.is_floating_point() else delays
