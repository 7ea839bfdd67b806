"""LIF neurons in numpy, to derive models from; `models.py` has those that are compiled."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.parameters import ProcessParameters
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.model.hosted import LavaPyType, PyInPort, PyLoihiProcessModel, PyOutPort
from lava_torch.model.hosted.neuron import LearningNeuronModelFixed, LearningNeuronModelFloat
from lava_torch.proc.lif.learning import LearningLIF
from lava_torch.proc.lif.learning_models import LearningLIFModelFixed, LearningLIFModelFloat
from lava_torch.proc.lif.models import (
    FRACTION_BITS,
    LIMIT,
    LIFModelFixed,
    LIFModelFloat,
    TernaryLIFModelFixed,
    TernaryLIFModelFloat,
)
from lava_torch.proc.lif.process import LIF, TernaryLIF


class NumpyLif(PyLoihiProcessModel):
    """A step of a LIF neuron in its parts, each of which a subclass can replace.

    A subclass declares `s_out`, the Vars that its Process has besides, and `spiking_activation`.
    After a step `s_out_buff` holds what was sent.
    """

    s_out: Any = None
    s_out_buff: np.ndarray

    def subthr_dynamics(self, activation_in: np.ndarray) -> None:
        """Integrate `activation_in`, of the neurons' shape, into `u` and `v`."""
        raise NotImplementedError(f"{type(self).__name__} must define subthr_dynamics().")

    def spiking_activation(self) -> np.ndarray:
        """What to send, given `v`: an array of the neurons' shape, not 0 where they spike."""
        raise NotImplementedError(
            f"{type(self).__name__} must define spiking_activation(), which returns what the "
            "neurons send, such as self.v > self.vth."
        )

    def reset_voltage(self, spike_vector: np.ndarray) -> None:
        """Set `v` to 0 where `spike_vector`, what was sent, is not 0."""
        self.v[np.asarray(spike_vector) != 0] = 0

    def run_spk(self) -> None:
        """Receive, integrate, spike, reset, send."""
        super().run_spk()
        self.subthr_dynamics(self.a_in.recv())
        self.s_out_buff = self.spiking_activation()
        self.reset_voltage(self.s_out_buff)
        self.s_out.send(self.s_out_buff)


class AbstractPyLifModelFloat(NumpyLif):
    """LIF neurons in float64, as of `LIF`; see NumpyLif for what a subclass adds."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    u: np.ndarray = LavaPyType(np.ndarray, float)
    v: np.ndarray = LavaPyType(np.ndarray, float)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, float)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, float)
    du: float = LavaPyType(float, float)
    dv: float = LavaPyType(float, float)

    def subthr_dynamics(self, activation_in: np.ndarray) -> None:
        """u = u (1 - du) + activation_in;  v = v (1 - dv) + u + bias_mant."""
        self.u[...] = self.u * (1 - self.du) + activation_in
        self.v[...] = self.v * (1 - self.dv) + self.u + self.bias_mant


class AbstractPyLifModelFixed(NumpyLif):
    """LIF neurons in Loihi's integers, as of `LIF`; see NumpyLif for what a subclass adds.

    A subclass also defines `scale_threshold`. `scale_bias` is called in each step, and
    `scale_threshold` as long as it has not set `isthrscaled`: a threshold that is set after the
    first step has no effect then.

    Attributes
    ----------
    effective_bias : bias_mant 2^bias_exp, int32 of the neurons' shape.
    isbiasscaled, isthrscaled : whether `scale_bias` and `scale_threshold` were called.
    """

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int16, precision=16)
    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    du: int = LavaPyType(int, np.uint16, precision=12)
    dv: int = LavaPyType(int, np.uint16, precision=12)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, np.int16, precision=13)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, np.int16, precision=3)

    #: What is added to du and to dv.
    ds_offset = 1
    dm_offset = 0
    #: Bits of u and v, and the magnitude that they do not pass.
    uv_bitwidth = 24
    max_uv_val = LIMIT
    #: Decays are fractions of `decay_unity`.
    decay_shift = 12
    decay_unity = 1 << decay_shift
    #: Bits that the threshold and the input are shifted left by.
    vth_shift = FRACTION_BITS
    act_shift = FRACTION_BITS

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.effective_bias: Any = 0
        self.isbiasscaled = False
        self.isthrscaled = False

    def scale_bias(self) -> None:
        """Set `effective_bias` from bias_mant and bias_exp."""
        mantissa, exponent = self.bias_mant.astype(np.int32), self.bias_exp.astype(np.int32)
        left, right = np.maximum(exponent, 0), np.maximum(-exponent, 0)
        self.effective_bias = mantissa << left >> right
        self.isbiasscaled = True

    def scale_threshold(self) -> None:
        """Shift the thresholds left by `vth_shift`, and set `isthrscaled` to True."""
        raise NotImplementedError(
            f"{type(self).__name__} must define scale_threshold(), which shifts its thresholds "
            "left by self.vth_shift bits and sets self.isthrscaled to True."
        )

    def subthr_dynamics(self, activation_in: np.ndarray) -> None:
        """The same as in floating point, in 24 bits: u wraps, v is limited, decays round toward
        zero."""
        raw = self._decayed(self.u, self.du + self.ds_offset)
        raw += np.asarray(activation_in).astype(np.int32) << self.act_shift
        self.u[...] = self._wrapped(raw)
        v = self._decayed(self.v, self.dv + self.dm_offset) + self.u + self.effective_bias
        self.v[...] = np.clip(v, 1 - self.max_uv_val, self.max_uv_val - 1)

    def _decayed(self, value: np.ndarray, decay: Any) -> np.ndarray:
        product = value.astype(np.int64) * (self.decay_unity - decay)
        return (np.sign(product) * (np.abs(product) >> self.decay_shift)).astype(np.int32)

    def _wrapped(self, u: np.ndarray) -> np.ndarray:
        """A 24-bit overflow, once; both borders become +max_uv_val."""
        turn = 2 * self.max_uv_val
        once = np.where(u > self.max_uv_val, u - turn, u)
        return np.where(once <= -self.max_uv_val, u + turn, once)

    def run_spk(self) -> None:
        """Scale bias and threshold; receive, integrate, spike, reset, send."""
        self.scale_bias()
        if not self.isthrscaled:
            self.scale_threshold()
        super().run_spk()


class _OneThreshold(AbstractPyLifModelFixed):
    """Spikes above `vth`."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.effective_vth: Any = 0

    def scale_threshold(self) -> None:
        self.effective_vth = np.asarray(self.vth).astype(np.int32) << self.vth_shift
        self.isthrscaled = True

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.effective_vth


@implements(proc=LIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyLifModelFloat(AbstractPyLifModelFloat):
    """LIF in float64, for subclasses; chosen itself, it stands for LIFModelFloat."""

    stands_for: ClassVar[type] = LIFModelFloat

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    vth: float = LavaPyType(float, float)

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.vth


@implements(proc=LIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyLifModelBitAcc(_OneThreshold):
    """LIF in Loihi's integers, for subclasses; chosen itself, it stands for LIFModelFixed."""

    stands_for: ClassVar[type] = LIFModelFixed


@implements(proc=TernaryLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyTernLifModelFloat(AbstractPyLifModelFloat):
    """TernaryLIF in float64, for subclasses; chosen itself, it stands for TernaryLIFModelFloat."""

    stands_for: ClassVar[type] = TernaryLIFModelFloat

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float, precision=2)
    vth_hi: float = LavaPyType(float, float)
    vth_lo: float = LavaPyType(float, float)

    def spiking_activation(self) -> np.ndarray:
        return ternary(self.v, self.vth_hi, self.vth_lo)


@implements(proc=TernaryLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyTernLifModelFixed(AbstractPyLifModelFixed):
    """TernaryLIF in Loihi's integers, for subclasses; chosen itself, it stands for
    TernaryLIFModelFixed."""

    stands_for: ClassVar[type] = TernaryLIFModelFixed

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int, precision=2)
    vth_hi: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    vth_lo: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.effective_vth_hi: Any = 0
        self.effective_vth_lo: Any = 0

    def scale_threshold(self) -> None:
        self.effective_vth_hi = self.vth_hi << self.vth_shift
        self.effective_vth_lo = self.vth_lo << self.vth_shift
        self.isthrscaled = True

    def spiking_activation(self) -> np.ndarray:
        return ternary(self.v, self.effective_vth_hi, self.effective_vth_lo)


def ternary(v: np.ndarray, high: Any, low: Any) -> np.ndarray:
    """1 where v > high, -1 where v < low, else 0."""
    return (v > high).astype(np.int32) - (v < low)


@implements(proc=LearningLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyLearningLifModelFloat(LearningNeuronModelFloat, AbstractPyLifModelFloat):
    """LearningLIF in float64, for subclasses; chosen itself, it stands for LearningLIFModelFloat.

    Unlike that, it leaves traces and third factor alone: its subclass receives and sends them.
    """

    stands_for: ClassVar[type] = LearningLIFModelFloat

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    vth: float = LavaPyType(float, float)

    def spiking_activation(self) -> np.ndarray:
        return self.v > self.vth


@implements(proc=LearningLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class PyLearningLIFModelFixed(LearningNeuronModelFixed, _OneThreshold):
    """LearningLIF in Loihi's integers, for subclasses; chosen itself, it stands for
    LearningLIFModelFixed.

    Unlike that, it leaves traces and third factor alone: its subclass receives and sends them.
    """

    stands_for: ClassVar[type] = LearningLIFModelFixed
