"""What a rule makes of all synapses at the end of an epoch: each is read once and written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.op import Argument, Row


@dataclass(frozen=True)
class UpdateOp:
    """A rule for one layout of synapses; it has what a `kernels.op.RowOp` has.

    Synapses are dense, (W, m, n), or `sparse`, (W, synapses) by presynaptic neuron with `indptr`
    and `indices` as `lava_torch.CSR` has them. W is the batch, or 1: then, in a batch of more, a
    synapse becomes the `mean` of what the items make of it. With `events` only those synapses are
    touched whose pre- or postsynaptic neuron spiked, which the others must be within their limits
    for, and no product may depend on u.

    The arguments: the variables w, t and d that the rule reads or writes; int `delays`, which d
    makes, in whole steps; tx and ty, int32 (B, size); the table of each trace in `rule.traces`,
    "h_x1" (B, t_epoch + 1, m) and so on, see `lava_torch.kernels.learning.HISTORY`; `clock`, the
    time step, int64 (1,); t_epoch; `decimate`: u is 1 in every so many epochs; in fixed point
    `words` (W, m + n), which `lava_torch.kernels.learning.DRAW` writes, see `noise`.
    """

    rule: Rule
    dtype: torch.dtype
    sparse: bool = False
    events: bool = False
    mean: bool = False

    family, name = "learning", "update"
    failures = ()
    fallible = False

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        plan = self.rule.plan
        return (
            *plan.variables,
            *(["delays"] if self.rule.delays else []),
            *(["indptr", "indices"] if self.sparse else []),
            "tx",
            "ty",
            *(f"h_{trace}" for trace in self.rule.traces),
            "clock",
            "t_epoch",
            *(["decimate"] if "u" in plan.flags else []),
            *(["words"] if self.rule.fixed else []),
        )

    @cached_property
    def writes(self) -> tuple[str, ...]:
        return (*self.rule.plan.targets, *(["delays"] if self.rule.delays else []))

    def cpu_source(self) -> tuple[str, str]:
        from lava_torch.kernels.learning.update import cpu
        from lava_torch.kernels.table.adapter import digest

        return cpu.source(self), f"learning update {digest(*cpu.files())}"

    def body(self, backend: str) -> Callable[..., None]:
        """The function of a backend, "reference" or "gpu"; that of the CPU is in an adapter only.

        Raises ValueError for others.
        """
        if backend == "reference":
            from lava_torch.kernels.learning.update import reference

            return lambda *args: reference.run(self, self.named(args))
        if backend == "gpu":
            from lava_torch.kernels.learning.update import gpu

            return lambda *args: gpu.run(self, self.named(args))
        raise ValueError(f"An update has bodies for reference and gpu, not '{backend}'.")

    def named(self, args: tuple[Argument, ...]) -> dict[str, Argument]:
        return dict(zip(self.arguments, args, strict=True))


def update_row(op: UpdateOp, tensors: Mapping[str, Tensor | int], t_epoch: int) -> Row:
    """The row of an update, from its arguments by name."""
    args = {**tensors, "t_epoch": t_epoch}
    return Row(op, tuple(args[name] for name in op.arguments), t_epoch, 0)


__all__ = ["Rule", "UpdateOp", "update_row"]
