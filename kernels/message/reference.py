"""The specification, in plain torch. Time steps are counted from 1."""

from __future__ import annotations

import torch
from torch import Tensor


def copy(x: Tensor, out: Tensor) -> None:
    out.copy_(x)


def accumulate(x: Tensor, out: Tensor) -> None:
    out += x.to(out.dtype)


def fill_zero(out: Tensor) -> None:
    out.zero_()


def gather(x: Tensor, index: Tensor, out: Tensor) -> None:
    valid = index >= 0
    out.zero_()
    out[:, valid] = x[:, index[valid].to(torch.int64)].to(out.dtype)


def source_row(data: Tensor, t: Tensor, out: Tensor) -> None:
    out.copy_(data[(int(t) - 1) % len(data)])


def record(x: Tensor, record: Tensor, t: Tensor) -> None:
    record[(int(t) - 1) % len(record)] = x.to(record.dtype)


def probe(x: Tensor, index: Tensor, ring: Tensor, steps: Tensor, t: Tensor, every: int) -> None:
    _write(x[index.to(torch.int64)], ring, steps, int(t), every)


def probe_mean(x: Tensor, ring: Tensor, steps: Tensor, t: Tensor, every: int) -> None:
    _write(x.to(torch.float64).mean(), ring, steps, int(t), every)


def _write(row: Tensor, ring: Tensor, steps: Tensor, t: int, every: int) -> None:
    if t % every == 0:
        slot = t // every % (len(ring) - 1)
        ring[slot] = row.to(ring.dtype)
        steps[slot] = t


def shift(x: Tensor, exponent: int) -> None:
    if exponent >= 0:
        x <<= exponent
    else:
        x >>= -exponent


def wrap24(x: Tensor) -> None:
    # An arithmetic shift to the right repeats the sign, which is then bit 23.
    x <<= 8
    x >>= 8
