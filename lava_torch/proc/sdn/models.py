"""How sigma-delta neurons behave, in floating and in fixed point."""

from __future__ import annotations

import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import Equation, equation, maximum, shift, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.sdn.process import ActivationMode, Delta, Sigma, SigmaDelta


@equation
def sigma_sum(a_in, sigma):
    return sigma + a_in, sigma + a_in


def changes(new, act, residue, error, vth, cum_error):
    """What is sent of the step from `act` to `new`, the residue and the error that are left."""
    delta = new - act + residue
    summed = where(cum_error != 0, error + delta, delta)
    s = where(abs(summed) >= vth, delta, 0)
    left = where(s != 0, 0, summed)
    return s, delta - s, where(cum_error != 0, left, error)


@equation
def delta_float(a_in, act, residue, error, vth, cum_error):
    s, residue, error = changes(a_in, act, residue, error, vth, cum_error)
    return s, a_in, residue, error


@equation
def delta_fixed(a_in, act, residue, error, vth, cum_error, spike_exp, state_exp):
    new = shift(a_in, spike_exp + state_exp)
    s, residue, error = changes(new, act, residue, error, vth, cum_error)
    return shift(s, -state_exp), new, residue, error


def _sigma_delta(mode: ActivationMode, fixed: bool) -> Equation:
    """The equation of one activation and precision."""

    def activation(x):
        return maximum(x, 0) if mode == ActivationMode.RELU else x

    def step(a_in, sigma, act, residue, error, bias, vth, cum_error, state_exp):
        sigma = sigma + a_in
        new = activation(sigma + bias)
        s, residue, error = changes(new, act, residue, error, vth, cum_error)
        return (shift(s, -state_exp) if fixed else s), sigma, new, residue, error

    return Equation(step, f"sigma_delta_{mode.name.lower()}_{'fixed' if fixed else 'float'}")


EQUATIONS = {
    (mode, fixed): _sigma_delta(mode, fixed) for mode in ActivationMode for fixed in (False, True)
}


@implements(proc=Sigma, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class SigmaModelFloat(EquationModel):
    """Sigma in float32 or float64."""

    equation = sigma_sum
    returns = "s_out", "sigma"


@implements(proc=Sigma, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SigmaModelFixed(SigmaModelFloat):
    """Sigma in int32."""

    dtype = torch.int32


@implements(proc=Delta, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DeltaModelFloat(EquationModel):
    """Delta in float32 or float64."""

    equation = delta_float
    returns = "s_out", "act", "residue", "error"


@implements(proc=Delta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class DeltaModelFixed(EquationModel):
    """Delta in int32."""

    equation = delta_fixed
    returns = "s_out", "act", "residue", "error"
    dtype = torch.int32


@implements(proc=SigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class SigmaDeltaModelFloat(EquationModel):
    """SigmaDelta in float32 or float64."""

    returns = "s_out", "sigma", "act", "residue", "error"
    fixed = False

    def chosen_equation(self) -> Equation:
        return EQUATIONS[ActivationMode(self.proc_params["act_mode"]), self.fixed]


@implements(proc=SigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class SigmaDeltaModelFixed(SigmaDeltaModelFloat):
    """SigmaDelta in int32."""

    dtype = torch.int32
    fixed = True
