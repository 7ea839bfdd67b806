"""The update in plain torch: the specification. It makes arrays of all synapses and factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels.learning.reference import counter
from lava_torch.kernels.learning.rule import FRACTION
from lava_torch.kernels.learning.update.noise import BY_POST, BY_PRE, PER_BLOCK
from lava_torch.kernels.random.reference import philox


def run(op: Any, args: Mapping[str, Any]) -> None:
    """Write the update of all synapses over them."""
    plan = op.rule.plan
    variables = {name: args[name] for name in plan.variables}
    places = _places(op, args)
    values = [variables[name].to(op.dtype) for name in plan.variables]
    sums = op.rule.accumulate(*values, *_factors(op, args, places))
    if op.mean:
        sums = tuple(_mean(_full(acc, op, args, places)) for acc in sums)
    noise = [rounding(op, args)] if op.rule.fixed else []
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


def rounding(op: Any, args: Mapping[str, Any]) -> Tensor:
    """A random whole number in [0, ROUND] for each synapse, (W, ...), see `noise`."""
    synapses = args[op.rule.plan.targets[0]]
    if op.sparse:
        return numbers(op, args, 1, synapses.shape[1])[:, 0]
    _, m, n = synapses.shape
    own = numbers(op, args, m, n)
    if not op.two_noises:
        return own
    other = numbers(op, args, -(-m // PER_BLOCK) * n, PER_BLOCK, BY_POST)
    other = other.view(len(synapses), -1, n, PER_BLOCK).transpose(2, 3).reshape(len(own), -1, n)
    return torch.where(args["tx"][..., None] != 0, own, other[:, :m])


def numbers(op: Any, args: Mapping[str, Any], rows: int, size: int, stream: int = BY_PRE) -> Tensor:
    """Random numbers (W, rows, size), of which each row begins with a block of its own."""
    synapses, t = args[op.rule.plan.targets[0]], args["clock"]
    device = synapses.device
    blocks = torch.arange(rows * -(-size // PER_BLOCK), device=device)
    items = torch.arange(len(synapses), device=device).view(-1, 1)
    words = philox(*counter(blocks, t, items, stream), args["key0"], args["key1"])
    octets = torch.stack(words, -1)[..., None] >> torch.arange(0, 32, 8, device=device)
    numbers = ((octets & 255) >> 8 - FRACTION).to(torch.int32)
    return numbers.reshape(len(synapses), rows, -1)[..., :size]
