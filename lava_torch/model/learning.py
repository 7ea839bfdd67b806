"""What connections that learn have in common, beside the sums they send.

A `LearningModel` is named before the model of the plain connection. It keeps traces of the spikes
of the neurons on both sides, and at the end of each epoch of `t_epoch` steps applies its rule to
the synapses: see `lava_torch.kernels.learning`, whose row operations are all that it runs, in a
table or one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lava_torch.core.learning_process import TRACES
from lava_torch.kernels import learning, message
from lava_torch.kernels.learning.update import UpdateOp, noise, update_row
from lava_torch.kernels.op import Row
from lava_torch.learning import GradedSpikeCfg
from lava_torch.model.connection import FixedConnectionModel
from lava_torch.model.learning_rule import PARAMETERS, RuleModel
from lava_torch.model.rows import Rows, rows_of
from lava_torch.utils.weightutils import SignMode, truncate_weights

PRE, POST = ("tx", "x0", "x1", "x2"), ("ty", "y0", "y1", "y2", "y3")
#: Those that a three-factor rule receives.
POST_TRACES = POST[2:]
#: Makes a tensor from a shape and a dtype, whatever it holds.
Empty = Callable[[tuple[int, ...], torch.dtype], Tensor]


class LearningModel(RuleModel):
    """Traces and epochs. A subclass says how its synapses lie, by `synapses`."""

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
        after = [self._impulse(trace) for trace in POST_TRACES]
        spikes, count, x, graded = pre
        op = getattr(learning, f"PRE{self._suffix}")
        rows = [
            op.on(spikes, count, x, clock, *(state[name].view(-1) for name in PRE), before,
                  int(self.graded_cfg), self.t_epoch, graded)
        ]  # fmt: skip
        op = getattr(learning, f"POST{self._suffix}")
        keys = self.keys if self.fixed else ()
        impulses = self._parameter(learning.impulse_parameters, after)
        marked = (state[name].view(-1) for name in POST if name != "ty")
        rows.append(op.on(*post, clock, state["ty"], *marked, impulses, self.t_epoch, *keys))
        return rows

    def _epoch_rows(
        self, state: Mapping[str, Tensor], synapses: Mapping[str, Tensor], clock: Tensor,
        empty: Empty, events: bool,
    ) -> list[Row]:  # fmt: skip
        """Rows that end an epoch. `state` holds traces and times, (B, size); `empty` makes tensors
        that last as long as the rows."""
        batch = len(state["tx"])
        tables = {
            trace: empty(self._table_shape(trace, batch), self.compute_dtype)
            for trace in self._kept_traces()
        }
        rows = [self._history(trace, state, table, clock) for trace, table in tables.items()]
        decimate = 1 << (self.plan.decimate_exponent or 0)
        args: dict[str, Any] = {
            name: synapses[self.variables[name]] for name in self.plan.variables
        }
        args |= {"delays": synapses.get("delays"), **self.pattern()}
        args |= {f"h_{trace}": table for trace, table in tables.items()}
        args |= {"tx": state["tx"], "ty": state["ty"], "clock": clock, "decimate": decimate}
        if self.plan.targets:  # all rules may have been emptied: then nothing is learnt
            rows += self.update(args, events, empty)
        spiked = (state[name] for name in ("tx", "x0", "ty", "y0"))
        return [*rows, self._at_end(learning.FORGET.on(*spiked, clock, self.t_epoch))]

    def update(self, args: Mapping[str, Any], events: bool, empty: Empty) -> list[Row]:
        """Rows that apply the rule, from the arguments of `UpdateOp` by name."""
        mean = len(args["tx"]) > 1 and self.batch_mode == "mean"
        op = UpdateOp(self.rule, self.compute_dtype, self.sparse_synapses, events, mean)
        if not self.fixed:
            return [update_row(op, args, self.t_epoch)]
        (items, m), n = args["tx"].shape, args["ty"].shape[1]
        words = empty((1 if mean else items, m + n), torch.int32)
        drawn = learning.DRAW.on(words, args["clock"], self.t_epoch, noise.STREAM, *self.keys)
        return [self._at_end(drawn), update_row(op, {**args, "words": words}, self.t_epoch)]

    def _history(
        self, trace: str, state: Mapping[str, Tensor], table: Tensor, clock: Tensor
    ) -> Row:
        received = self.three_factor and trace.startswith("y")
        values = self._tau(trace), self._impulse(trace)
        parameters = self._parameter(learning.history_parameters, *values)
        side = int(trace.startswith("y"))
        args = (state[trace], state["ty" if side else "tx"], table, parameters, clock, self.t_epoch)
        if self.fixed:
            row = learning.HISTORY_FIXED.on(*args, side, *self.keys, received)
        else:
            row = learning.HISTORY.on(*args, received)
        return self._at_end(row)

    def _at_end(self, row: Row) -> Row:
        """The same at the end of each epoch only."""
        return replace(row, period=self.t_epoch)

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
        graded = self.graded or self._smooth
        pre = (*_events(inputs["s_in"]), inputs["s_in"].reshape(-1), graded)
        clock = self.time_step.reshape(1)
        for row in self._spike_rows(state, pre, _events(inputs["s_in_bap"]), clock):
            row.run("reference")
        if self.three_factor:
            for trace in POST_TRACES:
                state[trace].copy_(inputs[f"s_in_{trace}"].reshape(state[trace].shape))
        self._assign(state)

    @torch.no_grad()
    def learn(self) -> None:
        if int(self.time_step) % self.t_epoch:
            return
        state = self._state_copies((*PRE, *POST))
        names = [n for n in (*self.variables.values(), "delays") if n in self._tensor_vars]
        synapses = {name: self.synapses_of(getattr(self, name).detach()) for name in names}
        clock = self.time_step.reshape(1)

        def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=clock.device)

        for row in self._epoch_rows(state, synapses, clock, empty, events=False):
            row.run("reference")
        self._assign(state)
        for name in {*(self.variables[t] for t in self.plan.targets), "delays"} & set(names):
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
        post = rows.events("s_in_bap")
        for row in self._spike_rows(
            state, self.events(rows), (post.spikes, post.count), rows.clock
        ):
            rows.add(row)
        # Behind the spikes: what is received stays as it is, whoever spikes.
        for trace in POST_TRACES if self.three_factor else ():
            whole = rows.whole(f"s_in_{trace}")
            rows.add(message.COPY.on(whole.view(-1), state[trace].view(-1)))

    @rows_of("learn")
    def learn_rows(self, rows: Rows) -> None:
        state = {name: rows.var(name) for name in (*PRE, *POST)}
        names = {self.variables[name] for name in self.plan.variables}
        names |= {"delays"} if self.rule.delays else set()
        synapses = {name: self.synapses(rows, name) for name in sorted(names)}
        events = self._event_driven()
        for row in self._epoch_rows(state, synapses, rows.clock, rows.scratch, events):
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

    @property
    def row_exponent(self) -> int:
        return self.weight_exp


@rows_of("absorb", "counted", "propagate", "linear", "exact_linear")
def learning_rows(self: LearningModel, rows: Rows) -> None:
    """`absorb_rows` of a connection that learns. The model that defines the last of these methods
    takes it."""
    self.add_rows(rows, self.row_exponent)
    self.add_trace_rows(rows)


def _events(x: Tensor) -> tuple[Tensor, Tensor]:
    """What is not zero, as spikes and count."""
    spikes = x.reshape(-1).nonzero().reshape(-1).to(torch.int32)
    return spikes, torch.tensor([len(spikes)], dtype=torch.int32, device=x.device)
