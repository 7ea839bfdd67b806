"""The specification, in plain torch: autograd through the equation's torch body, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lava_torch.kernels.equation.surrogate import use_surrogate
from lava_torch.kernels.sequence import FULL, SEQUENCE
from lava_torch.kernels.sequence.gradient import UNREAD, Unrolled


def results(unrolled: Unrolled, values: Sequence[Tensor], steps: int) -> list[Tensor]:
    """What each result is in each step, (steps, batch, size)."""
    now = list(values)
    rows: list[list[Tensor]] = [[] for _ in unrolled.states]
    step = unrolled.equation.body("torch")
    with use_surrogate(unrolled.surrogate):
        for t in range(steps):
            given = [
                value[t] if lies == SEQUENCE else value
                for value, lies in zip(now, unrolled.layouts, strict=True)
            ]
            found = step(*given)
            for j, (value, argument) in enumerate(zip(found, unrolled.states, strict=True)):
                rows[j].append(value)
                if argument is not None and argument != UNREAD:
                    now[argument] = value
    return [torch.stack(row) for row in rows]


def gradients(
    unrolled: Unrolled,
    values: Sequence[Tensor],
    steps: int,
    given: Sequence[Tensor | None],
    wanted: Sequence[int],
) -> list[Tensor | None]:
    """The gradients of the arguments `wanted`, from those of the results; with a graph of their own
    where autograd is on. None where nothing depends on one."""
    if not steps:
        return [torch.zeros_like(values[i]) for i in wanted]
    create = torch.is_grad_enabled()
    with torch.enable_grad():
        pairs = zip(values, unrolled.layouts, strict=True)
        leaves = [
            v if v.requires_grad and lies != FULL else v.detach().requires_grad_(i in wanted)
            for i, (v, lies) in enumerate(pairs)
        ]
        found = results(unrolled, leaves, steps)
        used = [(r, g) for r, g in zip(found, given, strict=True) if g is not None]
        used = [(r, g) for r, g in used if r.requires_grad]
        sources = [leaves[i] for i in wanted]
        if not used:
            return [None for _ in sources]
        outputs, cotangents = zip(*used, strict=True)
        return list(
            torch.autograd.grad(
                outputs, sources, cotangents, create_graph=create, allow_unused=True
            )
        )
