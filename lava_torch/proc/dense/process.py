"""All-to-all connections."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from lava_torch.core.learning_process import refuse_learning_rule
from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.utils.arrays import as_array, check_real
from lava_torch.utils.delays import check_dtype, check_shape, largest_delay


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
    ValueError : weights that are not 2-D, or NaN or infinite; a `learning_rule`, for LearningDense.
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

    @classmethod
    def _as_array(cls, values: ArrayLike, what: str = "weights") -> np.ndarray:
        if scipy.sparse.issparse(values):
            raise ValueError(
                f"{cls.__name__} needs a dense array of {what}; got a sparse matrix of shape "
                f"{values.shape}. Pass {what}.toarray()."
            )
        return as_array(values)

    @property
    def _label(self) -> str:
        """The Process, as error messages call it."""
        return f"{type(self).__name__} '{self.name}'"

    def _checked_shape(self, weights: np.ndarray) -> tuple[int, int]:
        shape = np.shape(weights)
        if len(shape) != 2:
            raise ValueError(
                f"{self._label}: weights must be a 2-D array (post, pre); got shape {shape}."
            )
        check_real(self._label, "weights", weights)
        finite = np.isfinite(weights)
        if not finite.all():
            raise ValueError(
                f"{self._label}: {np.size(finite) - np.count_nonzero(finite)} of its weights "
                f"of shape {shape} are NaN or infinite, the first at "
                f"{tuple(int(i) for i in np.argwhere(~finite)[0])}."
            )
        return shape


class DelayDense(Dense):
    """Dense connection whose synapses have delays: a spike at step t arrives at t + 1 + delay.

    Ports and Vars as of Dense, but `a_buff` is (n, max_delay + 1): its column k holds what is sent
    k steps after the next one, column 0 what is sent next. Fixed point has delays up to 63, and
    `weight_exp` shifts the sum of each column.

    Parameters
    ----------
    weights : array or tensor (n, m), finite.
    delays : int64 (n, m), in time steps, not negative; or one int for all synapses.
    max_delay : the largest delay that there is room for; 0: the largest of `delays`.
    num_message_bits, weight_exp, num_weight_bits, sign_mode : as of Dense.

    Raises
    ------
    ValueError : weights as of Dense; delays of another dtype or shape, negative or above max_delay.
        Delays above 63 are refused where fixed point is compiled. (Lava drops what is delayed
        beyond max_delay, silently.)
    """

    def __init__(
        self,
        *,
        weights: ArrayLike,
        delays: ArrayLike | int,
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
        slots = largest_delay(self._label, np.asarray(delays), max_delay) + 1
        self.delays = Var(shape=self.weights.shape, init=delays)
        self.a_buff = Var(shape=(self.weights.shape[0], slots), init=0)

    def _checked_delays(self, delays: ArrayLike | int) -> np.ndarray | int:
        if isinstance(delays, Integral):
            return int(delays)
        delays = self._as_array(delays, "delays")
        check_dtype(self._label, delays.dtype)
        check_shape(self._label, delays.shape, self.weights.shape)
        return delays
