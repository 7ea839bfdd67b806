"""What a graded presynaptic spike does to the trace x1."""

from __future__ import annotations

from enum import IntEnum


class GradedSpikeCfg(IntEnum):
    """How a spike of payload p changes the trace x1 of its neuron.

    USE_REGULAR_IMPULSE : by the rule's x1_impulse, whatever p is.
    OVERWRITE : x1 = p / 2.
    ADD_WITH_SATURATION : x1 += p / 2, limited to 127 in fixed point.
    ADD_WITHOUT_SATURATION : x1 += p / 2; in fixed point a sum above 127 overflows, less 127, and
        only such a spike counts for x2 and as x0.
    """

    USE_REGULAR_IMPULSE = 0
    OVERWRITE = 1
    ADD_WITH_SATURATION = 2
    ADD_WITHOUT_SATURATION = 3
