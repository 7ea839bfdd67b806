"""Philox4x32-10: random numbers that are a function of where they are used.

A block of four 32-bit numbers follows from a key and a counter alone, so that the same seed gives
the same numbers on every device, however the work is split. Throughout lava_torch

    key = (seed & 0xFFFFFFFF, seed >> 32)
    counter = (index, row or time step, item, stream)

`stream` is a number of STREAMS, so that different uses of one seed do not share numbers.

Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
`reference.py` is plain torch, `cpu.py` has a numba and `gpu.py` a Triton function to be called
inside kernels.
"""

from __future__ import annotations

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
INCREMENTS = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10

#: What the numbers of a seed are used for.
STREAMS = {
    "connectivity": 1,
    "rounding": 2,
    "noise": 3,
    "traces": 4,
}


def key(seed: int) -> tuple[int, int]:
    """The two words of a seed in [0, 2^64); ValueError for others."""
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"A seed must be in [0, 2**64); got {seed}.")
    return seed & 0xFFFFFFFF, seed >> 32


__all__ = ["INCREMENTS", "MULTIPLIERS", "ROUNDS", "STREAMS", "key"]
