"""How resonate-and-fire neurons with a reset behave, in floating and in fixed point."""

from __future__ import annotations

from functools import cache

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import Equation, equation, shift, spike, where
from lava_torch.proc.rf.models import (
    FixedRFModel,
    RFModel,
    fixed_product,
    float_product,
    limited,
    turned,
)
from lava_torch.proc.rf_iz.process import RF_IZ


def fire(real, imag, vth, gap):
    """1 where imag reaches vth, and the state after the reset."""
    s = 1 - spike(vth - imag, vth)
    return s, where(s != 0, 0, real), where(s != 0, vth - gap, imag)


@equation
def rf_iz_float(a_real_in, a_imag_in, real, imag, cos_decay, sin_decay, vth):
    real, imag = turned(real, imag, cos_decay, sin_decay, float_product)
    return fire(real + a_real_in, imag + a_imag_in, vth, 1e-5)


@cache
def rf_iz_fixed(bits: int) -> Equation:
    """The equation for one number of bits that decays have."""

    def step(a_real_in, a_imag_in, real, imag, cos_decay, sin_decay, vth, state_exp):
        real, imag = turned(real, imag, cos_decay, sin_decay, fixed_product(bits))
        real = limited(real + shift(a_real_in, state_exp))
        return fire(real, limited(imag + shift(a_imag_in, state_exp)), vth, 1)

    return Equation(step, f"rf_iz_fixed_{bits}")


@implements(proc=RF_IZ, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class RFIZModelFloat(RFModel):
    """RF_IZ in float32 or float64."""

    equation = rf_iz_float


@implements(proc=RF_IZ, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class RFIZModelFixed(FixedRFModel):
    """RF_IZ in integers of 24 bits."""

    equation_of = staticmethod(rf_iz_fixed)
