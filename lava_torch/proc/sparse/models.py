"""How sparse connections behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import spike
from lava_torch.kernels.op import Row
from lava_torch.kernels.spike import CSR
from lava_torch.kernels.spike.functional import sparse_delay_linear, sparse_linear
from lava_torch.model.connection import (
    ConnectionModel,
    DelayConnectionModel,
    FixedConnectionModel,
    fixed_rows,
    float_rows,
)
from lava_torch.model.errors import VarValueError
from lava_torch.model.rows import Rows
from lava_torch.model.torch_model import SparseVar, TorchProcessModel
from lava_torch.model.values import as_csr, is_sparse, values_where
from lava_torch.proc.sparse.process import DelaySparse, Sparse
from lava_torch.utils.delays import LONGEST_DELAY


class SparseModel(ConnectionModel):
    """The synapses that are stored, one weight each."""

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        csr = self.csr("weights")
        return sparse_linear(s_in, csr.indptr, csr.indices, weights.to(s_in.dtype), csr.shape[0])

    def sum_row(self, rows: Rows, sums: Tensor) -> Row:
        spikes, count, x, graded = self.events(rows)
        return spike.SPARSE.on(spikes, count, x, *_synapses(self, rows), sums, graded)


@implements(proc=Sparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class SparseModelFloat(SparseModel):
    """Sparse in float32 or float64; a CSR's float16 weights stay so, unless they are trained."""

    def var_dtype(self, name: str) -> torch.dtype:
        init = self._inits["weights"][0]
        half = isinstance(init, CSR) and init.values.dtype == torch.float16
        if name == "weights" and half and not self.binding.trainable:
            return torch.float16
        return super().var_dtype(name)

    absorb_rows = float_rows


@implements(proc=Sparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class SparseModelFixed(SparseModel, FixedConnectionModel):
    """Sparse with 8-bit weights, exact; in training, the same numbers in floating point."""

    absorb_rows = fixed_rows


class DelaySparseModel(DelayConnectionModel):
    """The synapses that are stored, a weight and a delay each: both at the weights' positions."""

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        return self.delayed(s_in, weights, self.checked_delays())

    def delayed(self, s_in: Tensor, weights: Tensor, delays: Tensor) -> Tensor:
        csr = self.csr("weights")
        synapses = csr.indptr, csr.indices, weights, delays
        return sparse_delay_linear(s_in, *synapses, self.slots, csr.shape[0]).transpose(-1, -2)

    def sum_row(self, rows: Rows, ring: Tensor) -> Row:
        spikes, count, x, graded = self.events(rows)
        self.checked_delays()
        synapses = *_synapses(self, rows), rows.var("delays").view(-1)
        return spike.SPARSE_DELAY.on(spikes, count, x, *synapses, ring, rows.clock, graded)

    def initial(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        if name != "delays":
            return super().initial(name, init, shape)
        weights = self.csr("weights")
        self.sparse[name] = SparseVar(weights.shape, "weights")
        if is_sparse(init):
            values = values_where(weights, placed(self, name, init))
        else:
            values = torch.full((weights.nnz,), init)
        return self._sparse_values(name, values, self.var_dtype(name))

    def _new_values(self, name: str, value: Any, idx: Any) -> Tensor:
        if name == "delays" and is_sparse(value) and idx is None:
            return values_where(self.csr("weights"), placed(self, name, value))
        return super()._new_values(name, value, idx)


@implements(proc=DelaySparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DelaySparseModelFloat(DelaySparseModel):
    """DelaySparse in float32 or float64."""

    absorb_rows = float_rows


@implements(proc=DelaySparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class DelaySparseModelFixed(DelaySparseModel, FixedConnectionModel):
    """DelaySparse with 8-bit weights, exact; `weight_exp` shifts the sum of each delay."""

    longest = LONGEST_DELAY

    absorb_rows = fixed_rows


def _synapses(model: TorchProcessModel, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
    """Where those of each presynaptic neuron begin, postsynaptic neurons, weights."""
    values = rows.var("weights").view(-1)
    csr = model.csr("weights")  # which is looked into
    return csr.indptr, csr.indices, values


def placed(model: TorchProcessModel, name: str, matrix: Any) -> CSR:
    """What a Var at the weights' positions is given: a matrix of any positions, of the right shape,
    whose values are in range."""
    csr = as_csr(model.label(name), matrix)
    if csr.shape != model.sparse["weights"].shape:
        raise VarValueError(
            f"{model.label(name)} of shape {model.sparse['weights'].shape} cannot be set to a "
            f"matrix of shape {csr.shape}."
        )
    model.check(name, csr.values.cpu().numpy())
    return csr
