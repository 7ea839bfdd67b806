"""Learning: traces of spikes, and at the end of each epoch what they make of the synapses.

An epoch is `t_epoch` steps; step t is the ((t - 1) % t_epoch + 1)-th of its epoch. Row operations
work in place on contiguous tensors. B is the batch (1 without one), m the number of presynaptic and
n of postsynaptic neurons, and "size" either of these.

Within an epoch a trace x1, x2 (B, m) or y1, y2, y3 (B, n) is what it was when the epoch began, and
`tx`, `ty`, int32, the step of the epoch in which the neuron last spiked, 0 if it did not. What
another spike adds goes to the trace at once. At the end `HISTORY` tells what a trace was in each
step of the epoch, a table (B, t_epoch + 1, size) of which row 0 is the beginning, and `update`
(see `lava_torch.kernels.learning.update`) reads from that what its rule says.

In fixed point traces are whole numbers from 0 to 127, and decays and impulses are rounded at
random: a seed's numbers follow from its key and the time, see `lava_torch.kernels.random`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.op import RowOp


def _op(name: str, arguments: str, writes: str) -> RowOp:
    return RowOp("learning", name, tuple(arguments.split()), tuple(writes.split()))


#: What a presynaptic spike does to x1 beside a plain impulse, by mode (`GradedSpikeCfg`).
REGULAR, OVERWRITE, ADD_SATURATING, ADD = range(4)

#: Presynaptic spikes, listed as in `lava_torch.kernels.spike`: tx becomes the step of the epoch, x0
#: 1. A neuron that spiked in this epoch before gets the impulse to x1, if mode is REGULAR, and to
#: x2. Otherwise x1 becomes p / 2, or p / 2 more: p is x where `graded`, else 1. x0 and tx int32
#: (B, m), impulses (2,). What is (B, m) may be (B * m,) here, and is the faster so.
PRE = _op("pre", "spikes count x t tx x0 x1 x2 impulses mode t_epoch graded", "tx x0 x1 x2")
#: The same in fixed point. impulses int32 (2, 2): whole parts, and fractions in 256ths, which are
#: always rounded up. p / 2 is rounded half to even and has 8 bits. OVERWRITE gives x1 up to 255,
#: ADD_SATURATING limits the sum, modulo 256, to 127; under ADD a sum above 127 overflows, less 127,
#: and only that counts as a spike to x2 and tx. Both lower in each step what is above 127, of
#: neurons that do not spike too: 128, which 255 leaves under ADD, is 1 a step later.
PRE_FIXED = _op(
    "pre_fixed", "spikes count x t tx x0 x1 x2 impulses mode t_epoch graded", "tx x0 x1 x2"
)
#: Postsynaptic spikes: ty becomes the step of the epoch, y0 1; a neuron that spiked in this epoch
#: before gets the impulses. y0 and ty int32 (B, n), impulses (3,); all but ty may be (B * n,).
POST = _op("post", "spikes count t ty y0 y1 y2 y3 impulses t_epoch", "ty y0 y1 y2 y3")
#: The same in fixed point. impulses int32 (3, 2); one number of 7 bits rounds all fractions.
POST_FIXED = _op(
    "post_fixed", "spikes count t ty y0 y1 y2 y3 impulses t_epoch key0 key1", "ty y0 y1 y2 y3"
)
#: A trace in each step of the epoch that ends at t (a multiple of t_epoch): it decays, by
#: parameters[0], and gets parameters[1] where its neuron last spiked. trace, times (B, size),
#: table (B, t_epoch + 1, size), parameters (2,). The trace becomes the last row, unless `received`:
#: then it is not the connection's own.
HISTORY = _op("history", "trace times table parameters t t_epoch received", "trace table")
#: The same in fixed point. parameters int64 (3,): the decay times 2^22, the impulse's whole part
#: and fraction in 256ths. One number rounds all decays of a set of traces, one its impulses; side
#: is 0 for x, 1 for y.
HISTORY_FIXED = _op(
    "history_fixed",
    "trace times table parameters t t_epoch side key0 key1 received",
    "trace table",
)
#: No neuron has spiked: tx and x0 (B, m), ty and y0 (B, n) become 0 at the end of an epoch.
FORGET = _op("forget", "tx x0 ty y0 t t_epoch", "tx x0 ty y0")

#: An odd random word of 32 bits for each neuron, at the end of an epoch: what rounds synapses, see
#: `update.noise`. words int32 (W, m + n), W the batch or 1; word k is word k % 4 of block k // 4.
DRAW = _op("draw", "words t t_epoch stream key0 key1", "words")

#: Bits of fraction of a decay in fixed point: with the 8 of a trace and its sign, an int32.
DECAY_BITS = 22
#: Bits of fraction of an impulse in fixed point, and of the numbers that round it.
IMPULSE_BITS, ROUND_BITS = 8, 7
#: The largest trace in fixed point, and what a graded spike can make of x1.
TRACE_MAX = 127


def decay_factor(tau: float) -> float:
    """What remains of a trace after one step: exp(-1 / tau), nothing for tau = 0."""
    return math.exp(-1 / tau) if tau > 0 else 0.0


def split_impulse(impulse: float) -> tuple[int, int]:
    """An impulse's whole part, and its fraction in 256ths."""
    whole = math.floor(impulse)
    return whole, round((impulse - whole) * (1 << IMPULSE_BITS))


def history_parameters(tau: float, impulse: float, dtype: torch.dtype) -> Tensor:
    """The `parameters` of HISTORY in a floating dtype, or of HISTORY_FIXED for int32."""
    decay = decay_factor(tau)
    if dtype.is_floating_point:
        return torch.tensor([decay, impulse], dtype=dtype)
    return torch.tensor([round(decay * (1 << DECAY_BITS)), *split_impulse(impulse)])


def impulse_parameters(impulses: list[float], dtype: torch.dtype) -> Tensor:
    """The `impulses` of PRE and POST in a floating dtype, or of their fixed forms for int32."""
    if dtype.is_floating_point:
        return torch.tensor(impulses, dtype=dtype)
    return torch.tensor([split_impulse(i) for i in impulses], dtype=torch.int32)


__all__ = [
    "ADD",
    "ADD_SATURATING",
    "DRAW",
    "FORGET",
    "HISTORY",
    "HISTORY_FIXED",
    "OVERWRITE",
    "POST",
    "POST_FIXED",
    "PRE",
    "PRE_FIXED",
    "REGULAR",
    "Rule",
    "decay_factor",
    "history_parameters",
    "impulse_parameters",
    "split_impulse",
]
