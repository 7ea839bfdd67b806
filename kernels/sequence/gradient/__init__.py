"""The gradient of an equation over many time steps, in one pass from the last step to the first.

What a step passes back to the one before stays in registers or the cache, as state does on the way
forward. The equations' gradients are generated (`lava_torch.kernels.equation.gradient`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels import workspace
from lava_torch.kernels.autograd import recorded
from lava_torch.kernels.equation.dispatch import Equation
from lava_torch.kernels.equation.gradient import gradient_graph
from lava_torch.kernels.equation.graph import CONDITION, Graph
from lava_torch.kernels.equation.surrogate import Surrogate
from lava_torch.kernels.sequence import (
    FULL,
    ROW,
    SCALAR,
    SEQUENCE,
    Source,
    State,
    backend_of,
    run_sequence,
)

#: In `Unrolled.states`: no argument.
UNREAD = -1


@dataclass(frozen=True)
class Unrolled:
    """An equation over many steps, as `unroll` sees it.

    `layouts` says of each argument how it lies: SCALAR (1,), ROW (size,), SEQUENCE
    (steps, batch, size), or FULL (batch, size), which is state. `states` says of each result which
    argument it is in the next step; None for what is sent, and UNREAD for state that nothing reads.
    """

    equation: Equation
    dtype: torch.dtype
    surrogate: Surrogate
    layouts: tuple[str, ...]
    states: tuple[int | None, ...]


@dataclass(frozen=True)
class GradientOp:
    """The way back through an `Unrolled`: `given` are the results that have gradients, `wanted` the
    arguments, none of them state, that get some."""

    forward: Unrolled
    given: tuple[bool, ...]
    wanted: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.forward.equation.name} gradient"

    @property
    def dtype(self) -> torch.dtype:
        return self.forward.dtype

    @cached_property
    def read(self) -> dict[int, int]:
        """The results that are read as state in the next step, with the arguments that they are."""
        return {j: i for j, i in enumerate(self.forward.states) if i is not None and i != UNREAD}

    @cached_property
    def carried(self) -> dict[int, int]:
        """Those of them on which some given result depends, in the same step or later."""
        found: dict[int, int] = {}
        while self.read:
            graph = self._graph(found, tuple(self.read.values()))
            more = {j: i for k, (j, i) in enumerate(self.read.items()) if not _is_zero(graph, k)}
            if more.keys() <= found.keys():
                break
            found |= more
        return found

    def _graph(self, carried: Collection[int], wanted: tuple[int, ...]) -> Graph:
        known = tuple(g or j in carried for j, g in enumerate(self.given))
        return gradient_graph(
            self.forward.equation, self.dtype, self.forward.surrogate, known, wanted
        )

    @cached_property
    def graph(self) -> Graph:
        """Its results: of the `wanted` arguments, then of the carried ones."""
        return self._graph(self.carried, (*self.wanted, *self.carried.values()))

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """The arguments whose values it needs."""
        count = len(self.forward.layouts)
        return tuple(i for i in self.graph.used if i < count)

    @cached_property
    def layouts(self) -> dict[str, str]:
        """Its tensors in the order in which bodies take them, and how they lie: p<argument>, for
        state the initial value; r<result>, the trajectory of state; g<result>, the gradient of what
        a result is in each step; d<argument>, the gradient to be written, which for a parameter is
        the sum over the steps, (batch, size)."""
        layouts, found = self.forward.layouts, {}
        for i in self.reads:
            found[f"p{i}"] = layouts[i]
        for j, i in self.read.items():
            if i in self.reads:
                found[f"r{j}"] = SEQUENCE
        for j, given in enumerate(self.given):
            if given:
                found[f"g{j}"] = SEQUENCE
        for i in self.wanted:
            found[f"d{i}"] = SEQUENCE if layouts[i] == SEQUENCE else FULL
        return found

    def is_zero(self, k: int) -> bool:
        """Whether no given result depends on the k-th of the wanted arguments."""
        return _is_zero(self.graph, k)

    def named(self, *layouts: str) -> list[str]:
        """The tensors that lie in one of these ways."""
        return [name for name, layout in self.layouts.items() if layout in layouts]

    def before(self, argument: int) -> str | None:
        """The trajectory that holds, one step earlier, what an argument is; None if it is no
        state."""
        return next((f"r{j}" for j, i in self.read.items() if i == argument), None)

    @property
    def comment(self) -> str:
        """Which argument is which."""
        names = enumerate(self.forward.equation.arguments)
        return f"{self.name}: " + ", ".join(f"p{i} = {name!r}" for i, name in names)


def _is_zero(graph: Graph, k: int) -> bool:
    node = graph.nodes[graph.outputs[k]]
    return node.op == "constant" and node.value == 0


def unroll(
    unrolled: Unrolled, values: Sequence[Tensor], steps: int, backend: str | None = None
) -> tuple[Tensor, ...]:
    """The results of an equation for `steps` time steps, with gradients.

    Parameters
    ----------
    values : of each argument a contiguous tensor that lies as `unrolled` says; state as it is
        before the first step, of which no gradient is computed.
    backend : reference, cpu or gpu; by default that of the tensors' device.

    Returns
    -------
    for each result, state too, what it is in each step: (steps, batch, size) of the compute dtype,
    or bool for conditions, which have no gradient. Where gradients of gradients are asked for, they
    are computed by plain torch, step by step.

    Raises ValueError for tensors that have no backend or do not fit; EquationError as
    `gradient_graph`.
    """
    return _Unroll.apply(unrolled, steps, backend, *values)


class _Unroll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, unrolled: Unrolled, steps: int, backend: str | None, *values: Tensor
    ) -> tuple[Tensor, ...]:
        results = _forward(unrolled, values, steps, backend)
        ctx.unrolled, ctx.steps, ctx.backend = unrolled, steps, backend
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(r for r in results if r.dtype == torch.bool))
        trajectories = [r for r, i in zip(results, unrolled.states, strict=True) if i is not None]
        # The others may be written to meanwhile, as they may be where each step is recorded. Only
        # gradients of gradients look at them.
        reads = _may_read(unrolled, tuple(v.requires_grad for v in values))
        ctx.others = [None if i in reads else v.detach() for i, v in enumerate(values)]
        ctx.save_for_backward(
            *(v if i in reads else None for i, v in enumerate(values)), *trajectories
        )
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        count, saved = len(ctx.unrolled.layouts), ctx.saved_tensors
        values = [s if o is None else o for s, o in zip(saved, ctx.others, strict=False)]
        trajectories = saved[count:]
        layouts = ctx.unrolled.layouts
        wanted = [i for i in range(count) if ctx.needs_input_grad[3 + i] and layouts[i] != FULL]
        found: list[Tensor | None] = [None] * (3 + count)
        if all(g is None for g in gradients) or not wanted:
            return tuple(found)
        if recorded(gradients) or ctx.backend == "reference":
            from lava_torch.kernels.sequence.gradient import reference

            parts = reference.gradients(ctx.unrolled, values, ctx.steps, gradients, wanted)
        else:
            parts = _backward(ctx, values, trajectories, gradients, wanted)
        for i, part in zip(wanted, parts, strict=True):
            found[3 + i] = part
        return tuple(found)


def _forward(
    unrolled: Unrolled, values: Sequence[Tensor], steps: int, backend: str | None
) -> tuple[Tensor, ...]:
    batch, size = _shape(unrolled, values)
    device = values[0].device
    held = [
        v.clone() if lies == FULL else v for v, lies in zip(values, unrolled.layouts, strict=True)
    ]
    results: list[Tensor | State] = []
    written = []
    kinds = unrolled.equation.trace(unrolled.dtype).output_kinds
    for kind, argument in zip(kinds, unrolled.states, strict=True):
        dtype = torch.bool if kind == CONDITION else unrolled.dtype
        written.append(workspace.empty((steps, batch, size), dtype, device))
        if argument is None:
            results.append(written[-1])
        elif argument == UNREAD:
            last = torch.empty((batch, size), dtype=dtype, device=device)
            results.append(State(last, None, written[-1]))
        else:
            results.append(State(held[argument], _read(unrolled, argument), written[-1]))
    sources = [[Source(v, lies)] for v, lies in zip(held, unrolled.layouts, strict=True)]
    run_sequence(unrolled.equation, unrolled.dtype, sources, results, steps, backend)
    return tuple(written)


def _read(unrolled: Unrolled, argument: int) -> int | None:
    """None where the equation takes an argument that no result depends on."""
    return argument if argument in unrolled.equation.trace(unrolled.dtype).used else None


def _backward(
    ctx: Any,
    values: Sequence[Tensor],
    trajectories: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    wanted: Sequence[int],
) -> list[Tensor | None]:
    unrolled, steps = ctx.unrolled, ctx.steps
    batch, size = _shape(unrolled, values)
    op = _op(unrolled, tuple(g is not None for g in gradients), tuple(wanted))
    states = [j for j, i in enumerate(unrolled.states) if i is not None]
    tensors = {f"p{i}": value for i, value in enumerate(values)}
    tensors |= {f"r{j}": r for j, r in zip(states, trajectories, strict=True)}
    tensors |= {f"g{j}": g.contiguous() for j, g in enumerate(gradients) if g is not None}
    for i in wanted:
        if unrolled.layouts[i] == SEQUENCE:
            shape = steps, batch, size
            tensors[f"d{i}"] = workspace.empty(shape, unrolled.dtype, values[0].device)
        else:
            tensors[f"d{i}"] = values[0].new_zeros((batch, size), dtype=unrolled.dtype)
    if steps and batch * size:
        name = ctx.backend or backend_of(unrolled.equation, values[0].device)
        module = import_module(f"{__name__}.{name}")
        module.run(op, [tensors[name] for name in op.layouts], steps, batch, size)
    return [
        None if op.is_zero(k) else _summed(tensors[f"d{i}"], unrolled.layouts[i])
        for k, i in enumerate(wanted)
    ]


@lru_cache(maxsize=4096)
def _may_read(unrolled: Unrolled, needed: tuple[bool, ...]) -> frozenset[int]:
    """The arguments whose values some gradient of those that are needed may depend on."""
    wanted = tuple(i for i, n in enumerate(needed) if n and unrolled.layouts[i] != FULL)
    return frozenset(_op(unrolled, (True,) * len(unrolled.states), wanted).reads)


@lru_cache(maxsize=4096)
def _op(unrolled: Unrolled, given: tuple[bool, ...], wanted: tuple[int, ...]) -> GradientOp:
    """One object for all calls alike, whose graph is made once."""
    return GradientOp(unrolled, given, wanted)


def _summed(gradient: Tensor, layout: str) -> Tensor:
    if layout == SCALAR:
        return gradient.sum().reshape(1)
    return gradient.sum(0) if layout == ROW else gradient


def _shape(unrolled: Unrolled, values: Sequence[Tensor]) -> tuple[int, int]:
    pairs = zip(values, unrolled.layouts, strict=True)
    batch, size = next(v.shape[-2:] for v, lies in pairs if lies in (SEQUENCE, FULL))
    return batch, size


__all__ = ["UNREAD", "GradientOp", "Unrolled", "unroll"]
