"""How resonate-and-fire neurons behave, in floating and in fixed point."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import Equation, clip, decay, equation, shift, spike, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.lif.models import LIMIT
from lava_torch.proc.rf.process import RF


def turned(real, imag, cos_decay, sin_decay, product):
    """The state a step later."""
    return (
        product(cos_decay, real) - product(sin_decay, imag),
        product(sin_decay, real) + product(cos_decay, imag),
    )


def float_product(f, x):
    return f * x


def fixed_product(bits: int) -> Callable[..., Any]:
    """f x / 2^bits toward zero, whatever the sign of f."""

    def product(f, x):
        magnitude = decay(x, abs(f), bits)
        return where(f < 0, -magnitude, magnitude)

    return product


def limited(x):
    return clip(x, 1 - LIMIT, LIMIT - 1)


def passes(real, imag, before, vth):
    """1 where the state passes the phase 0 with a magnitude of vth at least."""
    return where((imag >= 0) & (before < 0), 1 - spike(vth - real, vth), 0)


@equation
def rf_float(a_real_in, a_imag_in, real, imag, cos_decay, sin_decay, vth):
    new_real, new_imag = turned(real, imag, cos_decay, sin_decay, float_product)
    new_real, new_imag = new_real + a_real_in, new_imag + a_imag_in
    return passes(new_real, new_imag, imag, vth), new_real, new_imag


@cache
def rf_fixed(bits: int) -> Equation:
    """The equation for one number of bits that decays have."""

    def step(a_real_in, a_imag_in, real, imag, cos_decay, sin_decay, vth, state_exp):
        new_real, new_imag = turned(real, imag, cos_decay, sin_decay, fixed_product(bits))
        new_real = limited(new_real + shift(a_real_in, state_exp))
        new_imag = limited(new_imag + shift(a_imag_in, state_exp))
        return passes(new_real, new_imag, imag, vth), new_real, new_imag

    return Equation(step, f"rf_fixed_{bits}")


class RFModel(EquationModel):
    returns = "s_out", "real", "imag"


class FixedRFModel(RFModel):
    """In integers, of which the number of the decays' bits makes the equation."""

    dtype = torch.int32
    #: The equation for a number of bits.
    equation_of: ClassVar[Callable[[int], Equation]]

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        if name == "decay_bits":
            self.check_range(name, value, 1, 12, " (the bits of cos_decay and sin_decay)")

    def chosen_equation(self) -> Equation:
        return self.equation_of(int(self.decay_bits))


@implements(proc=RF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class RFModelFloat(RFModel):
    """RF in float32 or float64."""

    equation = rf_float


@implements(proc=RF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class RFModelFixed(FixedRFModel):
    """RF in integers of 24 bits."""

    equation_of = staticmethod(rf_fixed)
