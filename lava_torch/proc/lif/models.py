"""How LIF neurons behave: one equation each, in floating and in Loihi's fixed point."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import clip, decay, equation, shift, spike, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.lif.process import LIF, LIFRefractory, LIFReset, TernaryLIF

#: u and v have 24 bits.
LIMIT = 1 << 23
#: Synaptic input and threshold are shifted left by this many bits.
FRACTION_BITS = 6


def wrap(u):
    """A 24-bit overflow of the current. Both borders stay inside: +-2^23 becomes +2^23."""
    once = where(u > LIMIT, u - 2 * LIMIT, u)
    return where(once <= -LIMIT, u + 2 * LIMIT, once)


def subthreshold_float(a_in, u, v, bias_mant, du, dv):
    """u = u (1 - du) + a_in;  v = v (1 - dv) + u + bias."""
    u = u * (1 - du) + a_in
    return u, v * (1 - dv) + u + bias_mant


def subthreshold_fixed(a_in, u, v, bias_mant, bias_exp, du, dv):
    """The same in Loihi's integers; du counts from 1 in effect, dv from 0."""
    u = wrap(decay(u, 4095 - du) + shift(a_in, FRACTION_BITS))
    v = decay(v, 4096 - dv) + u + shift(bias_mant, bias_exp)
    return u, clip(v, 1 - LIMIT, LIMIT - 1)


@equation
def lif_float(a_in, u, v, bias_mant, du, dv, vth):
    u, v = subthreshold_float(a_in, u, v, bias_mant, du, dv)
    s = spike(v - vth, vth)
    return s, u, where(s, 0, v)


@equation
def lif_fixed(a_in, u, v, bias_mant, bias_exp, du, dv, vth):
    u, v = subthreshold_fixed(a_in, u, v, bias_mant, bias_exp, du, dv)
    threshold = shift(vth, FRACTION_BITS)
    s = spike(v - threshold, threshold)
    return s, u, where(s, 0, v)


@equation
def ternary_lif_float(a_in, u, v, bias_mant, du, dv, vth_hi, vth_lo):
    u, v = subthreshold_float(a_in, u, v, bias_mant, du, dv)
    s = spike(v - vth_hi, vth_hi) - spike(vth_lo - v, -vth_lo)
    return s, u, where(s != 0, 0, v)


@equation
def ternary_lif_fixed(a_in, u, v, bias_mant, bias_exp, du, dv, vth_hi, vth_lo):
    u, v = subthreshold_fixed(a_in, u, v, bias_mant, bias_exp, du, dv)
    high, low = shift(vth_hi, FRACTION_BITS), shift(vth_lo, FRACTION_BITS)
    s = spike(v - high, high) - spike(low - v, -low)
    return s, u, where(s != 0, 0, v)


def reset(u, v, interval, steps_to_reset):
    """u and v, 0 where a reset is due, and the steps before the next."""
    due = steps_to_reset <= 0
    left = where(due, interval, steps_to_reset) - 1
    return where(due, 0, u), where(due, 0, v), left


@equation
def lif_reset_float(a_in, u, v, bias_mant, du, dv, vth, reset_interval, steps_to_reset):
    u, v, left = reset(u, v, reset_interval, steps_to_reset)
    return *lif_float(a_in, u, v, bias_mant, du, dv, vth), left


@equation
def lif_reset_fixed(
    a_in, u, v, bias_mant, bias_exp, du, dv, vth, reset_interval, steps_to_reset
):  # fmt: skip
    u, v, left = reset(u, v, reset_interval, steps_to_reset)
    return *lif_fixed(a_in, u, v, bias_mant, bias_exp, du, dv, vth), left


@equation
def lif_refractory_float(
    a_in, u, v, bias_mant, du, dv, vth, refractory_period, refractory_period_end, time_step
):  # fmt: skip
    u = u * (1 - du) + a_in
    charged = v * (1 - dv) + (u + bias_mant)  # in Lava's order, unlike that of LIF
    v = where(refractory_period_end < time_step, charged, v)
    s = spike(v - vth, vth)
    end = where(s, time_step + refractory_period, refractory_period_end)
    return s, u, where(s, 0, v), end


class FixedLIFModel(EquationModel):
    """The ranges of the integers that all fixed-point LIF neurons share."""

    dtype = torch.int32
    returns = "s_out", "u", "v"
    ranges = {
        "du": (0, 4095, " (the decay times 4096, less 1)"),
        "dv": (0, 4096, " (the decay times 4096)"),
        "bias_exp": (-12, 7, ""),
    }

    def check(self, name: str, value: np.ndarray) -> None:
        if name in self.ranges:
            self.check_range(name, value, *self.ranges[name])
        elif name == "bias_mant":
            self.check_range(name, np.trunc(value), -4096, 4095)
        elif name in ("u", "v"):
            self.check_range(name, np.trunc(value), -LIMIT, LIMIT)


class FloatLIFModel(EquationModel):
    """Warns of decays that look like fixed point; Lava takes them, so they are no error."""

    returns = "s_out", "u", "v"

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        if name in ("du", "dv") and value.size and (value.min() < 0 or value.max() > 1):
            warnings.warn(
                f"{self.label(name)} is outside [0, 1] in floating point (it goes up to "
                f"{value.max():g}), which makes the neuron unstable. For Loihi's integers pass "
                f"select_tag='fixed_pt', or the deployment's run_cfg().",
                stacklevel=2,
            )


@implements(proc=LIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LIFModelFloat(FloatLIFModel):
    """LIF in float32 or float64."""

    equation = lif_float


@implements(proc=LIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class LIFModelFixed(FixedLIFModel):
    """LIF in Loihi's integers, bit by bit."""

    equation = lif_fixed
    ranges = {**FixedLIFModel.ranges, "vth": (0, 131071, "")}


@implements(proc=TernaryLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class TernaryLIFModelFloat(FloatLIFModel):
    """TernaryLIF in float32 or float64."""

    equation = ternary_lif_float


@implements(proc=TernaryLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class TernaryLIFModelFixed(FixedLIFModel):
    """TernaryLIF in Loihi's integers, bit by bit."""

    equation = ternary_lif_fixed
    ranges = {
        **FixedLIFModel.ranges,
        "vth_hi": (-131071, 131071, ""),
        "vth_lo": (-131071, 131071, ""),
    }


@implements(proc=LIFReset, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LIFResetModelFloat(FloatLIFModel):
    """LIFReset in float32 or float64."""

    equation = lif_reset_float
    returns = (*FloatLIFModel.returns, "steps_to_reset")


@implements(proc=LIFReset, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class LIFResetModelFixed(FixedLIFModel):
    """LIFReset in Loihi's integers, bit by bit."""

    equation = lif_reset_fixed
    returns = (*FixedLIFModel.returns, "steps_to_reset")
    ranges = LIFModelFixed.ranges


@implements(proc=LIFRefractory, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LIFRefractoryModelFloat(FloatLIFModel):
    """LIFRefractory in float32 or float64."""

    equation = lif_refractory_float
    returns = (*FloatLIFModel.returns, "refractory_period_end")
