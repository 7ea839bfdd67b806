"""The update in plain torch: the specification. It makes arrays of all synapses and factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels.learning.update.noise import MASK, SHIFT


def run(op: Any, args: Mapping[str, Any]) -> None:
    """Write the update of all synapses over them."""
    plan = op.rule.plan
    variables = {name: args[name] for name in plan.variables}
    places = _places(op, args)
    values = [variables[name].to(op.dtype) for name in plan.variables]
    sums = op.rule.accumulate(*values, *_factors(op, args, places))
    if op.mean:
        sums = tuple(_mean(_full(acc, op, args, places)) for acc in sums)
    noise = [rounding(args, places)] if op.rule.fixed else []
    for name, new in zip(op.rule.results, op.rule.finish(*sums, *noise), strict=True):
        args[name].copy_(new)


def _places(op: Any, args: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """The pre- and postsynaptic neuron of each synapse, as indices that broadcast."""
    if op.sparse:
        pre = torch.repeat_interleave(args["indptr"].diff())
        return pre, args["indices"].long()
    m, n = args["tx"].shape[1], args["ty"].shape[1]
    device = args["tx"].device
    return torch.arange(m, device=device).view(-1, 1), torch.arange(n, device=device).view(1, -1)


def _factors(op: Any, args: Mapping[str, Any], places: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Each factor of the rule for each item and synapse, by broadcasting."""
    pre, post = places
    batch = torch.arange(len(args["tx"]), device=pre.device)
    batch = batch.view(-1, *[1] * pre.ndim)
    tx, ty = args["tx"][batch, pre].long(), args["ty"][batch, post].long()
    epoch = int(args["clock"]) // args["t_epoch"]
    flags = {"x0": tx != 0, "y0": ty != 0}
    if "u" in op.rule.plan.flags:
        flags["u"] = torch.tensor(epoch % args["decimate"] == 0, device=pre.device)
    when = {"x0": tx, "y0": ty, "u": torch.tensor(args["t_epoch"], device=pre.device)}
    factors = [flags[name].to(op.dtype) for name in op.rule.plan.flags]
    for trace, dependency in op.rule.plan.traces:
        own = pre if trace.startswith("x") else post
        factors.append(args[f"h_{trace}"][batch, when[dependency], own])
    return factors


def _full(acc: Tensor, op: Any, args: Mapping[str, Any], places: tuple[Tensor, Tensor]) -> Tensor:
    pre, post = places
    return acc.expand(len(args["tx"]), *torch.broadcast_shapes(pre.shape, post.shape))


def _mean(acc: Tensor) -> Tensor:
    """Of the items; whole numbers are rounded down."""
    if acc.dtype.is_floating_point:
        total = acc[0]
        for item in acc[1:]:
            total = total + item
        return (total / len(acc))[None]
    return (acc.long().sum(0, keepdim=True) // len(acc)).to(acc.dtype)


def rounding(args: Mapping[str, Any], places: tuple[Tensor, Tensor]) -> Tensor:
    """A random whole number in [0, ROUND] for each synapse, (W, ...), see `noise`."""
    pre, post = places
    words, m = args["words"], args["tx"].shape[1]
    return (words[:, pre] * words[:, m + post]) >> SHIFT & MASK
