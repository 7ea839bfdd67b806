"""How regular sources behave."""

from __future__ import annotations

import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import equation, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.spiker.process import Spiker, Spiker32bit


@equation
def spiker(rate, counter, payload):
    due = counter == rate
    return where(due, payload, 0), where(due, 1, counter + 1)


class SpikerModel(EquationModel):
    equation = spiker
    returns = "s_out", "counter"


@implements(proc=Spiker, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class SpikerModelFloat(SpikerModel):
    """Spiker in float32 or float64."""


@implements(proc=Spiker, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SpikerModelFixed(SpikerModel):
    """Spiker in int32."""

    dtype = torch.int32


@implements(proc=Spiker32bit, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class Spiker32bitModelFloat(SpikerModel):
    """Spiker32bit in float32 or float64."""


@implements(proc=Spiker32bit, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class Spiker32bitModelFixed(SpikerModel):
    """Spiker32bit in int32."""

    dtype = torch.int32
