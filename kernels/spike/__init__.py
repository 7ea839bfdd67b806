"""Spike propagation: through dense, sparse, delayed and convolutional weights, by events.

The row operations work in place on contiguous tensors. B is the batch (1 without one), m the number
of presynaptic and n of postsynaptic neurons. Who spiked is a list: `spikes` int32 (B * m,) holds in
its first `count` (int32 (1,)) places the flat positions b * m + j of what is not zero in `x`
(B * m,), ascending on a CPU, and on a GPU where torch's deterministic algorithms are on. `graded`,
a constant, says whether the value x[b * m + j] counts, or 1 whatever it is. Weights lie by
presynaptic neuron; they may be of a smaller dtype than the output, in which they are summed. Where
there are B times as many, each item has its own: weights and delays (B * m, n), or (B * synapses,)
with one pattern for all.
"""

from __future__ import annotations

from lava_torch.kernels.op import RowOp
from lava_torch.kernels.spike.csr import CSR, index_dtype


def _op(name: str, arguments: str, writes: str) -> RowOp:
    return RowOp("spike", name, tuple(arguments.split()), tuple(writes.split()))


#: spikes[:count] = positions where x != 0. x (B * m,) of any dtype.
COMPACT = _op("compact", "x spikes count", "spikes count")
#: out[b] = sum over the spikes of item b of weights[j] (* x). weights (m, n), out (B, n).
DENSE = _op("dense", "spikes count x weights out graded", "out")
#: The same for synapses by presynaptic neuron, see CSR.
SPARSE = _op("sparse", "spikes count x indptr indices values out graded", "out")
#: Ring of D slots, (B, D, n), in step t (int64 (1,)): slot t % D, which was sent, becomes 0; then
#: slot (t + 1 + d) % D gets what arrives with delay d. weights and delays (m, n); D > every delay.
DENSE_DELAY = _op("dense_delay", "spikes count x weights delays ring t graded", "ring")
#: The same for CSR; values and delays (synapses,).
SPARSE_DELAY = _op(
    "sparse_delay", "spikes count x indptr indices values delays ring t graded", "ring"
)
#: out = ring[:, t % D], what is sent in step t. out (B, n).
RING_SEND = _op("ring_send", "ring t out", "out")
#: After step t: ring[:, (t + 1 + k) % D] = columns[..., k]. columns (B, n, D), ring (B, D, n).
RING_LOAD = _op("ring_load", "columns ring t", "ring")
#: After step t: columns[..., k] = ring[:, (t + 1 + k) % D].
RING_STORE = _op("ring_store", "ring columns t", "columns")
#: Slot t % D of the ring becomes 0; then ring += scratch << exponent (or >> -exponent), and
#: scratch = 0. Both int32 (B, D, n); exponent a number.
RING_FLUSH = _op("ring_flush", "scratch ring t exponent", "scratch ring")
#: Convolution (flipped kernel, zero padding) of x (B, X, Y, C_in) into out (B, X', Y', C_out), as
#: the spikes say. weights (KX, KY, C_in / groups, C_out), not flipped: out at o gets weights[k]
#: of input position o * stride - padding + (K - 1 - k) * dilation. The numbers: X, Y, C_in, then
#: padding, stride and dilation of each axis, groups.
CONV = _op(
    "conv",
    "spikes count x weights out size_x size_y channels padding_x padding_y stride_x stride_y "
    "dilation_x dilation_y groups graded",
    "out",
)

__all__ = [
    "COMPACT",
    "CONV",
    "CSR",
    "DENSE",
    "DENSE_DELAY",
    "RING_FLUSH",
    "RING_LOAD",
    "RING_SEND",
    "RING_STORE",
    "SPARSE",
    "SPARSE_DELAY",
    "index_dtype",
]
