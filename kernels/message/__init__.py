"""What happens to messages between Processes: rows of a table that copy, gather, sum and record.

All work in place on contiguous tensors; a value is cast to the dtype of what it is written to.
"""

from __future__ import annotations

from lava_torch.kernels.op import RowOp


def _op(name: str, arguments: str, writes: str) -> RowOp:
    return RowOp("message", name, tuple(arguments.split()), tuple(writes.split()))


#: out = x. Both (k,).
COPY = _op("copy", "x out", "out")
#: out += x. Both (k,).
ACCUMULATE = _op("accumulate", "x out", "out")
#: out = 0.
FILL_ZERO = _op("fill_zero", "out", "out")
#: out[b, i] = x[b, index[i]], 0 where index[i] < 0. x (B, k), index int32 (n,), out (B, n).
GATHER = _op("gather", "x index out", "out")
#: out[b] = data[(t - 1) % T, b]. data (T, B or 1, k), t int64 (1,), out (B, k).
SOURCE_ROW = _op("source_row", "data t out", "out")
#: record[(t - 1) % T] = x. x (k,), record (T, k), t int64 (1,).
RECORD = _op("record", "x record t", "record")
#: Slot s = t // every % (len(ring) - 1): ring[s] = x[index], steps[s] = t. x (k,), index int32
#: (j,), ring (R + 1, j), steps int64 (R + 1,), t int64 (1,), every a number; for t % every == 0.
PROBE = _op("probe", "x index ring steps t every", "ring steps")
#: The same with the mean of x, in the ring's dtype. ring (R + 1, 1).
PROBE_MEAN = _op("probe_mean", "x ring steps t every", "ring steps")
#: x = x << exponent, or x >> -exponent (floor). x int32 (k,), exponent a number.
SHIFT = _op("shift", "x exponent", "x")
#: x wrapped to 24 bits, two's complement. x int32 (k,).
WRAP24 = _op("wrap24", "x", "x")

#: What a GPU does without a kernel of ours: a copy, or a fill, of torch.
BY_TORCH = (COPY, FILL_ZERO)
