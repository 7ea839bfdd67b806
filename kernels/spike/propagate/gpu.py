"""The kernels. Each is started with a fixed number of programs, which loop over what there is: the
number of spikes, `count`, is read on the device.

The `ordered` ones take each sum in the order of the spikes, which must ascend; the others add
atomically. A ring and an output are one thing to them: an output is a ring of one slot. Places in
what may hold more than 2**31 elements (weights, rings, outputs) are counted in 64 bits.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _lower_bound(keys, first, last, key):
    """The first place in [first, last) of ascending keys that is not below `key`, else `last`."""
    while first < last:
        middle = (first + last) // 2
        below = tl.load(keys + middle).to(tl.int32) < key
        first = tl.where(below, middle + 1, first)
        last = tl.where(below, last, middle)
    return first


@triton.jit
def _row(position, m, OWN: tl.constexpr):
    """The row of the weights of a spike: all items share them, or each has its OWN."""
    if OWN:
        return position
    else:
        return position % m


@triton.jit
def _next_slot(t, slots, DELAYED: tl.constexpr):
    """The slot of the ring in which a synapse without a delay arrives."""
    if DELAYED:
        return ((tl.load(t) + 1) % slots).to(tl.int32)
    else:
        return 0


@triton.jit
def _slot(delays, at, inside, following, slots, DELAYED: tl.constexpr):
    """The slots of the ring in which the synapses at `at` arrive."""
    if DELAYED:
        slot = following + tl.load(delays + at, mask=inside, other=0).to(tl.int32)
        return tl.where(slot < slots, slot, slot - slots)
    else:
        return 0


@triton.jit
def _weight(weights, at, inside, x, position, spiked, out, GRADED: tl.constexpr):
    """What the synapses at `at` contribute."""
    weight = tl.load(weights + at, mask=inside, other=0).to(out.dtype.element_ty)
    if GRADED:
        weight *= tl.load(x + position, mask=spiked, other=0).to(out.dtype.element_ty)
    return weight


@triton.jit
def dense(
    spikes, count, x, weights, out, m, n, items, blocks, lanes,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, GRADED: tl.constexpr, BATCHED: tl.constexpr,
    OWN: tl.constexpr,
):  # fmt: skip
    """A program sums every `lanes`-th tile of a block of columns before it adds the sum."""
    found = tl.load(count)
    for item in range(tl.program_id(0), items, tl.num_programs(0)):
        column = item % blocks * COLUMNS + tl.arange(0, COLUMNS)
        first = item // blocks * ROWS
        total = tl.zeros([COLUMNS], out.dtype.element_ty)
        for start in range(first, found, lanes * ROWS):
            s = start + tl.arange(0, ROWS)
            spiked = s < found
            position = tl.load(spikes + s, mask=spiked, other=0)
            at = _row(position, m, OWN).to(tl.int64)[:, None] * n + column[None, :]
            inside = spiked[:, None] & (column < n)[None, :]
            weight = _weight(
                weights, at, inside, x, position[:, None], spiked[:, None], out, GRADED
            )
            if BATCHED:
                batch = position // m
                low = tl.min(tl.where(spiked, batch, 2147483647), 0)
                high = tl.max(tl.where(spiked, batch, -1), 0)
                if low == high:
                    row = out + low.to(tl.int64) * n
                    tl.atomic_add(row + column, tl.sum(weight, 0), mask=column < n, sem="relaxed")
                else:
                    rows = out + batch.to(tl.int64)[:, None] * n
                    tl.atomic_add(rows + column[None, :], weight, mask=inside, sem="relaxed")
            else:
                total += tl.sum(weight, 0)
        if not BATCHED:
            some = (column < n) & (first < found)
            tl.atomic_add(out + column, total, mask=some, sem="relaxed")


@triton.jit
def dense_delay(
    spikes, count, x, weights, delays, ring, t, m, n, slots, parts,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, GRADED: tl.constexpr, OWN: tl.constexpr,
):  # fmt: skip
    found = tl.load(count)
    following = _next_slot(t, slots, True)
    for item in range(tl.program_id(0), tl.cdiv(found, ROWS) * parts, tl.num_programs(0)):
        s = item // parts * ROWS + tl.arange(0, ROWS)
        column = item % parts * COLUMNS + tl.arange(0, COLUMNS)
        spiked = s < found
        position = tl.load(spikes + s, mask=spiked, other=0)
        at = _row(position, m, OWN).to(tl.int64)[:, None] * n + column[None, :]
        inside = spiked[:, None] & (column < n)[None, :]
        weight = _weight(weights, at, inside, x, position[:, None], spiked[:, None], ring, GRADED)
        row = (position // m).to(tl.int64)[:, None] * slots
        row += _slot(delays, at, inside, following, slots, True)
        tl.atomic_add(ring + row * n + column[None, :], weight, mask=inside, sem="relaxed")


@triton.jit
def dense_ordered(
    spikes, count, x, weights, delays, ring, t, m, n, slots, items, blocks,
    COLUMNS: tl.constexpr, GRADED: tl.constexpr, DELAYED: tl.constexpr, OWN: tl.constexpr,
):  # fmt: skip
    """A program owns a block of columns of one batch item."""
    found, nothing = tl.load(count), tl.full((), 0, tl.int32)
    following = _next_slot(t, slots, DELAYED)
    for item in range(tl.program_id(0), items, tl.num_programs(0)):
        batch = item // blocks
        column = item % blocks * COLUMNS + tl.arange(0, COLUMNS)
        inside = column < n
        start = _lower_bound(spikes, nothing, found, batch * m)
        stop = _lower_bound(spikes, start, found, batch * m + m)
        rows = batch.to(tl.int64) * slots
        total = tl.zeros([COLUMNS], ring.dtype.element_ty)
        for s in tl.range(start, stop, loop_unroll_factor=1 if DELAYED else 4):
            position = tl.load(spikes + s)
            at = _row(position, m, OWN).to(tl.int64) * n + column
            weight = _weight(weights, at, inside, x, position, True, ring, GRADED)
            if DELAYED:
                slot = _slot(delays, at, inside, following, slots, True)
                sums = ring + (rows + slot) * n + column
                tl.store(sums, tl.load(sums, mask=inside) + weight, mask=inside)
                tl.debug_barrier()
            else:
                total += weight
        if not DELAYED:
            tl.store(ring + rows * n + column, total, mask=inside)


@triton.jit
def sparse(
    spikes, count, x, indptr, indices, values, delays, ring, t, m, n, slots, stored, parts,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, GRADED: tl.constexpr, DELAYED: tl.constexpr,
    OWN: tl.constexpr,
):  # fmt: skip
    """A program takes every `parts`-th piece of `WIDTH` synapses of `ROWS` spikes."""
    found = tl.load(count)
    following = _next_slot(t, slots, DELAYED)
    for item in range(tl.program_id(0), tl.cdiv(found, ROWS) * parts, tl.num_programs(0)):
        s = item // parts * ROWS + tl.arange(0, ROWS)
        spiked = s < found
        position = tl.load(spikes + s, mask=spiked, other=0)
        first = tl.load(indptr + position % m, mask=spiked, other=0)[:, None]
        last = tl.load(indptr + position % m + 1, mask=spiked, other=0)[:, None]
        rows = (position // m).to(tl.int64)[:, None] * slots
        longest = tl.max(tl.max(last - first, 0), 0).to(tl.int32)
        for start in range(item % parts * WIDTH, longest, parts * WIDTH):
            at = first + start + tl.arange(0, WIDTH)[None, :]
            inside = at < last
            post = tl.load(indices + at, mask=inside, other=0).to(tl.int32)
            if OWN:
                at += (position // m).to(tl.int64)[:, None] * stored
            slot = _slot(delays, at, inside, following, slots, DELAYED)
            weight = _weight(
                values, at, inside, x, position[:, None], spiked[:, None], ring, GRADED
            )
            tl.atomic_add(ring + (rows + slot) * n + post, weight, mask=inside, sem="relaxed")


@triton.jit
def sparse_ordered(
    spikes, count, x, indptr, indices, values, delays, ring, t, m, n, slots, stored, items, parts,
    span, WIDTH: tl.constexpr, GRADED: tl.constexpr, DELAYED: tl.constexpr, OWN: tl.constexpr,
):  # fmt: skip
    """A program owns `span` postsynaptic neurons of one batch item: a part of each row."""
    found, nothing = tl.load(count), tl.full((), 0, tl.int32)
    following = _next_slot(t, slots, DELAYED)
    for item in range(tl.program_id(0), items, tl.num_programs(0)):
        batch = item // parts
        low = item % parts * span
        start = _lower_bound(spikes, nothing, found, batch * m)
        stop = _lower_bound(spikes, start, found, batch * m + m)
        rows = batch.to(tl.int64) * slots
        for s in range(start, stop):
            position = tl.load(spikes + s)
            row = indptr + (position - batch * m)
            first = _lower_bound(indices, tl.load(row), tl.load(row + 1), low)
            last = _lower_bound(indices, first, tl.load(row + 1), low + span)
            for piece in range(first, last, WIDTH):
                at = piece + tl.arange(0, WIDTH)
                inside = at < last
                post = tl.load(indices + at, mask=inside, other=0).to(tl.int32)
                if OWN:
                    at = batch.to(tl.int64) * stored + at
                slot = _slot(delays, at, inside, following, slots, DELAYED)
                weight = _weight(values, at, inside, x, position, True, ring, GRADED)
                sums = ring + (rows + slot) * n + post
                tl.store(sums, tl.load(sums, mask=inside) + weight, mask=inside)
            tl.debug_barrier()  # the next spike may reach the same sums, by other threads


@triton.jit
def conv(
    spikes, count, x, weights, out, size_x, size_y, channels, out_x, out_y, outputs,
    kernel_x, kernel_y, inputs, per_group, padding_x, padding_y, stride_x, stride_y,
    dilation_x, dilation_y, patch, parts,
    ROWS: tl.constexpr, WIDTH: tl.constexpr, GRADED: tl.constexpr,
):  # fmt: skip
    """A program scatters pieces of `WIDTH` of the patches that `ROWS` spikes reach."""
    found = tl.load(count)
    for item in range(tl.program_id(0), tl.cdiv(found, ROWS) * parts, tl.num_programs(0)):
        s = item // parts * ROWS + tl.arange(0, ROWS)
        spiked = (s < found)[:, None]
        position = tl.load(spikes + s, mask=s < found, other=0)[:, None]
        pixel, channel = position // channels, position % channels
        at_x, at_y = pixel // size_y % size_x, pixel % size_y
        batch = (pixel // (size_x * size_y)).to(tl.int64)
        # A patch lies by kernel column, kernel row and output channel of the group.
        e = (item % parts * WIDTH + tl.arange(0, WIDTH))[None, :]
        tap, within = e // per_group, e % per_group
        kx, ky = tap // kernel_y, tap % kernel_y
        shifted_x = at_x + padding_x - (kernel_x - 1 - kx) * dilation_x
        shifted_y = at_y + padding_y - (kernel_y - 1 - ky) * dilation_y
        to_x, to_y = shifted_x // stride_x, shifted_y // stride_y
        inside = spiked & (e < patch) & (shifted_x >= 0) & (shifted_y >= 0)
        inside &= (shifted_x % stride_x == 0) & (shifted_y % stride_y == 0)
        inside &= (to_x < out_x) & (to_y < out_y)
        post = channel // inputs * per_group + within
        at = (tap * inputs + channel % inputs) * outputs + post
        weight = _weight(weights, at, inside, x, position, spiked, out, GRADED)
        target = ((batch * out_x + to_x) * out_y + to_y) * outputs + post
        tl.atomic_add(out + target, weight, mask=inside, sem="relaxed")


@triton.jit
def conv_ordered(
    spikes, count, x, weights, out, size_x, size_y, channels, out_x, out_y, outputs,
    kernel_x, kernel_y, inputs, per_group, padding_x, padding_y, stride_x, stride_y,
    dilation_x, dilation_y, items, blocks,
    WIDTH: tl.constexpr, GRADED: tl.constexpr,
):  # fmt: skip
    """A program owns a block of the channels of an output pixel, and looks for what it sees."""
    found, nothing = tl.load(count), tl.full((), 0, tl.int32)
    for item in range(tl.program_id(0), items, tl.num_programs(0)):
        post = item % blocks * WIDTH + tl.arange(0, WIDTH)
        pixel = item // blocks
        first_x = pixel // out_y % out_x * stride_x - padding_x
        first_y = pixel % out_y * stride_y - padding_y
        low = max(first_y, 0)
        high = min(first_y + (kernel_y - 1) * dilation_y + 1, size_y)
        total = tl.zeros([WIDTH], out.dtype.element_ty)
        for i in range(kernel_x):  # ascending input columns, so that spikes come in their order
            at_x = first_x + i * dilation_x
            column = (pixel // (out_x * out_y) * size_x + at_x) * size_y
            start = _lower_bound(spikes, nothing, found, (column + low) * channels)
            stop = _lower_bound(spikes, start, found, (column + high) * channels)
            stop = tl.where((at_x >= 0) & (at_x < size_x), stop, start)
            for s in range(start, stop):
                position = tl.load(spikes + s)
                channel = position % channels
                back = position // channels - column - first_y
                tap = (kernel_x - 1 - i) * kernel_y + kernel_y - 1 - back // dilation_y
                inside = (post < outputs) & (post // per_group == channel // inputs)
                inside &= back % dilation_y == 0
                at = (tap * inputs + channel % inputs) * outputs + post
                total += _weight(weights, at, inside, x, position, True, out, GRADED)
        tl.store(out + pixel.to(tl.int64) * outputs + post, total, mask=post < outputs)
