"""The Triton bodies: a lane a row, all rows of a block of them at once."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from lava_torch.kernels.connect import BERNOULLI, GAPS, GUIDE_BITS
from lava_torch.kernels.launch import launch
from lava_torch.kernels.random import STREAMS
from lava_torch.kernels.random.gpu import philox

#: Rows a program: a warp.
BLOCK = 32


@triton.jit
def _bernoulli(
    limits, guide, starts, counts, indices, pre, post, loops, rule, stream, k0, k1,
    GAPS: tl.constexpr, SHIFT: tl.constexpr, FILL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    zero = tl.zeros((BLOCK,), tl.int64)
    inside = row < pre
    active = inside
    place, found, start = zero, zero, zero
    if FILL:
        start = tl.load(starts + row, mask=inside, other=0)
    block = 0
    running = 1
    while running > 0:
        a, b, c, d = philox(zero + block, row, zero + rule, zero + stream, zero + k0, zero + k1)
        for word in tl.static_range(4):
            if word == 0:
                u = a.to(tl.int64)
            elif word == 1:
                u = b.to(tl.int64)
            elif word == 2:
                u = c.to(tl.int64)
            else:
                u = d.to(tl.int64)
            gap = tl.load(guide + (u >> SHIFT)).to(tl.int64)
            above = active & (u >= tl.load(limits + gap))
            while tl.max(above.to(tl.int32), 0) > 0:
                gap += above.to(tl.int64)
                known = gap < GAPS
                above = above & known & (u >= tl.load(limits + gap, mask=known, other=0))
            place += tl.where(active, gap, 0)
            active = active & (place < post)
            stands = active & (gap < GAPS)
            hit = stands & ((loops != 0) | (place != row))
            if FILL:
                kept = place.to(indices.dtype.element_ty)
                tl.store(indices + start + found, kept, mask=hit)
            found += hit.to(tl.int64)
            place += stands.to(tl.int64)
        block += 1
        running = tl.max(active.to(tl.int32), 0)
    if not FILL:
        tl.store(counts + row, found, mask=inside)


def count(
    limits: Tensor, guide: Tensor, post: int, loops: bool, k0: int, k1: int, counts: Tensor
) -> None:
    """How many targets each row has: counts int64 (pre,). `limits` is int64 here."""
    _launch(limits, guide, counts, counts, counts, len(counts), post, loops, k0, k1, False)


def fill(
    limits: Tensor, guide: Tensor, post: int, loops: bool, k0: int, k1: int, indptr: Tensor,
    indices: Tensor,
) -> None:  # fmt: skip
    """The targets of each row, from where `indptr` says."""
    pre = len(indptr) - 1
    _launch(limits, guide, indptr, indptr, indices, pre, post, loops, k0, k1, True)


def _launch(limits, guide, starts, counts, indices, pre, post, loops, k0, k1, fills) -> None:
    launch(
        _bernoulli, (-(-pre // BLOCK),), limits, guide, starts, counts, indices, pre, post,
        int(loops), BERNOULLI, STREAMS["connectivity"], k0, k1,
        num_warps=1, GAPS=GAPS, SHIFT=32 - GUIDE_BITS, FILL=fills, BLOCK=BLOCK,
    )  # fmt: skip


@triton.jit
def _draw(
    drawn, first, rows, population, loops, k, rule, stream, k0, k1, BLOCK: tl.constexpr
):  # fmt: skip
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    zero = tl.zeros((BLOCK,), tl.int64)
    inside = lane < rows
    row = lane + first
    excludes = (loops == 0) & (row < population)
    available = population - excludes.to(tl.int64)
    rare = tl.minimum(k, available - k)
    found = zero
    block = 0
    running = tl.max((inside & (found < rare)).to(tl.int32), 0)
    while running > 0:
        a, b, c, d = philox(zero + block, row, zero + rule, zero + stream, zero + k0, zero + k1)
        for word in tl.static_range(4):
            if word == 0:
                u = a.to(tl.int64)
            elif word == 1:
                u = b.to(tl.int64)
            elif word == 2:
                u = c.to(tl.int64)
            else:
                u = d.to(tl.int64)
            active = inside & (found < rare)
            cell = drawn + lane * population + ((u * available) >> 32)
            new = active & (tl.load(cell, mask=active, other=1) == 0)
            tl.store(cell, tl.full((BLOCK,), 1, tl.uint8), mask=new)
            found += new.to(tl.int64)
        block += 1
        running = tl.max((inside & (found < rare)).to(tl.int32), 0)


def draw(drawn: Tensor, first: int, k: int, loops: bool, rule: int, k0: int, k1: int) -> None:
    """Mark in each row of `drawn`, uint8 zeros (rows, population), the rarer of what is chosen and
    what is not, for rows first.. ; population is below 2^31."""
    rows, population = drawn.shape
    launch(
        _draw, (-(-rows // BLOCK),), drawn, first, rows, population, int(loops), k,
        rule, STREAMS["connectivity"], k0, k1, num_warps=1, BLOCK=BLOCK,
    )  # fmt: skip
