"""Random synapses, drawn row by row on the device that will hold them.

Each row has a Philox stream of its own (counter: draw / 4, row, rule), so that rows can be drawn in
any order and on any device: the same seed gives the same synapses. Only integers decide where they
are: logarithms differ between devices in their last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

#: The rules, each with numbers of its own: else a seed would make in-degrees the transpose of
#: out-degrees, and the way there and the way back between two populations all mutual.
BERNOULLI, OUT_DEGREE, IN_DEGREE = range(3)

#: Gaps that the table tells apart; a longer one is made of several draws, as it has no memory.
GAPS = 1024
#: The upper bits of a draw find where to begin in the table.
GUIDE_BITS = 12


@dataclass(frozen=True)
class GapTable:
    """How many places to skip before the next synapse, where each is there with probability p.

    A draw u of 32 bits skips the first g with u < limits[g]; if there is none, it skips GAPS and is
    followed by another draw. `guide[u >> 20]` is where the search can begin.

    Attributes
    ----------
    limits : uint64 (GAPS,), limits[g] = 2^32 (1 - (1 - p)^(g + 1)), rounded.
    guide : int32 (2^GUIDE_BITS,).
    """

    limits: np.ndarray
    guide: np.ndarray


def gap_table(p: float) -> GapTable:
    """The table for 0 <= p <= 1, in exact arithmetic."""
    one = 1 << 64
    missing = round((1 - Fraction(p)) * one)
    rest, limits = one, []
    for _ in range(GAPS):
        rest = rest * missing >> 64
        limits.append((1 << 32) - (rest >> 32))
    array = np.array(limits, np.uint64)
    starts = np.arange(1 << GUIDE_BITS, dtype=np.uint64) << np.uint64(32 - GUIDE_BITS)
    guide = np.searchsorted(array, starts, side="right").astype(np.int32)
    return GapTable(array, np.minimum(guide, GAPS - 1).astype(np.int32))


__all__ = [
    "BERNOULLI",
    "GAPS",
    "GUIDE_BITS",
    "IN_DEGREE",
    "OUT_DEGREE",
    "GapTable",
    "gap_table",
]
