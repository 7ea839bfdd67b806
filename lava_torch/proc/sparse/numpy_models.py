"""Sparse connections in numpy, to derive models from; `models.py` has those that are compiled."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix, issparse

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.model.hosted import LavaPyType, PyInPort, PyOutPort
from lava_torch.model.hosted.connection import BufferedConnection, DelayedConnection, FixedWeights
from lava_torch.proc.sparse.models import (
    DelaySparseModelFixed,
    DelaySparseModelFloat,
    SparseModelFixed,
    SparseModelFloat,
)
from lava_torch.proc.sparse.process import DelaySparse, Sparse


class AbstractPySparseModelFloat(BufferedConnection):
    """Sparse in float64."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    a_buff: np.ndarray = LavaPyType(np.ndarray, float)
    weights: csr_matrix = LavaPyType(csr_matrix, float)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)


class AbstractPySparseModelBitAcc(FixedWeights, BufferedConnection):
    """Sparse with 8-bit weights, which lose their low bits in the first step."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=16)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=16)
    weights: csr_matrix = LavaPyType(csr_matrix, np.int32, precision=8)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)


@implements(proc=Sparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySparseModelFloat(AbstractPySparseModelFloat):
    """Sparse in float64, for subclasses; chosen itself, it stands for SparseModelFloat."""

    stands_for: ClassVar[type] = SparseModelFloat


@implements(proc=Sparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PySparseModelBitAcc(AbstractPySparseModelBitAcc):
    """Sparse with 8-bit weights, for subclasses; chosen itself, it stands for SparseModelFixed."""

    stands_for: ClassVar[type] = SparseModelFixed


class AbstractPyDelaySparseModel(DelayedConnection):
    """DelaySparse; see DelayedConnection. A subclass declares the Vars and ports."""

    @staticmethod
    def get_delay_wgts_mat(weights: Any, delays: Any, max_delay: int) -> csr_matrix:
        """The weights by delay: (n * (max_delay + 1), m), whose rows k * n to (k + 1) * n hold the
        weights of the synapses with delay k. `delays` is a sparse matrix, in which a missing entry
        is 0, or an int."""
        synapses = weights.tocoo()
        row, column = synapses.row, synapses.col
        delay = np.full(row.shape, 0 if issparse(delays) else delays, np.int64)
        if issparse(delays):
            delay[...] = np.asarray(delays.tocsr()[row, column]).reshape(-1)
        there = delay <= max_delay
        places = (row + delay * weights.shape[0])[there], column[there]
        shape = weights.shape[0] * (max_delay + 1), weights.shape[1]
        return csr_matrix((synapses.data[there], places), shape=shape)


@implements(proc=DelaySparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyDelaySparseModelFloat(AbstractPyDelaySparseModel):
    """DelaySparse in float64, for subclasses; chosen itself, it stands for
    DelaySparseModelFloat."""

    stands_for: ClassVar[type] = DelaySparseModelFloat

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    a_buff: np.ndarray = LavaPyType(np.ndarray, float)
    weights: csr_matrix = LavaPyType(csr_matrix, float)
    delays: csr_matrix = LavaPyType(csr_matrix, int)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)


@implements(proc=DelaySparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyDelaySparseModelBitAcc(FixedWeights, AbstractPyDelaySparseModel):
    """DelaySparse with 8-bit weights, for subclasses; chosen itself, it stands for
    DelaySparseModelFixed."""

    stands_for: ClassVar[type] = DelaySparseModelFixed

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=16)
    a_buff: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=16)
    weights: csr_matrix = LavaPyType(csr_matrix, np.int32, precision=8)
    delays: csr_matrix = LavaPyType(csr_matrix, np.int32, precision=6)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int, precision=5)
