"""The Triton bodies. The time step is read on the device, so that a step can be captured once."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from lava_torch.kernels.launch import launch

#: Elements a program.
BLOCK = 1024


@triton.jit
def _accumulate(x, out, size, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < size
    added = tl.load(x + i, mask=inside).to(out.dtype.element_ty)
    tl.store(out + i, tl.load(out + i, mask=inside) + added, mask=inside)


@triton.jit
def _shift(x, left, right, size, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < size
    tl.store(x + i, (tl.load(x + i, mask=inside) << left) >> right, mask=inside)


@triton.jit
def _gather(x, index, out, k, n, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    source = tl.load(index + i, mask=inside, other=-1)
    value = tl.load(x + row * k + source, mask=source >= 0, other=0)
    tl.store(out + row * n + i, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _source_row(data, t, out, steps, items, k, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = i < k
    source = (tl.load(t) - 1) % steps * items + row % items
    value = tl.load(data + source * k + i, mask=inside)
    tl.store(out + row * k + i, value.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _record(x, record, t, steps, k, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < k
    row = (tl.load(t) - 1) % steps
    value = tl.load(x + i, mask=inside)
    tl.store(record + row * k + i, value.to(record.dtype.element_ty), mask=inside)


@triton.jit
def _probe(x, index, ring, steps, t, slots, every, j, BLOCK: tl.constexpr):
    now = tl.load(t)
    due = now % every == 0
    slot = now // every % slots
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = (i < j) & due
    value = tl.load(x + tl.load(index + i, mask=inside, other=0), mask=inside)
    tl.store(ring + slot * j + i, value.to(ring.dtype.element_ty), mask=inside)
    tl.store(steps + slot, now, mask=due & (tl.program_id(0) == 0))


@triton.jit
def _probe_mean(x, ring, steps, t, slots, every, k, BLOCK: tl.constexpr):
    now = tl.load(t)
    due = now % every == 0
    slot = now // every % slots
    total = tl.zeros([BLOCK], tl.float64)
    for start in range(0, k, BLOCK):
        i = start + tl.arange(0, BLOCK)
        total += tl.load(x + i, mask=(i < k) & due, other=0).to(tl.float64)
    mean = tl.sum(total, 0) / k
    tl.store(ring + slot, mean.to(ring.dtype.element_ty), mask=due)
    tl.store(steps + slot, now, mask=due)


def copy(x: Tensor, out: Tensor) -> None:
    out.copy_(x)


def accumulate(x: Tensor, out: Tensor) -> None:
    size = out.numel()
    launch(_accumulate, (_blocks(size),), x, out, size, BLOCK=BLOCK)


def fill_zero(out: Tensor) -> None:
    out.zero_()


def gather(x: Tensor, index: Tensor, out: Tensor) -> None:
    k, n = x.shape[-1], index.numel()
    launch(_gather, (len(out), _blocks(n)), x, index, out, k, n, BLOCK=BLOCK)


def source_row(data: Tensor, t: Tensor, out: Tensor) -> None:
    steps, items, k = data.shape
    launch(_source_row, (len(out), _blocks(k)), data, t, out, steps, items, k, BLOCK=BLOCK)


def record(x: Tensor, record: Tensor, t: Tensor) -> None:
    steps, k = record.shape
    launch(_record, (_blocks(k),), x, record, t, steps, k, BLOCK=BLOCK)


def probe(x: Tensor, index: Tensor, ring: Tensor, steps: Tensor, t: Tensor, every: int) -> None:
    slots, j = len(ring) - 1, index.numel()
    # One program at least: the step is noted even of a probe of nothing.
    grid = (max(_blocks(j), 1),)
    launch(_probe, grid, x, index, ring, steps, t, slots, every, j, BLOCK=BLOCK)


def probe_mean(x: Tensor, ring: Tensor, steps: Tensor, t: Tensor, every: int) -> None:
    slots = len(ring) - 1
    launch(_probe_mean, (1,), x, ring, steps, t, slots, every, x.numel(), BLOCK=BLOCK)


def shift(x: Tensor, exponent: int) -> None:
    _shifted(x, max(exponent, 0), max(-exponent, 0))


def wrap24(x: Tensor) -> None:
    # An arithmetic shift to the right repeats the sign, which is then bit 23.
    _shifted(x, 8, 8)


def _shifted(x: Tensor, left: int, right: int) -> None:
    launch(_shift, (_blocks(x.numel()),), x, left, right, x.numel(), BLOCK=BLOCK)


def _blocks(size: int) -> int:
    return triton.cdiv(size, BLOCK)
