"""How resonate-and-fire neurons with graded spikes behave: in int32, and in floating point."""

from __future__ import annotations

import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import equation, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.resfire.process import RFZero

BITS = 15


def graded(u, v, before, uth):
    """u where it is above the threshold as v passes 0 upwards, else 0."""
    return where((u > uth) & (v >= 0) & (before < 0), u, 0)


@equation
def rf_zero_float(u_in, v_in, u, v, lct, lst, uth):
    cos, sin = lct * 2.0**-BITS, lst * 2.0**-BITS
    new_u, new_v = u * cos - v * sin + u_in, v * cos + u * sin + v_in
    return graded(new_u, new_v, v, uth), new_u, new_v


@equation
def rf_zero_fixed(u_in, v_in, u, v, lct, lst, uth):
    new_u = (u * lct >> BITS) - (v * lst >> BITS) + u_in
    new_v = (v * lct >> BITS) + (u * lst >> BITS) + v_in
    return graded(new_u, new_v, v, uth), new_u, new_v


@implements(proc=RFZero, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class RFZeroModelFloat(EquationModel):
    """RFZero in float32 or float64."""

    equation = rf_zero_float
    returns = "s_out", "u", "v"


@implements(proc=RFZero, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class RFZeroModelFixed(EquationModel):
    """RFZero in int32."""

    equation = rf_zero_fixed
    returns = "s_out", "u", "v"
    dtype = torch.int32
