"""How product neurons behave: in int32, as in Lava, and in floating point."""

from __future__ import annotations

from functools import cache

import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import Equation, equation, shift
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.graded.models import above
from lava_torch.proc.prodneuron.process import ProdNeuron


@cache
def product_float(bits: float) -> Equation:
    """The equation for one `exp`: 2^-exp is exact as a constant."""

    def product(a_in1, a_in2, vth):
        return (above(a_in1 * a_in2 * 2.0**-bits, vth),)

    return Equation(product, f"product_float_{bits:g}")


@equation
def product_fixed(a_in1, a_in2, vth, exp):
    return (above(shift(a_in1 * a_in2, -exp), vth),)


@implements(proc=ProdNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class ProdNeuronModelFloat(EquationModel):
    """ProdNeuron in float32 or float64."""

    returns = ("s_out",)

    def chosen_equation(self) -> Equation:
        return product_float(float(self.exp))


@implements(proc=ProdNeuron, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class ProdNeuronModelFixed(EquationModel):
    """ProdNeuron in int32."""

    equation = product_fixed
    returns = ("s_out",)
    dtype = torch.int32
