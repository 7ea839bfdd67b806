"""How neurons with graded spikes behave: in int32, as in Lava, and in floating point."""

from __future__ import annotations

import torch

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels.equation import equation, where
from lava_torch.model.equation_model import EquationModel
from lava_torch.proc.graded.process import GradedReluVec, GradedVec, NormVecDelay


def above(x, vth):
    """x where its magnitude is above the threshold, else 0."""
    return where(abs(x) > vth, x, 0)


@equation
def graded_vec(a_in, v, vth):
    v = v + a_in
    return above(v, vth), v * 0


@equation
def graded_relu_vec(a_in, v, vth):
    v = v + a_in
    return where(v > vth, v, 0), v * 0


@equation
def norm_vec_delay(a_in1, a_in2, v, vth):
    return above(v * a_in2, vth), a_in1 * a_in1, a_in1, v


class GradedModel(EquationModel):
    returns = "s_out", "v"


@implements(proc=GradedVec, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class GradedVecModelFloat(GradedModel):
    """GradedVec in float32 or float64."""

    equation = graded_vec


@implements(proc=GradedVec, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class GradedVecModelFixed(GradedModel):
    """GradedVec in int32."""

    equation = graded_vec
    dtype = torch.int32


@implements(proc=GradedReluVec, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class GradedReluVecModelFloat(GradedModel):
    """GradedReluVec in float32 or float64."""

    equation = graded_relu_vec


@implements(proc=GradedReluVec, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class GradedReluVecModelFixed(GradedModel):
    """GradedReluVec in int32."""

    equation = graded_relu_vec
    dtype = torch.int32


@implements(proc=NormVecDelay, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class NormVecDelayModelFloat(EquationModel):
    """NormVecDelay in float32 or float64."""

    equation = norm_vec_delay
    returns = "s_out", "s2_out", "v", "v2"


@implements(proc=NormVecDelay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class NormVecDelayModelFixed(NormVecDelayModelFloat):
    """NormVecDelay in int32."""

    dtype = torch.int32
