"""The update of a kernel in plain torch: the specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels.learning.reference import random_words
from lava_torch.kernels.learning.rule import FRACTION, HIGH, LOW
from lava_torch.kernels.learning.update.noise import SHIFT, STREAM


def run(op: Any, args: Mapping[str, Any]) -> None:
    """Write the update of all weights over them."""
    plan = op.rule.plan
    variables = {name: args[name].to(op.dtype) for name in plan.variables}
    first = variables[plan.targets[0]]
    items, batch = len(first), len(args["tx"])
    wide = torch.int64 if op.rule.fixed else op.dtype
    sums = {
        name: torch.zeros(first.shape, dtype=wide, device=first.device) for name in plan.targets
    }
    for b in range(batch):
        for kx in range(first.shape[2]):
            for ky in range(first.shape[3]):
                own = b if items == batch else 0
                at = (own, slice(None), kx, ky)
                values = [variables[name][at][None] for name in plan.variables]
                changes = op.rule.changes(*values, *_factors(op, args, b, kx, ky, first.shape))
                for name, change in zip(plan.targets, changes, strict=True):
                    sums[name][at] += change.sum(0)
    sums = {name: _shared(total, batch // items) for name, total in sums.items()}
    accumulated = [_added(op, variables[name], sums[name]) for name in plan.targets]
    noise = []
    if op.rule.fixed:
        size = items, first[0].numel()
        words = random_words(size, args["clock"], STREAM, args["key0"], args["key1"])
        noise = [(words >> SHIFT).to(op.dtype).view(first.shape)]
    for name, new in zip(op.rule.results, op.rule.finish(*accumulated, *noise), strict=True):
        args[name].copy_(new)


def _shared(total: Tensor, items: int) -> Tensor:
    """The mean of the items that share a kernel."""
    return total / items if total.dtype.is_floating_point else total // items


def _added(op: Any, value: Tensor, total: Tensor) -> Tensor:
    if not op.rule.fixed:
        return value + total
    return ((value.long() << FRACTION) + total).clamp(LOW, HIGH).to(op.dtype)


def _factors(
    op: Any, args: Mapping[str, Any], b: int, kx: int, ky: int, kernel: tuple[int, ...]
) -> list[Tensor]:
    """Each factor, for (pairs, C', C / groups) at one place of the kernel."""
    pre, post = pairs(args, kx, ky, kernel, args["tx"].device)
    tx, ty = args["tx"][b].long()[pre], args["ty"][b].long()[post]
    flags = {"x0": tx != 0, "y0": ty != 0}
    if "u" in op.rule.plan.flags:
        epoch = int(args["clock"]) // args["t_epoch"]
        flags["u"] = torch.tensor(epoch % args["decimate"] == 0, device=pre.device)
    when = {"x0": tx, "y0": ty, "u": torch.tensor(args["t_epoch"], device=pre.device)}
    shape = torch.broadcast_shapes(pre.shape, post.shape)
    factors = [flags[name].to(op.dtype).expand(shape) for name in op.rule.plan.flags]
    for trace, dependency in op.rule.plan.traces:
        own = pre if trace.startswith("x") else post
        factors.append(args[f"h_{trace}"][b, when[dependency], own].expand(shape))
    return factors


def pairs(
    args: Mapping[str, Any], kx: int, ky: int, kernel: tuple[int, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """The neurons of each pair: pre (pairs, C', C / groups) and post (pairs, C', 1)."""
    _, outputs, size_kx, size_ky, inputs = kernel
    to_x, x = _axis(args, "x", kx, size_kx, device)
    to_y, y = _axis(args, "y", ky, size_ky, device)
    output = torch.arange(outputs, device=device)
    first = output // (outputs // args["groups"]) * inputs
    channel = first[:, None] + torch.arange(inputs, device=device)
    place = (x[:, None] * args["size_y"] + y).reshape(-1, 1, 1)
    to = (to_x[:, None] * args["out_y"] + to_y).reshape(-1, 1, 1)
    return place * args["channels"] + channel, to * outputs + output[:, None]


def _axis(
    args: Mapping[str, Any], axis: str, k: int, size: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The places of the output along an axis, and the input that weight k takes them from."""
    to = torch.arange(args[f"out_{axis}"], device=device)
    shift = (size - 1 - k) * args[f"dilation_{axis}"] - args[f"padding_{axis}"]
    at = to * args[f"stride_{axis}"] + shift
    inside = (at >= 0) & (at < args[f"size_{axis}"])
    return to[inside], at[inside]
