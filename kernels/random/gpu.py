"""Philox in Triton, to be called inside kernels: 32-bit integers throughout."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from lava_torch.kernels.launch import launch

BLOCK = 512


@triton.jit
def philox(c0, c1, c2, c3, k0, k1):
    """Four words of 32 bits, uint32; counters are tensors of one shape, keys numbers or tensors."""
    c0, c1, c2, c3 = c0.to(tl.uint32), c1.to(tl.uint32), c2.to(tl.uint32), c3.to(tl.uint32)
    k0, k1 = k0.to(tl.uint32), k1.to(tl.uint32)
    for _ in tl.static_range(10):
        product0 = c0.to(tl.uint64) * 0xD2511F53
        product1 = c2.to(tl.uint64) * 0xCD9E8D57
        n0 = (product1 >> 32).to(tl.uint32) ^ c1 ^ k0
        n2 = (product0 >> 32).to(tl.uint32) ^ c3 ^ k1
        c0, c1, c2, c3 = n0, product1.to(tl.uint32), n2, product0.to(tl.uint32)
        # Through 64 bits, for the sum is to wrap and the interpreter's does not everywhere.
        k0 = ((k0.to(tl.uint64) + 0x9E3779B9) & 0xFFFFFFFF).to(tl.uint32)
        k1 = ((k1.to(tl.uint64) + 0xBB67AE85) & 0xFFFFFFFF).to(tl.uint32)
    return c0, c1, c2, c3


@triton.jit
def uniform(word):
    """Words as float32 in [0, 1): their upper 24 bits."""
    return (word >> 8).to(tl.float32) * 5.9604644775390625e-08


@triton.jit
def _words(out, count, row, item, stream, k0, k1, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    same = tl.zeros((BLOCK,), tl.int64)
    a, b, c, d = philox(i, same + row, same + item, same + stream, same + k0, same + k1)
    inside = i < count
    tl.store(out + 4 * i, a.to(tl.int64), mask=inside)
    tl.store(out + 4 * i + 1, b.to(tl.int64), mask=inside)
    tl.store(out + 4 * i + 2, c.to(tl.int64), mask=inside)
    tl.store(out + 4 * i + 3, d.to(tl.int64), mask=inside)


def words(out: Tensor, row: int, item: int, stream: int, k0: int, k1: int) -> None:
    """Fill int64 (count, 4) with the words of the counters (0.., row, item, stream)."""
    grid = (-(-out.shape[0] // BLOCK),)
    launch(_words, grid, out, out.shape[0], row, item, stream, k0, k1, BLOCK=BLOCK)
