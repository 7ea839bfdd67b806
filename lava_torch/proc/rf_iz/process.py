"""Resonate-and-fire neurons after Izhikevich."""

from __future__ import annotations

from lava_torch.proc.rf.process import RF


class RF_IZ(RF):  # noqa: N801, as Lava names it
    """As RF, but they spike where imag' >= vth, and are reset there: real = 0, and imag a little
    below vth (by 1e-5, in fixed point by 1)."""
