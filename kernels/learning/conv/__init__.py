"""The update of a convolution's kernel: each weight is the synapse of many pairs of neurons, and
gets what all of them add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.op import Row

#: The numbers that say where the pairs are, see `lava_torch.kernels.spike.CONV`.
GEOMETRY = (
    "size_x", "size_y", "channels", "out_x", "out_y", "padding_x", "padding_y", "stride_x",
    "stride_y", "dilation_x", "dilation_y", "groups",
)  # fmt: skip


@dataclass(frozen=True)
class ConvUpdateOp:
    """A rule for a kernel (W, C', KX, KY, C / groups), W the batch or 1; it has what a
    `kernels.op.RowOp` has.

    The weight of output channel o at (kx, ky, c) is the synapse from the input at (x, y, c of the
    group) to the output at (x', y', o) wherever x = x' stride - padding + (KX - 1 - kx) dilation,
    and so for y. Its accumulator gets the sum of what these pairs add, limited once. In a batch of
    more items than W, it gets the mean of the items' sums (rounded down in fixed point).

    The arguments are those of `lava_torch.kernels.learning.update.UpdateOp`, with tx (B, X Y C), ty
    (B, X' Y' C') and tables of these sizes, and the GEOMETRY.
    """

    rule: Rule
    dtype: torch.dtype

    family, name = "learning", "conv_update"
    failures = ()
    fallible = False

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        plan = self.rule.plan
        return (
            *plan.variables,
            "tx",
            "ty",
            *(f"h_{trace}" for trace in self.rule.traces),
            "clock",
            "t_epoch",
            *(["decimate"] if "u" in plan.flags else []),
            *(["key0", "key1"] if self.rule.fixed else []),
            *GEOMETRY,
        )

    @property
    def writes(self) -> tuple[str, ...]:
        return tuple(self.rule.plan.targets)

    def cpu_source(self) -> tuple[str, str]:
        from lava_torch.kernels.learning.conv import cpu
        from lava_torch.kernels.table.adapter import digest

        return cpu.source(self), f"learning conv update {digest(*cpu.files())}"

    def body(self, backend: str) -> Callable[..., None]:
        """The function of a backend, "reference" or "gpu"; that of the CPU is in an adapter only.

        Raises ValueError for others.
        """
        if backend == "reference":
            from lava_torch.kernels.learning.conv import reference

            return lambda *args: reference.run(self, self.named(args))
        if backend == "gpu":
            from lava_torch.kernels.learning.conv import gpu

            return lambda *args: gpu.run(self, self.named(args))
        raise ValueError(f"An update has bodies for reference and gpu, not '{backend}'.")

    def named(self, args: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(self.arguments, args, strict=True))


def conv_update_row(op: ConvUpdateOp, args: Mapping[str, Any], t_epoch: int) -> Row:
    """The row of an update, from its arguments by name."""
    given = {**args, "t_epoch": t_epoch}
    return Row(op, tuple(given[name] for name in op.arguments), t_epoch, 0)


__all__ = ["GEOMETRY", "ConvUpdateOp", "conv_update_row"]
