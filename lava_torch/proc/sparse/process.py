"""Connections of few synapses: what is not stored is not there."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from lava_torch.core.learning_process import refuse_learning_rule
from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.utils.arrays import as_array, check_real, is_real
from lava_torch.utils.delays import check_dtype, check_shape, largest_delay

#: A scipy sparse matrix or array of any format, or a `lava_torch.CSR`.
Matrix = Any


class Sparse(AbstractProcess):
    """Sparse connection: `a_out` at step t + 1 is `weights @ s_in` of step t.

    Ports: `s_in` (m,), `a_out` (n,). As Dense, but synapses are the stored entries of a matrix;
    they are kept by presynaptic neuron, on the device, and never become a dense matrix. An entry
    that is stored as zero is a synapse, which can be trained.

    Var `weights` has shape (n, m): `get()` gives a scipy CSR matrix, `set()` takes a matrix with
    the same stored positions. The model's buffer holds the values by presynaptic neuron.

    Fixed point (`fixed_pt`): as Dense. An entry that is truncated to zero stays stored. (Lava drops
    it, and then cannot read the Var.)

    Parameters
    ----------
    weights : (n, m), finite: a scipy sparse matrix or array of any format, whose repeated entries
        are summed; an array or tensor, whose zeros are no synapses; or a `lava_torch.CSR`, which is
        taken as it is: large networks are built fast so, and in little memory. Its float16 weights
        stay float16 in floating point, unless they are trained, and are summed in `dtype`.
    num_message_bits : 0: the input counts as 1 wherever it is not zero (spikes). More: the input's
        value counts (graded spikes).
    weight_exp, num_weight_bits, sign_mode : fixed point only; shared exponent (default 0), bits of
        a weight (default 8), and a `lava_torch.SignMode` (default: inferred from the weights).

    Raises
    ------
    ValueError : weights that are not 2-D, not real numbers, or NaN or infinite. A CSR whose indices
        are out of range, not ascending or repeated is refused when the network is compiled.
    """

    def __init__(
        self,
        *,
        weights: Matrix | ArrayLike,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        weights = as_matrix(weights)
        refuse_learning_rule(self, name, kwargs)
        super().__init__(
            weights=weights,
            num_message_bits=num_message_bits,
            name=name,
            log_config=log_config,
            **kwargs,
        )
        shape = self._checked_shape(weights)
        self.s_in = InPort(shape=(shape[1],))
        self.a_out = OutPort(shape=(shape[0],))
        self.weights = Var(shape=shape, init=weights)
        self.a_buff = Var(shape=(shape[0],), init=0)
        self.num_message_bits = Var(shape=(1,), init=num_message_bits)

    @property
    def _label(self) -> str:
        """The Process, as error messages call it."""
        return f"{type(self).__name__} '{self.name}'"

    def _checked_shape(self, weights: Matrix) -> tuple[int, int]:
        shape = tuple(int(size) for size in weights.shape)
        if len(shape) != 2:
            raise ValueError(
                f"{self._label}: weights must be a 2-D matrix (post, pre); got shape {shape}."
            )
        values = _stored(weights)
        check_real(self._label, "weights", values)
        missing = values.size - np.count_nonzero(np.isfinite(values))
        if missing:
            raise ValueError(
                f"{self._label}: {missing} of the {values.size} stored weights of the matrix of "
                f"shape {shape} are NaN or infinite."
            )
        return shape


class DelaySparse(Sparse):
    """Sparse connection whose synapses have delays: a spike at step t arrives at t + 1 + delay.

    Ports and Vars as of Sparse, but `a_buff` is (n, max_delay + 1): its column k holds what is sent
    k steps after the next one, column 0 what is sent next. Fixed point has delays up to 63, and
    `weight_exp` shifts the sum of each column.

    Var `delays` lies at the stored positions of `weights`; `set()` takes any sparse matrix.

    Parameters
    ----------
    weights : as of Sparse.
    delays : in time steps, not negative: a sparse matrix or array of int64 of the same shape, where
        a missing entry is delay 0, and one where there is no synapse has no effect; a CSR of any
        integer dtype; or one int for all synapses.
    max_delay : the largest delay that there is room for; 0: the largest of `delays`.
    num_message_bits, weight_exp, num_weight_bits, sign_mode : as of Sparse.

    Raises
    ------
    ValueError : weights as of Sparse; delays of another dtype or shape, negative or above
        max_delay. Delays above 63 are refused where fixed point is compiled. (Lava drops what is
        delayed beyond max_delay, silently.)
    """

    def __init__(
        self,
        *,
        weights: Matrix | ArrayLike,
        delays: Matrix | ArrayLike | int,
        max_delay: int = 0,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            weights=weights,
            delays=delays,
            max_delay=max_delay,
            name=name,
            num_message_bits=num_message_bits,
            log_config=log_config,
            **kwargs,
        )
        delays = self._checked_delays(delays)
        values = np.asarray(delays) if isinstance(delays, int) else _stored(delays)
        slots = largest_delay(self._label, values, max_delay) + 1
        self.delays = Var(shape=self.weights.shape, init=delays)
        self.a_buff = Var(shape=(self.weights.shape[0], slots), init=0)

    def _checked_delays(self, delays: Matrix | ArrayLike | int) -> Matrix | int:
        if isinstance(delays, Integral):
            return int(delays)
        delays = as_matrix(delays)
        dtype = _stored(delays).dtype
        if not (_is_csr(delays) and dtype.kind in "iu"):
            check_dtype(self._label, dtype)
        check_shape(self._label, delays.shape, self.weights.shape)
        return delays


def _is_csr(weights: Any) -> bool:
    """Whether it is a `lava_torch.CSR`, known by its methods: this module does not import torch."""
    return hasattr(weights, "to_scipy") and hasattr(weights, "indptr")


def as_matrix(weights: Any) -> Matrix:
    if _is_csr(weights) or scipy.sparse.issparse(weights):
        return weights
    weights = as_array(weights)
    if weights.ndim != 2 or not is_real(weights):
        return weights  # refused where the Process has a name
    if weights.dtype == np.float16:  # which scipy has not
        weights = weights.astype(np.float32)
    return scipy.sparse.csr_matrix(weights)


def _stored(matrix: Matrix) -> np.ndarray:
    """The stored values of a sparse matrix, or an array itself."""
    if _is_csr(matrix):
        values = matrix.values.detach().cpu()
        # NumPy has no bfloat16, known by its name as this module does not import torch.
        return np.asarray(values.float() if str(values.dtype) == "torch.bfloat16" else values)
    if scipy.sparse.issparse(matrix):
        return np.asarray(matrix.tocoo(copy=False).data)
    return matrix
