"""How ATRLIF neurons behave, in floating and in fixed point."""

from __future__ import annotations

import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import clip, equation, floor, shift, spike, trunc, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.atrlif.process import ATRLIF
from lava_torch.proc.lif.models import FRACTION_BITS, LIMIT, wrap


def fire(v, r, theta, theta_step):
    """Spikes where v - r reaches theta, which raises r, then theta."""
    s = 1 - spike(theta - (v - r), theta)
    return s, where(s != 0, theta + theta_step, theta), where(s != 0, r + 2 * theta, r)


def leak(x, factor):
    """`x` times `factor` / 4096, toward zero; `factor` loses its fraction first."""
    return trunc(x * floor(factor) / 4096)


@equation
def atrlif_float(
    a_in, i, v, theta, r, bias_mant, delta_i, delta_v, delta_theta, delta_r, theta_0, theta_step
):
    i = (1 - delta_i) * i + a_in
    v = (1 - delta_v) * v + i + bias_mant
    theta = (1 - delta_theta) * (theta - theta_0) + theta_0
    r = (1 - delta_r) * r
    s, theta, r = fire(v, r, theta, theta_step)
    return s, s, i, v, theta, r


@equation
def atrlif_fixed(
    a_in, i, v, theta, r, bias_mant, bias_exp, delta_i, delta_v, delta_theta, delta_r,
    theta_0, theta_step,
):  # fmt: skip
    theta_0 = trunc(theta_0 * 2**FRACTION_BITS)
    theta_step = trunc(theta_step * 2**FRACTION_BITS)
    # The current's factor keeps its fraction, the others lose theirs: Lava's rounding.
    i = wrap(trunc(i * (4096 - (delta_i * 4096 + 1)) / 4096) + shift(a_in, FRACTION_BITS))
    v = leak(v, 4096 - delta_v * 4096) + i + shift(bias_mant, bias_exp)
    v = clip(v, 1 - LIMIT, LIMIT - 1)
    theta = leak(theta - theta_0, 4096 - delta_theta * 4096) + theta_0
    r = leak(r, 4096 - delta_r * 4096)
    s, theta, r = fire(v, r, theta, theta_step)
    return s, s, i, v, theta, r


class ATRLIFModel(EquationModel):
    """What both precisions share."""

    returns = "s_out", "s", "i", "v", "theta", "r"


@implements(proc=ATRLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class ATRLIFModelFloat(ATRLIFModel):
    """ATRLIF in float32 or float64."""

    equation = atrlif_float


@implements(proc=ATRLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class ATRLIFModelFixed(ATRLIFModel):
    """ATRLIF in 24-bit integers, held in float64 because the deltas stay fractions."""

    equation = atrlif_fixed
    dtype = torch.float64

    def prepare(self) -> None:
        if self.time_step > 0:  # the state is that of a later step: it was loaded
            return
        start = torch.trunc(self.theta_0 * 2**FRACTION_BITS)
        self.theta = start.expand_as(self.theta).clone()
