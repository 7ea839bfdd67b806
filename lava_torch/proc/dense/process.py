"""All-to-all connections."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class Dense(AbstractProcess):
    """Dense connection: `a_out` at step t + 1 is `weights @ s_in` of step t.

    Ports: `s_in` (m,), `a_out` (n,). A spike therefore reaches the next neuron one step after it
    was sent, and a loop through a connection is not a cycle within a step.

    Fixed point (`fixed_pt`): weights are whole numbers in [-256, 255]. At the first step they are
    limited to the range of their sign mode and lose their low bits (see `SignMode`): the output is
    `weights @ s_in` shifted by `weight_exp`, to the left if positive, else to the right (floor).

    Parameters
    ----------
    weights : array or tensor (n, m), finite.
    num_message_bits : 0: the input counts as 1 wherever it is not zero (spikes). More: the input's
        value counts (graded spikes).
    weight_exp, num_weight_bits, sign_mode : fixed point only; shared exponent (default 0), bits of
        a weight (default 8), and a `lava_torch.SignMode` (default: inferred from the weights).

    Raises
    ------
    ValueError : weights that are not 2-D, or NaN or infinite.
    """

    def __init__(
        self,
        *,
        weights: ArrayLike,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        **kwargs,
    ) -> None:
        weights = self._as_array(weights)
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

    @staticmethod
    def _as_array(weights: ArrayLike) -> np.ndarray:
        if scipy.sparse.issparse(weights):
            raise ValueError(
                f"Dense needs a dense array of weights; got a sparse matrix of shape "
                f"{weights.shape}. Pass weights.toarray()."
            )
        # A torch tensor, known by its methods: this module does not import torch.
        weights = weights.detach().cpu() if hasattr(weights, "detach") else weights
        return np.asarray(weights)

    def _checked_shape(self, weights: np.ndarray) -> tuple[int, int]:
        shape = np.shape(weights)
        if len(shape) != 2:
            raise ValueError(
                f"Dense '{self.name}': weights must be a 2-D array (post, pre); got shape {shape}."
            )
        if weights.dtype.kind not in "biuf":
            raise ValueError(
                f"Dense '{self.name}': weights must be real numbers; got dtype {weights.dtype}."
            )
        finite = np.isfinite(weights)
        if not finite.all():
            raise ValueError(
                f"Dense '{self.name}': {np.size(finite) - np.count_nonzero(finite)} of its weights "
                f"of shape {shape} are NaN or infinite, the first at "
                f"{tuple(int(i) for i in np.argwhere(~finite)[0])}."
            )
        return shape
