"""Dense connections in numpy, to derive models from; `models.py` has those that are compiled."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.model.hosted import LavaPyType, PyInPort, PyOutPort
from lava_torch.model.hosted.connection import BufferedConnection, DelayedConnection, FixedWeights
from lava_torch.proc.dense.models import (
    DelayDenseModelFixed,
    DelayDenseModelFloat,
    DenseModelFixed,
    DenseModelFloat,
)
from lava_torch.proc.dense.process import DelayDense, Dense


class AbstractPyDenseModelFloat(BufferedConnection):
    """Dense in float64."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    a_buff: np.ndarray = LavaPyType(np.ndarray, float)
    weights: np.ndarray = LavaPyType(np.ndarray, float)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)


class AbstractPyDenseModelBitAcc(FixedWeights, BufferedConnection):
    """Dense with 8-bit weights, which lose their low bits in the first step."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=16)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=16)
    weights: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=8)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyDenseModelFloat(AbstractPyDenseModelFloat):
    """Dense in float64, for subclasses; chosen itself, it stands for DenseModelFloat."""

    stands_for: ClassVar[type] = DenseModelFloat


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyDenseModelBitAcc(AbstractPyDenseModelBitAcc):
    """Dense with 8-bit weights, for subclasses; chosen itself, it stands for DenseModelFixed."""

    stands_for: ClassVar[type] = DenseModelFixed


class AbstractPyDelayDenseModel(DelayedConnection):
    """DelayDense; see DelayedConnection. A subclass declares the Vars and ports."""

    @staticmethod
    def get_delay_wgts_mat(weights: np.ndarray, delays: np.ndarray, max_delay: int) -> np.ndarray:
        """The weights by delay: (n * (max_delay + 1), m), whose rows k * n to (k + 1) * n hold the
        weights of the synapses with delay k, and 0 elsewhere."""
        slots = np.arange(max_delay + 1).reshape(-1, 1, 1)
        return np.where(delays == slots, weights, 0).reshape(-1, weights.shape[1])


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyDelayDenseModelFloat(AbstractPyDelayDenseModel):
    """DelayDense in float64, for subclasses; chosen itself, it stands for DelayDenseModelFloat."""

    stands_for: ClassVar[type] = DelayDenseModelFloat

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    a_buff: np.ndarray = LavaPyType(np.ndarray, float)
    weights: np.ndarray = LavaPyType(np.ndarray, float)
    delays: np.ndarray = LavaPyType(np.ndarray, int)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)


@implements(proc=DelayDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyDelayDenseModelBitAcc(FixedWeights, AbstractPyDelayDenseModel):
    """DelayDense with 8-bit weights, for subclasses; chosen itself, it stands for
    DelayDenseModelFixed."""

    stands_for: ClassVar[type] = DelayDenseModelFixed

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=16)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=16)
    weights: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=8)
    delays: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=6)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)
