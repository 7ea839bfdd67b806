"""The Triton bodies. How many spikes there are is read on the device, so that a step can be
captured once: a fixed number of programs share what there is.

Contributions are added atomically, in any order. Where torch asks for deterministic algorithms and
floats are summed, each sum is taken by one program instead, in the order of the spikes, for which
`compact` then sees to it that they ascend. (Sums of whole numbers have no order.)
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from lava_torch.kernels.launch import launch, programs
from lava_torch.kernels.spike.propagate import gpu as propagate

#: Elements a program, or the elements of the tile that it works on at a time.
BLOCK = 1024
TILE = 512
#: Where spikes are few, listing them in order costs no more than listing them anyhow.
FEW = 1 << 14


@triton.jit
def _compact(x, spikes, count, size, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    spiked = tl.load(x + i, mask=i < size, other=0) != 0
    found = tl.sum(spiked.to(tl.int32), 0)
    if found > 0:
        place = tl.atomic_add(count, found, sem="relaxed") - 1 + tl.cumsum(spiked.to(tl.int32), 0)
        tl.store(spikes + place, i, mask=spiked)


@triton.jit
def _compact_ordered(x, spikes, count, size, span, BLOCK: tl.constexpr):
    """Each program counts what comes before its own `span` elements: nothing is communicated."""
    lane = tl.arange(0, BLOCK)
    first = tl.program_id(0) * span
    before = tl.zeros([BLOCK], tl.int32)
    for start in range(0, first, BLOCK):
        before += (tl.load(x + start + lane) != 0).to(tl.int32)
    found = tl.sum(before, 0)
    for start in range(first, min(first + span, size), BLOCK):
        i = start + lane
        spiked = (tl.load(x + i, mask=i < size, other=0) != 0).to(tl.int32)
        tl.store(spikes + found - 1 + tl.cumsum(spiked, 0), i, mask=spiked != 0)
        found += tl.sum(spiked, 0)
    tl.store(count, found, mask=tl.program_id(0) == tl.num_programs(0) - 1)


@triton.jit
def _ring_clear(ring, t, slots, n, BLOCK: tl.constexpr):
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    row = tl.program_id(0).to(tl.int64) * slots + tl.load(t) % slots
    tl.store(ring + row * n + i, tl.zeros([BLOCK], ring.dtype.element_ty), mask=i < n)


@triton.jit
def _ring_send(ring, t, out, slots, n, BLOCK: tl.constexpr):
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    batch = tl.program_id(0).to(tl.int64)
    value = tl.load(ring + (batch * slots + tl.load(t) % slots) * n + i, mask=i < n)
    tl.store(out + batch * n + i, value.to(out.dtype.element_ty), mask=i < n)


@triton.jit
def _ring_columns(columns, ring, t, slots, n, BLOCK: tl.constexpr, LOAD: tl.constexpr):
    """LOAD: what is in the columns goes to the ring; else the other way."""
    batch = (tl.program_id(0) // slots).to(tl.int64)
    k = tl.program_id(0) % slots
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    column = columns + (batch * n + i) * slots + k
    place = ring + (batch * slots + (tl.load(t) + 1 + k) % slots) * n + i
    if LOAD:
        tl.store(place, tl.load(column, mask=i < n).to(ring.dtype.element_ty), mask=i < n)
    else:
        tl.store(column, tl.load(place, mask=i < n).to(columns.dtype.element_ty), mask=i < n)


@triton.jit
def _ring_flush(scratch, ring, t, left, right, slots, n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    kept = inside & (row % slots != tl.load(t) % slots)
    value = tl.load(ring + row * n + i, mask=kept, other=0)
    value += (tl.load(scratch + row * n + i, mask=inside, other=0) << left) >> right
    tl.store(ring + row * n + i, value, mask=inside)
    tl.store(scratch + row * n + i, tl.zeros([BLOCK], tl.int32), mask=inside)


def compact(x: Tensor, spikes: Tensor, count: Tensor) -> None:
    if x.numel() <= FEW or torch.are_deterministic_algorithms_enabled():
        compact_ordered(x, spikes, count)
    else:
        compact_unordered(x, spikes, count)


def compact_ordered(x: Tensor, spikes: Tensor, count: Tensor) -> None:
    size, block = x.numel(), 4 * BLOCK
    span = block * max(triton.cdiv(size, block * programs(x.device)), 1)
    # One program at least: it writes that there are none.
    grid = (max(triton.cdiv(size, span), 1),)
    launch(_compact_ordered, grid, x, spikes, count, size, span, BLOCK=block, num_warps=8)


def compact_unordered(x: Tensor, spikes: Tensor, count: Tensor) -> None:
    count.zero_()
    grid = (triton.cdiv(x.numel(), BLOCK),)
    launch(_compact, grid, x, spikes, count, x.numel(), BLOCK=BLOCK)


def dense(
    spikes: Tensor, count: Tensor, x: Tensor, weights: Tensor, out: Tensor, graded: bool
) -> None:
    m, n = x.numel() // max(len(out), 1), weights.shape[1]
    if _in_order(out):
        _owned_columns(spikes, count, x, weights, None, out, None, 1, graded)
        return
    out.zero_()
    blocks, columns = _columns(n)
    lanes = max(programs(out.device) // max(blocks, 1), 1)
    launch(
        propagate.dense, (_at_most(blocks * lanes, out),),
        spikes, count, x, weights, out, m, n, blocks * lanes, blocks, lanes,
        ROWS=8, COLUMNS=columns, GRADED=graded, BATCHED=len(out) > 1, OWN=len(weights) != m,
    )  # fmt: skip


def dense_delay(
    spikes: Tensor,
    count: Tensor,
    x: Tensor,
    weights: Tensor,
    delays: Tensor,
    ring: Tensor,
    t: Tensor,
    graded: bool,
) -> None:
    m, n, slots = x.numel() // max(len(ring), 1), weights.shape[1], ring.shape[1]
    _clear(ring, t)
    if _in_order(ring):
        _owned_columns(spikes, count, x, weights, delays, ring, t, slots, graded)
        return
    parts, columns = _columns(n)
    launch(
        propagate.dense_delay, (_at_most(spikes.numel() * parts, ring),),
        spikes, count, x, weights, delays, ring, t, m, n, slots, parts,
        ROWS=TILE // columns, COLUMNS=columns, GRADED=graded, OWN=len(weights) != m,
    )  # fmt: skip


def _owned_columns(
    spikes: Tensor,
    count: Tensor,
    x: Tensor,
    weights: Tensor,
    delays: Tensor | None,
    ring: Tensor,
    t: Tensor | None,
    slots: int,
    graded: bool,
) -> None:
    m, n = x.numel() // max(len(ring), 1), weights.shape[1]
    columns = 64  # few, for what one program sums it sums alone
    blocks = triton.cdiv(n, columns)
    items = len(ring) * blocks
    launch(
        propagate.dense_ordered, (_at_most(items, ring),),
        spikes, count, x, weights, delays, ring, t, m, n, slots, items, blocks,
        COLUMNS=columns, GRADED=graded, DELAYED=delays is not None, OWN=len(weights) != m,
        num_warps=2,
    )  # fmt: skip


def sparse(
    spikes: Tensor,
    count: Tensor,
    x: Tensor,
    indptr: Tensor,
    indices: Tensor,
    values: Tensor,
    out: Tensor,
    graded: bool,
) -> None:
    out.zero_()
    _rows(spikes, count, x, indptr, indices, values, None, out, None, 1, graded)


def sparse_delay(
    spikes: Tensor,
    count: Tensor,
    x: Tensor,
    indptr: Tensor,
    indices: Tensor,
    values: Tensor,
    delays: Tensor,
    ring: Tensor,
    t: Tensor,
    graded: bool,
) -> None:
    _clear(ring, t)
    slots = ring.shape[1]
    _rows(spikes, count, x, indptr, indices, values, delays, ring, t, slots, graded)


def _rows(
    spikes: Tensor,
    count: Tensor,
    x: Tensor,
    indptr: Tensor,
    indices: Tensor,
    values: Tensor,
    delays: Tensor | None,
    ring: Tensor,
    t: Tensor | None,
    slots: int,
    graded: bool,
) -> None:
    if indices.numel() == 0:
        return
    m, n = len(indptr) - 1, ring.shape[-1]
    tensors = spikes, count, x, indptr, indices, values, delays, ring, t
    stored = len(indices)
    constants = {"GRADED": graded, "DELAYED": delays is not None, "OWN": len(values) != stored}
    if _in_order(ring):
        # At least 32 neurons a program: below, the search for its part costs more than the part.
        span = max(triton.cdiv(n * len(ring), programs(ring.device)), 32)
        parts = triton.cdiv(n, span)
        items = len(ring) * parts
        grid = (_at_most(items, ring),)
        launch(
            propagate.sparse_ordered, grid, *tensors, m, n, slots, stored, items, parts, span,
            WIDTH=32, num_warps=1, **constants,
        )  # fmt: skip
        return
    width, parts = _tier(indices.numel() / m)
    grid = (_at_most(spikes.numel() * parts, ring),)
    launch(
        propagate.sparse, grid, *tensors, m, n, slots, stored, parts,
        ROWS=TILE // width, WIDTH=width, **constants,
    )  # fmt: skip


def conv(
    spikes: Tensor,
    count: Tensor,
    x: Tensor,
    weights: Tensor,
    out: Tensor,
    size_x: int,
    size_y: int,
    channels: int,
    padding_x: int,
    padding_y: int,
    stride_x: int,
    stride_y: int,
    dilation_x: int,
    dilation_y: int,
    groups: int,
    graded: bool,
) -> None:
    kernel_x, kernel_y, inputs, outputs = weights.shape
    batch, out_x, out_y, _ = out.shape
    per_group = outputs // groups
    args = (
        spikes, count, x, weights, out, size_x, size_y, channels, out_x, out_y, outputs,
        kernel_x, kernel_y, inputs, per_group, padding_x, padding_y, stride_x, stride_y,
        dilation_x, dilation_y,
    )  # fmt: skip
    if _in_order(out):
        width = _between(outputs, 32, 128)
        blocks = triton.cdiv(outputs, width)
        items = batch * out_x * out_y * blocks
        grid = (_at_most(items, out),)
        launch(
            propagate.conv_ordered,
            grid,
            *args,
            items,
            blocks,
            WIDTH=width,
            GRADED=graded,
            num_warps=1,
        )
        return
    out.zero_()
    patch = kernel_x * kernel_y * per_group
    width = _between(patch, 16, TILE)
    parts = triton.cdiv(patch, width)
    grid = (_at_most(spikes.numel() * parts, out),)
    launch(
        propagate.conv, grid, *args, patch, parts, ROWS=TILE // width, WIDTH=width, GRADED=graded
    )


def ring_send(ring: Tensor, t: Tensor, out: Tensor) -> None:
    batch, slots, n = ring.shape
    launch(_ring_send, (batch, triton.cdiv(n, BLOCK)), ring, t, out, slots, n, BLOCK=BLOCK)


def ring_load(columns: Tensor, ring: Tensor, t: Tensor) -> None:
    _move_columns(columns, ring, t, True)


def ring_store(ring: Tensor, columns: Tensor, t: Tensor) -> None:
    _move_columns(columns, ring, t, False)


def ring_flush(scratch: Tensor, ring: Tensor, t: Tensor, exponent: int) -> None:
    batch, slots, n = ring.shape
    grid = (batch * slots, triton.cdiv(n, BLOCK))
    left, right = max(exponent, 0), max(-exponent, 0)
    launch(_ring_flush, grid, scratch, ring, t, left, right, slots, n, BLOCK=BLOCK)


def _move_columns(columns: Tensor, ring: Tensor, t: Tensor, load: bool) -> None:
    batch, slots, n = ring.shape
    grid = (batch * slots, triton.cdiv(n, BLOCK))
    launch(_ring_columns, grid, columns, ring, t, slots, n, BLOCK=BLOCK, LOAD=load)


def _clear(ring: Tensor, t: Tensor) -> None:
    batch, slots, n = ring.shape
    launch(_ring_clear, (batch, triton.cdiv(n, BLOCK)), ring, t, slots, n, BLOCK=BLOCK)


def _in_order(out: Tensor) -> bool:
    """Whether `out` is to be summed in the order of the spikes."""
    return out.is_floating_point() and torch.are_deterministic_algorithms_enabled()


def _tier(length: float) -> tuple[int, int]:
    """For rows of this mean length: synapses a piece, and over how many programs a row is split."""
    return _between(length, 16, TILE), max(triton.cdiv(int(length), 2 * TILE), 1)


def _columns(n: int) -> tuple[int, int]:
    """Over how many blocks, of how many columns, `n` are split."""
    columns = _between(n, 64, TILE)
    return triton.cdiv(n, columns), columns


def _between(size: float, low: int, high: int) -> int:
    """The power of two from `size` on, between two powers of two."""
    return min(max(triton.next_power_of_2(int(size)), low), high)


def _at_most(items: int, tensor: Tensor) -> int:
    """Programs for `items`: no more than fill the device."""
    return min(items, programs(tensor.device))
