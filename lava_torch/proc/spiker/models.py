"""How regular sources behave."""

from __future__ import annotations

import torch

from lava_torch.core.decorator import implements, requires
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import equation, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.spiker.process import Spiker


@equation
def spiker(rate, counter, payload):
    due = counter == rate
    return where(due, payload, 0), where(due, 1, counter + 1)


@implements(proc=Spiker, protocol=LoihiProtocol)
@requires(CPU)
class SpikerModel(EquationModel):
    """Spiker in int32, whatever the other models compute in: it has no tag, as in Lava."""

    equation = spiker
    returns = "s_out", "counter"
    dtype = torch.int32
