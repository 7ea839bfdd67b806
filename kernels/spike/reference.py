"""The specification, in plain torch: every contribution is made, then added where it belongs."""

from __future__ import annotations

import torch
from torch import Tensor


def compact(x: Tensor, spikes: Tensor, count: Tensor) -> None:
    positions = x.flatten().nonzero().flatten()
    count.fill_(len(positions))
    spikes[: len(positions)] = positions.to(torch.int32)


def dense(
    spikes: Tensor, count: Tensor, x: Tensor, weights: Tensor, out: Tensor, graded: bool
) -> None:
    out.zero_()
    m = x.numel() // max(len(out), 1)
    batch, pre, size = _events(spikes, count, x, m, graded, out.dtype)
    row = _own(batch, pre, m, len(weights))
    out.index_add_(0, batch, weights[row].to(out.dtype) * size[:, None])


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
    batch, pre, size = _events(spikes, count, x, len(indptr) - 1, graded, out.dtype)
    event, synapse = _synapses(indptr, pre)
    post = indices.to(torch.int64)[synapse]
    place = _own(batch[event], synapse, len(indices), len(values))
    _add(out, (batch[event], post), values[place].to(out.dtype) * size[event])


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
    slots, n = ring.shape[1:]
    ring[:, int(t) % slots] = 0
    m = x.numel() // max(len(ring), 1)
    batch, pre, size = _events(spikes, count, x, m, graded, ring.dtype)
    row = _own(batch, pre, m, len(weights))
    slot = (int(t) + 1 + delays.to(torch.int64)[row]) % slots
    post = torch.arange(n, device=ring.device)
    _add(ring, (batch[:, None], slot, post), weights[row].to(ring.dtype) * size[:, None])


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
    slots = ring.shape[1]
    ring[:, int(t) % slots] = 0
    batch, pre, size = _events(spikes, count, x, len(indptr) - 1, graded, ring.dtype)
    event, synapse = _synapses(indptr, pre)
    place = _own(batch[event], synapse, len(indices), len(values))
    slot = (int(t) + 1 + delays.to(torch.int64)[place]) % slots
    post = indices.to(torch.int64)[synapse]
    _add(ring, (batch[event], slot, post), values[place].to(ring.dtype) * size[event])


def ring_send(ring: Tensor, t: Tensor, out: Tensor) -> None:
    out.copy_(ring[:, int(t) % ring.shape[1]])


def ring_load(columns: Tensor, ring: Tensor, t: Tensor) -> None:
    ring[:, _slots(ring, t)] = columns.transpose(1, 2).to(ring.dtype)


def ring_store(ring: Tensor, columns: Tensor, t: Tensor) -> None:
    columns.copy_(ring[:, _slots(ring, t)].transpose(1, 2))


def ring_flush(scratch: Tensor, ring: Tensor, t: Tensor, exponent: int) -> None:
    ring[:, int(t) % ring.shape[1]] = 0
    ring += scratch << exponent if exponent >= 0 else scratch >> -exponent
    scratch.zero_()


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
    out.zero_()
    inputs, outputs = weights.shape[2], weights.shape[3] // groups
    batch, place, size = _events(spikes, count, x, size_x * size_y * channels, graded, out.dtype)
    at_x, at_y, channel = place // channels // size_y, place // channels % size_y, place % channels
    first = channel // inputs * outputs
    post = first[:, None] + torch.arange(outputs, device=out.device)
    for kx in range(weights.shape[0]):
        to_x, hit_x = _target(at_x, weights.shape[0], kx, padding_x, stride_x, dilation_x)
        for ky in range(weights.shape[1]):
            to_y, hit_y = _target(at_y, weights.shape[1], ky, padding_y, stride_y, dilation_y)
            hit = hit_x & hit_y & (to_x < out.shape[1]) & (to_y < out.shape[2])
            weight = weights[kx, ky, (channel % inputs)[:, None], post].to(out.dtype)
            index = batch[:, None], to_x[:, None], to_y[:, None], post
            _add(out, tuple(i[hit] for i in index), (weight * size[:, None])[hit])


def _events(
    spikes: Tensor, count: Tensor, x: Tensor, pre: int, graded: bool, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Each spike's batch item, presynaptic neuron and value."""
    position = spikes[: int(count)].to(torch.int64)
    size = x.flatten()[position].to(dtype)
    return position // pre, position % pre, size if graded else torch.ones_like(size)


def _own(batch: Tensor, place: Tensor, size: int, stored: int) -> Tensor:
    """Where an item's synapses are stored: all items share `size` of them, or have as many each."""
    return place if stored == size else batch * size + place


def _synapses(indptr: Tensor, pre: Tensor) -> tuple[Tensor, Tensor]:
    """For each synapse that a spike visits: which spike, and the synapse's place in the CSR."""
    start, length = indptr[pre], indptr[pre + 1] - indptr[pre]
    event = torch.repeat_interleave(length)
    before = length.cumsum(0) - length
    within = torch.arange(len(event), device=pre.device) - before[event]
    return event, start[event] + within


def _target(
    at: Tensor, kernel: int, k: int, padding: int, stride: int, dilation: int
) -> tuple[Tensor, Tensor]:
    """Where the weight `k` of an axis takes input `at`, and whether it takes it anywhere."""
    shifted = at + padding - (kernel - 1 - k) * dilation
    return shifted // stride, (shifted >= 0) & (shifted % stride == 0)


def _slots(ring: Tensor, t: Tensor) -> Tensor:
    """The slots of the ring in the order in which they will be sent after step t."""
    slots = ring.shape[1]
    return (torch.arange(slots, device=ring.device) + int(t) + 1) % slots


def _add(out: Tensor, index: tuple[Tensor, ...], contribution: Tensor) -> None:
    out.index_put_(index, contribution, accumulate=True)
