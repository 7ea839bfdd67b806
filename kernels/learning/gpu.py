"""The Triton bodies of the trace operations.

Who spiked is looked after by as many programs as fill the device, whatever their number is; what
ends an epoch looks at the time itself, as a captured graph starts it in every step.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from lava_torch.kernels.launch import launch, programs
from lava_torch.kernels.learning import ADD_SATURATING
from lava_torch.kernels.random import STREAMS
from lava_torch.kernels.random.gpu import philox

BLOCK = 256
_TRACES = STREAMS["traces"]


@triton.jit
def _step(t, t_epoch):
    """The step of the epoch that step t is, from 1 on."""
    return ((tl.load(t) - 1) % t_epoch + 1).to(tl.int32)


@triton.jit
def _pre(
    spikes, count, x, t, tx, x0, x1, x2, impulses, mode, t_epoch,
    GRADED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    found, now = tl.load(count), _step(t, t_epoch)
    first, second = tl.load(impulses), tl.load(impulses + 1)
    for start in range(tl.program_id(0) * BLOCK, found, tl.num_programs(0) * BLOCK):
        q = start + tl.arange(0, BLOCK)
        inside = q < found
        p = tl.load(spikes + q, mask=inside, other=0)
        again = tl.load(tx + p, mask=inside, other=0) > 0
        trace = tl.load(x1 + p, mask=inside, other=0)
        half = tl.full((BLOCK,), 0.5, trace.dtype)
        if GRADED:
            half = tl.load(x + p, mask=inside, other=0).to(trace.dtype) * half
        regular = tl.where(again, trace + first, trace)
        new = tl.where(mode == 0, regular, tl.where(mode == 1, half, trace + half))
        tl.store(x1 + p, new, mask=inside)
        more = tl.load(x2 + p, mask=inside, other=0) + second
        tl.store(x2 + p, more, mask=inside & again)
        tl.store(tx + p, tl.zeros_like(p) + now, mask=inside)
        tl.store(x0 + p, tl.zeros_like(p) + 1, mask=inside)


def pre(
    spikes: Tensor, count: Tensor, x: Tensor, t: Tensor, tx: Tensor, x0: Tensor, x1: Tensor,
    x2: Tensor, impulses: Tensor, mode: int, t_epoch: int, graded: bool,
) -> None:  # fmt: skip
    grid = (programs(tx.device),)
    launch(
        _pre, grid, spikes, count, x, t, tx, x0, x1, x2, impulses, mode, t_epoch,
        GRADED=graded, BLOCK=BLOCK,
    )  # fmt: skip


@triton.jit
def _impulse(trace, impulses, place, r):
    """A trace with an impulse, whose fraction is rounded up where r is below it."""
    whole, fraction = tl.load(impulses + 2 * place), tl.load(impulses + 2 * place + 1)
    more = trace + whole.to(tl.int32) + (r < fraction).to(tl.int32)
    return tl.minimum(tl.maximum(more, 0), 127)


@triton.jit
def _lowered(total, mode):
    """What is above the largest trace, without what overflows."""
    return tl.where(total > 127, tl.where(mode == 3, total - 127, 127), total)


@triton.jit
def _settle(x1, mode, size, BLOCK: tl.constexpr):
    """After the spikes of a step under the modes that add."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    trace = tl.load(x1 + i, mask=i < size, other=0)
    tl.store(x1 + i, tl.where(trace < 0, ~trace, _lowered(trace, mode)), mask=i < size)


@triton.jit
def _pre_fixed(
    spikes, count, x, t, tx, x0, x1, x2, impulses, mode, t_epoch,
    GRADED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    found, now = tl.load(count), _step(t, t_epoch)
    for start in range(tl.program_id(0) * BLOCK, found, tl.num_programs(0) * BLOCK):
        q = start + tl.arange(0, BLOCK)
        inside = q < found
        p = tl.load(spikes + q, mask=inside, other=0)
        again = tl.load(tx + p, mask=inside, other=0) > 0
        trace = tl.load(x1 + p, mask=inside, other=0)
        size = tl.full((BLOCK,), 1, tl.int32)
        if GRADED:
            size = tl.load(x + p, mask=inside, other=0).to(tl.int32)
        half = size >> 1
        half = (half + (size & 1 & half)) & 255
        total = (trace + half) % 256
        over = total > 127
        # Below 0 until all are settled: it is not lowered again then.
        summed = ~_lowered(total, mode)
        regular = tl.where(again, _impulse(trace, impulses, 0, 0), trace)
        new = tl.where(mode == 0, regular, tl.where(mode == 1, half, summed))
        tl.store(x1 + p, new, mask=inside)
        counts = inside & (over | (mode != 3))
        more = _impulse(tl.load(x2 + p, mask=inside, other=0), impulses, 1, 0)
        tl.store(x2 + p, more, mask=counts & again)
        tl.store(tx + p, tl.zeros_like(p) + now, mask=counts)
        tl.store(x0 + p, tl.zeros_like(p) + 1, mask=counts)


def pre_fixed(
    spikes: Tensor, count: Tensor, x: Tensor, t: Tensor, tx: Tensor, x0: Tensor, x1: Tensor,
    x2: Tensor, impulses: Tensor, mode: int, t_epoch: int, graded: bool,
) -> None:  # fmt: skip
    grid = (programs(tx.device),)
    launch(
        _pre_fixed, grid, spikes, count, x, t, tx, x0, x1, x2, impulses, mode, t_epoch,
        GRADED=graded, BLOCK=BLOCK,
    )  # fmt: skip
    if mode >= ADD_SATURATING:
        size = x1.numel()
        launch(_settle, (triton.cdiv(size, BLOCK),), x1, mode, size, BLOCK=BLOCK)


@triton.jit
def _add(trace, p, impulses, place, again):
    value = tl.load(trace + p, mask=again, other=0) + tl.load(impulses + place)
    tl.store(trace + p, value, mask=again)


@triton.jit
def _post(spikes, count, t, ty, y0, y1, y2, y3, impulses, t_epoch, BLOCK: tl.constexpr):
    found, now = tl.load(count), _step(t, t_epoch)
    for start in range(tl.program_id(0) * BLOCK, found, tl.num_programs(0) * BLOCK):
        q = start + tl.arange(0, BLOCK)
        inside = q < found
        p = tl.load(spikes + q, mask=inside, other=0)
        again = inside & (tl.load(ty + p, mask=inside, other=0) > 0)
        _add(y1, p, impulses, 0, again)
        _add(y2, p, impulses, 1, again)
        _add(y3, p, impulses, 2, again)
        tl.store(ty + p, tl.zeros_like(p) + now, mask=inside)
        tl.store(y0 + p, tl.zeros_like(p) + 1, mask=inside)


def post(
    spikes: Tensor, count: Tensor, t: Tensor, ty: Tensor, y0: Tensor, y1: Tensor, y2: Tensor,
    y3: Tensor, impulses: Tensor, t_epoch: int,
) -> None:  # fmt: skip
    grid = (programs(ty.device),)
    launch(_post, grid, spikes, count, t, ty, y0, y1, y2, y3, impulses, t_epoch, BLOCK=BLOCK)


@triton.jit
def _block(index, t, item, key0, key1, STREAM: tl.constexpr):
    """Four random words of 32 bits for an index and each item at this step. For traces they
    round decays, impulses, and impulses of neurons that spike again."""
    step = tl.load(t)
    index = tl.zeros_like(item).to(tl.int64) + index
    same = tl.zeros_like(index)
    third = same + item + ((step >> 32) << 20)
    return philox(index, same + step, third, same + STREAM, same + key0, same + key1)


@triton.jit
def _add_fixed(trace, p, impulses, place, r, again):
    value = _impulse(tl.load(trace + p, mask=again, other=0), impulses, place, r)
    tl.store(trace + p, value, mask=again)


@triton.jit
def _post_fixed(
    spikes, count, t, ty, y0, y1, y2, y3, impulses, t_epoch, key0, key1, size,
    STREAM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    found, now = tl.load(count), _step(t, t_epoch)
    for start in range(tl.program_id(0) * BLOCK, found, tl.num_programs(0) * BLOCK):
        q = start + tl.arange(0, BLOCK)
        inside = q < found
        p = tl.load(spikes + q, mask=inside, other=0)
        again = inside & (tl.load(ty + p, mask=inside, other=0) > 0)
        a, b, word, d = _block(1, t, p // size, key0, key1, STREAM)
        r = (word >> 25).to(tl.int32)
        _add_fixed(y1, p, impulses, 0, r, again)
        _add_fixed(y2, p, impulses, 1, r, again)
        _add_fixed(y3, p, impulses, 2, r, again)
        tl.store(ty + p, tl.zeros_like(p) + now, mask=inside)
        tl.store(y0 + p, tl.zeros_like(p) + 1, mask=inside)


def post_fixed(
    spikes: Tensor, count: Tensor, t: Tensor, ty: Tensor, y0: Tensor, y1: Tensor, y2: Tensor,
    y3: Tensor, impulses: Tensor, t_epoch: int, key0: int, key1: int,
) -> None:  # fmt: skip
    grid = (programs(ty.device),)
    launch(
        _post_fixed, grid, spikes, count, t, ty, y0, y1, y2, y3, impulses, t_epoch, key0, key1,
        ty.shape[1], STREAM=_TRACES, BLOCK=BLOCK,
    )  # fmt: skip


@triton.jit
def _history(
    trace, times, table, parameters, t, t_epoch, total, size,
    RECEIVED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    if tl.load(t) % t_epoch == 0:
        p = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        inside = p < total
        decay, impulse = tl.load(parameters), tl.load(parameters + 1)
        h = tl.load(trace + p, mask=inside, other=0)
        spiked = tl.load(times + p, mask=inside, other=0)
        row = table + (p // size).to(tl.int64) * (t_epoch + 1) * size + p % size
        tl.store(row, h, mask=inside)
        for k in range(1, t_epoch + 1):
            h = h * decay + tl.where(spiked == k, impulse, 0)
            tl.store(row + k * size, h, mask=inside)
        if not RECEIVED:
            tl.store(trace + p, h, mask=inside)


def history(
    trace: Tensor, times: Tensor, table: Tensor, parameters: Tensor, t: Tensor, t_epoch: int,
    received: bool,
) -> None:  # fmt: skip
    grid = (-(-trace.numel() // BLOCK),)
    launch(
        _history, grid, trace, times, table, parameters, t, t_epoch, trace.numel(),
        trace.shape[1], RECEIVED=received, BLOCK=BLOCK,
    )  # fmt: skip


@triton.jit
def _history_fixed(
    trace, times, table, parameters, t, t_epoch, side, key0, key1, total, size,
    BITS: tl.constexpr, STREAM: tl.constexpr, RECEIVED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    if tl.load(t) % t_epoch == 0:
        p = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        inside = p < total
        decay = tl.load(parameters).to(tl.int32)
        whole, fraction = tl.load(parameters + 1), tl.load(parameters + 2)
        a, b, c, d = _block(side, t, p // size, key0, key1, STREAM)
        q, r = (a >> (32 - BITS)).to(tl.int32), (b >> 25).to(tl.int32)
        added = whole.to(tl.int32) + (r < fraction).to(tl.int32)
        h = tl.load(trace + p, mask=inside, other=0)
        h = tl.minimum(tl.maximum(h, -128), 255)
        spiked = tl.load(times + p, mask=inside, other=0)
        row = table + (p // size).to(tl.int64) * (t_epoch + 1) * size + p % size
        tl.store(row, h, mask=inside)
        for k in range(1, t_epoch + 1):
            product = h * decay
            h = (product >> BITS) + (q < (product & ((1 << BITS) - 1))).to(tl.int32)
            more = tl.minimum(tl.maximum(h + added, 0), 127)
            h = tl.where(spiked == k, more, h)
            tl.store(row + k * size, h, mask=inside)
        if not RECEIVED:
            tl.store(trace + p, h, mask=inside)


def history_fixed(
    trace: Tensor, times: Tensor, table: Tensor, parameters: Tensor, t: Tensor, t_epoch: int,
    side: int, key0: int, key1: int, received: bool,
) -> None:  # fmt: skip
    from lava_torch.kernels.learning import DECAY_BITS

    grid = (-(-trace.numel() // BLOCK),)
    launch(
        _history_fixed, grid, trace, times, table, parameters, t, t_epoch, side, key0, key1,
        trace.numel(), trace.shape[1], BITS=DECAY_BITS, STREAM=_TRACES, RECEIVED=received,
        BLOCK=BLOCK,
    )  # fmt: skip


@triton.jit
def random_word(k, t, item, key0, key1, STREAM: tl.constexpr):
    """Word k % 4 of an item's block k // 4 at this step, uint32."""
    a, b, c, d = _block(k // 4, t, tl.zeros_like(k) + item, key0, key1, STREAM)
    word = k % 4
    return tl.where(word == 0, a, tl.where(word == 1, b, tl.where(word == 2, c, d)))


@triton.jit
def _draw(words, t, t_epoch, key0, key1, total, size, STREAM: tl.constexpr, BLOCK: tl.constexpr):
    if tl.load(t) % t_epoch == 0:
        p = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        word = random_word(p % size, t, p // size, key0, key1, STREAM)
        tl.store(words + p, (word | 1).to(tl.int32, bitcast=True), mask=p < total)


def draw(words: Tensor, t: Tensor, t_epoch: int, stream: int, key0: int, key1: int) -> None:
    grid = (-(-words.numel() // BLOCK),)
    launch(
        _draw, grid, words, t, t_epoch, key0, key1, words.numel(), words.shape[1],
        STREAM=stream, BLOCK=BLOCK,
    )  # fmt: skip


@triton.jit
def _forget(tx, x0, ty, y0, t, t_epoch, pre, post, BLOCK: tl.constexpr):
    if tl.load(t) % t_epoch == 0:
        p = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        zeros = tl.zeros_like(p)
        tl.store(tx + p, zeros, mask=p < pre)
        tl.store(x0 + p, zeros, mask=p < pre)
        tl.store(ty + p, zeros, mask=p < post)
        tl.store(y0 + p, zeros, mask=p < post)


def forget(tx: Tensor, x0: Tensor, ty: Tensor, y0: Tensor, t: Tensor, t_epoch: int) -> None:
    pre, post = tx.numel(), ty.numel()
    grid = (-(-max(pre, post) // BLOCK),)
    launch(_forget, grid, tx, x0, ty, y0, t, t_epoch, pre, post, BLOCK=BLOCK)
