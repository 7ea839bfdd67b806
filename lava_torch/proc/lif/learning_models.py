"""How LIF neurons that take part in learning behave."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import clip, decay, equation, minimum
from lava_torch.proc.lif.learning import LearningLIF
from lava_torch.proc.lif.models import FixedLIFModel, FloatLIFModel, lif_fixed, lif_float

#: A trace in fixed point has 7 bits.
TRACE_MAX = 127
RETURNS = (
    "s_out", "s_out_bap", "s_out_y1", "s_out_y2", "s_out_y3", "u", "v", "y1", "y2",
)  # fmt: skip


@equation
def learning_lif_float(
    a_in, a_third_factor_in, u, v, y1, y3, bias_mant, du, dv, vth, dy1, y1_impulse
):
    s, u, v = lif_float(a_in, u, v, bias_mant, du, dv, vth)
    y1 = y1 * (1 - dy1) + y1_impulse * s
    y2 = a_third_factor_in * 1
    return s, s, y1 * 1, y2, y3 * 1, u, v, y1, y2


@equation
def learning_lif_fixed(
    a_in, a_third_factor_in, u, v, y1, y3, bias_mant, bias_exp, du, dv, vth, dy1, y1_impulse
):
    s, u, v = lif_fixed(a_in, u, v, bias_mant, bias_exp, du, dv, vth)
    y1 = minimum(decay(y1, 4096 - dy1) + y1_impulse * s, TRACE_MAX)
    y2 = clip(a_third_factor_in, -1 - TRACE_MAX, TRACE_MAX)
    return s, s, y1, y2, y3, u, v, y1, y2


@implements(proc=LearningLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LearningLIFModelFloat(FloatLIFModel):
    """LearningLIF in float32 or float64."""

    equation = learning_lif_float
    returns = RETURNS


@implements(proc=LearningLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class LearningLIFModelFixed(FixedLIFModel):
    """LearningLIF in Loihi's integers."""

    equation = learning_lif_fixed
    returns = RETURNS
    ranges = {
        **FixedLIFModel.ranges,
        "vth": (0, 131071, ""),
        "dy1": (0, 4096, " (the decay times 4096)"),
        "y1_impulse": (0, TRACE_MAX, " (a trace has 7 bits)"),
        "y1": (0, TRACE_MAX, " (a trace has 7 bits)"),
        "y3": (-128, TRACE_MAX, " (a trace has 7 bits)"),
    }

    def initial(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        # The Process does not know that it will be whole numbers.
        if name == "dy1":
            init = np.rint(np.asarray(init) * 4096)
        return super().initial(name, np.rint(init) if name == "y1_impulse" else init, shape)
