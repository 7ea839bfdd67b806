"""The trace operations in plain torch: the specification."""

from __future__ import annotations

import torch
from torch import Tensor

from lava_torch.kernels.learning import (
    ADD,
    ADD_SATURATING,
    DECAY_BITS,
    IMPULSE_BITS,
    OVERWRITE,
    REGULAR,
    ROUND_BITS,
    TRACE_MAX,
)
from lava_torch.kernels.random import STREAMS
from lava_torch.kernels.random.reference import philox

_MASK32 = 0xFFFFFFFF


def pre(
    spikes: Tensor, count: Tensor, x: Tensor, t: Tensor, tx: Tensor, x0: Tensor, x1: Tensor,
    x2: Tensor, impulses: Tensor, mode: int, t_epoch: int, graded: bool,
) -> None:  # fmt: skip
    at = spikes[: int(count)].long()
    times, trace = tx.view(-1), x1.view(-1)
    again = times[at] > 0
    half = 0.5 * (x.view(-1)[at].to(x1.dtype) if graded else torch.ones_like(trace[at]))
    if mode == REGULAR:
        trace[at[again]] += impulses[0]
    elif mode == OVERWRITE:
        trace[at] = half
    else:
        trace[at] += half
    x2.view(-1)[at[again]] += impulses[1]
    _mark(times, x0, at, t, t_epoch)


def pre_fixed(
    spikes: Tensor, count: Tensor, x: Tensor, t: Tensor, tx: Tensor, x0: Tensor, x1: Tensor,
    x2: Tensor, impulses: Tensor, mode: int, t_epoch: int, graded: bool,
) -> None:  # fmt: skip
    at = spikes[: int(count)].long()
    times, trace = tx.view(-1), x1.view(-1)
    half = _half(x.view(-1)[at].long() if graded else torch.ones_like(at))
    if mode == REGULAR:
        again = at[times[at] > 0]
        trace[again] = _impulse(trace[again], impulses[0], 0)
    elif mode == OVERWRITE:
        trace[at] = half.to(trace.dtype)
    else:
        total = trace.long()
        total[at] = (total[at] + half) % 256
        over = total > TRACE_MAX
        lowered = total - TRACE_MAX if mode == ADD else torch.full_like(total, TRACE_MAX)
        trace.copy_(torch.where(over, lowered, total))
        at = at[over[at]] if mode == ADD else at
    again = at[times[at] > 0]
    x2.view(-1)[again] = _impulse(x2.view(-1)[again], impulses[1], 0)
    _mark(times, x0, at, t, t_epoch)


def _half(p: Tensor) -> Tensor:
    """p / 2, half to even, in 8 bits."""
    half = p >> 1
    return (half + (p & 1 & half)) & 0xFF


def _impulse(trace: Tensor, impulse: Tensor, r: int | Tensor) -> Tensor:
    """A trace with an impulse, whose fraction is rounded up where r is below it."""
    return (trace + impulse[0] + (r < impulse[1])).clamp(0, TRACE_MAX).to(trace.dtype)


def _mark(times: Tensor, flags: Tensor, at: Tensor, t: Tensor, t_epoch: int) -> None:
    times[at] = (int(t) - 1) % t_epoch + 1
    flags.view(-1)[at] = 1


def post(
    spikes: Tensor, count: Tensor, t: Tensor, ty: Tensor, y0: Tensor, y1: Tensor, y2: Tensor,
    y3: Tensor, impulses: Tensor, t_epoch: int,
) -> None:  # fmt: skip
    at = spikes[: int(count)].long()
    again = at[ty.view(-1)[at] > 0]
    for trace, impulse in zip((y1, y2, y3), impulses, strict=True):
        trace.view(-1)[again] += impulse
    _mark(ty.view(-1), y0, at, t, t_epoch)


def post_fixed(
    spikes: Tensor, count: Tensor, t: Tensor, ty: Tensor, y0: Tensor, y1: Tensor, y2: Tensor,
    y3: Tensor, impulses: Tensor, t_epoch: int, key0: int, key1: int,
) -> None:  # fmt: skip
    at = spikes[: int(count)].long()
    again = at[ty.view(-1)[at] > 0]
    *_, words = _words(t, 1, len(ty), key0, key1)
    r = (words >> 32 - ROUND_BITS)[again // ty.shape[1]]
    for trace, impulse in zip((y1, y2, y3), impulses, strict=True):
        trace.view(-1)[again] = _impulse(trace.view(-1)[again], impulse, r)
    _mark(ty.view(-1), y0, at, t, t_epoch)


def _words(t: Tensor, side: int, batch: int, key0: int, key1: int) -> tuple[Tensor, ...]:
    """Words of 32 bits for the traces of each item: for decays, impulses, and impulses of neurons
    that spike again."""
    items = torch.arange(batch, device=t.device)
    return philox(*counter(items.new_tensor(side), t, items, STREAMS["traces"]), key0, key1)[:3]


def counter(index: Tensor, t: Tensor, item: Tensor, stream: int) -> tuple[Tensor, ...]:
    """The counter of a block of random numbers at step t; above 2^32 steps count on beside the
    item."""
    step = t.reshape(())
    high = item + ((step >> 32) << 20)
    return torch.broadcast_tensors(
        index & _MASK32, step & _MASK32, high & _MASK32, index.new_tensor(stream)
    )


def history(
    trace: Tensor, times: Tensor, table: Tensor, parameters: Tensor, t: Tensor, t_epoch: int,
    received: bool,
) -> None:  # fmt: skip
    h = trace.clone()
    table[:, 0] = h
    for k in range(1, table.shape[1]):
        h = h * parameters[0] + torch.where(times == k, parameters[1], 0)
        table[:, k] = h
    if not received:
        trace.copy_(h)


def history_fixed(
    trace: Tensor, times: Tensor, table: Tensor, parameters: Tensor, t: Tensor, t_epoch: int,
    side: int, key0: int, key1: int, received: bool,
) -> None:  # fmt: skip
    words = [w.view(-1, 1) for w in _words(t, side, len(trace), key0, key1)]
    q, r = words[0] >> 32 - DECAY_BITS, words[1] >> 32 - ROUND_BITS
    # Of what neurons send, 8 bits count.
    h = trace.long().clamp(-128, 255)
    table[:, 0] = h
    for k in range(1, table.shape[1]):
        h = h * parameters[0]
        h = (h >> DECAY_BITS) + (q < (h & (1 << DECAY_BITS) - 1))
        h = torch.where(times == k, _impulse(h, parameters[1:], r), h)
        table[:, k] = h
    if not received:
        trace.copy_(h)


def draw(words: Tensor, t: Tensor, t_epoch: int, stream: int, key0: int, key1: int) -> None:
    odd = random_words(words.shape, t, stream, key0, key1) | 1
    words.copy_(odd.to(torch.uint32).view(torch.int32))


def random_words(shape: tuple[int, int], t: Tensor, stream: int, key0: int, key1: int) -> Tensor:
    """Words of 32 bits, int64 (items, size): word k of an item is word k % 4 of block k // 4."""
    items, size = shape
    blocks = torch.arange(-(-size // 4), device=t.device)
    item = torch.arange(items, device=t.device).view(-1, 1)
    words = torch.stack(philox(*counter(blocks, t, item, stream), key0, key1), -1)
    return words.view(items, -1)[:, :size]


def forget(tx: Tensor, x0: Tensor, ty: Tensor, y0: Tensor, t: Tensor, t_epoch: int) -> None:
    for spiked in (tx, x0, ty, y0):
        spiked.zero_()


__all__ = [
    "ADD_SATURATING",
    "IMPULSE_BITS",
    "counter",
    "draw",
    "forget",
    "history",
    "history_fixed",
    "post",
    "post_fixed",
    "pre",
    "pre_fixed",
    "random_words",
]
