"""The specification, in plain torch: the equation's torch body, once a step."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lava_torch.kernels.sequence import SEQUENCE, SHARED, SequenceOp


def run(op: SequenceOp, args: Sequence[Tensor], steps: int, batch: int, size: int) -> None:
    tensors = dict(zip(op.arguments, args, strict=True))
    timed = set(op.named(SEQUENCE, SHARED))
    step = op.row.body("reference")
    for t in range(steps):
        now = {name: x[t] if name in timed else x for name, x in tensors.items()}
        step(*(now[name] for name in op.row.arguments))
        for j, target in enumerate(op.row.targets):
            if op.traced[j]:
                now[f"r{j}"].copy_(now[target])
