"""How sparse connections that learn behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.model.errors import VarValueError
from lava_torch.model.learning import FixedLearningModel, LearningModel, learning_rows
from lava_torch.model.rows import Rows
from lava_torch.model.torch_model import SparseVar
from lava_torch.model.values import is_sparse, values_where
from lava_torch.proc.sparse.learning import LearningDelaySparse, LearningSparse
from lava_torch.proc.sparse.models import DelaySparseModel, SparseModel, placed
from lava_torch.utils.delays import LONGEST_DELAY

_TAGS = ("tag_1", "tag_2")


class SparseSynapses(LearningModel):
    """Stored synapses, (W, synapses): W is the batch if each item learns alone."""

    sparse_synapses = True

    def bind(self, binding, inits, shapes) -> None:
        # The weights first: tags lie at their positions.
        super().bind(binding, {"weights": inits["weights"], **inits}, shapes)

    def initial(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        if name in _TAGS:
            values = self._tag(name, init)
        else:
            values = super().initial(name, init, shape)
        own = name in self.sparse and self.batch_size is not None and not self.is_shared(name)
        return values.expand(self.batch_size, -1).clone() if own and values.ndim == 1 else values

    def _tag(self, name: str, init: Any) -> Tensor:
        weights = self.csr("weights")
        self.sparse[name] = SparseVar(weights.shape, "weights")
        if is_sparse(init):
            values = values_where(weights, placed(self, name, init))
        else:
            values = torch.full((weights.nnz,), init)
        return self._sparse_values(name, values, self.var_dtype(name))

    def _new_values(self, name: str, value: Any, idx: Any) -> Tensor:
        if isinstance(value, list | tuple) and getattr(self, name).ndim > 1:
            return self._of_items(name, value, idx)
        if name in _TAGS and is_sparse(value) and idx is None:
            return values_where(self.csr("weights"), placed(self, name, value))
        return super()._new_values(name, value, idx)

    def _of_items(self, name: str, value: list | tuple, idx: Any) -> Tensor:
        """The values of a matrix for each item of the batch, as `get` gives them."""
        if len(value) != len(getattr(self, name)):
            raise VarValueError(
                f"{self.label(name)} has a matrix for each of {len(getattr(self, name))} items of "
                f"the batch; got {len(value)}. Give one each, or one matrix for all."
            )
        return torch.stack([self._new_values(name, item, idx) for item in value])

    def as_var(
        self, name: str, content: np.ndarray
    ) -> np.ndarray | scipy.sparse.csr_matrix | list[scipy.sparse.csr_matrix]:
        if name not in self.sparse or content.ndim == 1:
            return super().as_var(name, content)
        return [super(SparseSynapses, self).as_var(name, item) for item in content]

    def synapses(self, rows: Rows, name: str) -> Tensor:
        return rows.var(name)

    def synapses_of(self, value: Tensor) -> Tensor:
        return value.reshape(-1, value.shape[-1]).clone()

    def as_value(self, synapses: Tensor, like: Tensor) -> Tensor:
        return synapses.view(like.shape)

    def pattern(self) -> Mapping[str, Tensor]:
        indptr, indices = self.stored_parts("weights")
        return {"indptr": indptr, "indices": indices}


class LearningSparseModel(SparseSynapses, SparseModel):
    """Stored synapses, a weight, a tag and a delay that only learns each."""

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        if weights.ndim == 1:
            return super().linear(s_in, weights)
        alone = super().linear
        pairs = zip(s_in, weights, strict=True)
        return torch.cat([alone(x[None], own) for x, own in pairs])


@implements(proc=LearningSparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LearningSparseModelFloat(LearningSparseModel):
    """LearningSparse in float32 or float64."""

    absorb_rows = learning_rows


@implements(proc=LearningSparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class LearningSparseModelFixed(FixedLearningModel, LearningSparseModel):
    """LearningSparse with traces of 7 and weights of 8 bits."""

    absorb_rows = learning_rows


class LearningDelaySparseModel(SparseSynapses, DelaySparseModel):
    """Stored synapses, a weight, a tag and a delay each."""

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        if weights.ndim == 1:
            return super().linear(s_in, weights)
        items = zip(s_in, weights, self.checked_delays(), strict=True)
        return torch.cat([self.delayed(x[None], w, d) for x, w, d in items])


@implements(proc=LearningDelaySparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class LearningDelaySparseModelFloat(LearningDelaySparseModel):
    """LearningDelaySparse in float32 or float64."""

    absorb_rows = learning_rows


@implements(proc=LearningDelaySparse, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_approximate_loihi", "fixed_pt")
class LearningDelaySparseModelFixed(FixedLearningModel, LearningDelaySparseModel):
    """LearningDelaySparse with traces of 7 and weights of 8 bits."""

    longest = LONGEST_DELAY

    absorb_rows = learning_rows
