"""What numpy models of connections are derived from."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from lava_torch.core.parameters import ProcessParameters
from lava_torch.model.errors import VarValueError
from lava_torch.model.hosted.models import PyLoihiProcessModel
from lava_torch.utils.delays import LONGEST_DELAY
from lava_torch.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights


class NumpyConnection(PyLoihiProcessModel):
    """How a connection takes messages. A subclass declares its Vars `weights` (n, m), `a_buff` and
    `num_message_bits`, and its ports `s_in` and `a_out`."""

    weights: Any = None
    a_buff: Any = None

    @property
    def is_graded(self) -> bool:
        """Whether the values of messages count."""
        return bool(np.max(self.num_message_bits) > 0)

    def received(self) -> np.ndarray:
        """What arrives (m,): the messages if `is_graded`, else whether they are not 0."""
        s_in = self.s_in.recv()
        return s_in if self.is_graded else s_in.astype(bool)

    def scaled(self, activation: np.ndarray) -> np.ndarray:
        """What becomes of weighted sums."""
        return activation


class BufferedConnection(NumpyConnection):
    """It sends `a_buff` (n,), what it accumulated one step earlier, before it receives."""

    def run_spk(self) -> None:
        """Send, receive, accumulate."""
        super().run_spk()
        self.a_out.send(self.a_buff)
        self.a_buff = self.scaled(self._accumulated(self.received()))

    def _accumulated(self, s_in: np.ndarray) -> np.ndarray:
        if self.is_graded or issparse(self.weights):
            return self.weights @ s_in
        return self.weights[:, s_in].sum(axis=1, dtype=self.weights.dtype)


class DelayedConnection(NumpyConnection):
    """Its `a_buff` (n, max_delay + 1) holds in column k what it sends k steps after the next one.

    A subclass declares `delays` besides, and defines `get_delay_wgts_mat`.
    """

    delays: Any = None

    @staticmethod
    def get_delay_wgts_mat(weights: Any, delays: Any, max_delay: int) -> Any:
        """The weights by delay, one block of n rows below the other: (n * (max_delay + 1), m)."""
        raise NotImplementedError("A model of delays must define get_delay_wgts_mat().")

    def calc_act(self, s_in: np.ndarray) -> np.ndarray:
        """The weighted sums of the messages `s_in` (m,), by delay: (n, max_delay + 1)."""
        slots = self.a_buff.shape[1]
        by_delay = self.get_delay_wgts_mat(self.weights, self.delays, slots - 1)
        return (by_delay @ s_in).reshape(slots, -1).T

    def update_act(self, s_in: np.ndarray) -> None:
        """Move `a_buff` on by a step, and add what the messages `s_in` (m,) bring."""
        later = np.zeros_like(self.a_buff)
        later[:, :-1] = self.a_buff[:, 1:]
        self.a_buff = later + self.scaled(self.calc_act(s_in))

    def run_spk(self) -> None:
        """Send, receive, accumulate."""
        super().run_spk()
        self.a_out.send(self.a_buff[:, 0])
        self.update_act(self.received())


class FixedWeights(NumpyConnection):
    """A connection with 8-bit weights and a shared exponent; to be named before how it sends.

    The first step raises VarValueError, a ValueError, for a delay above 63.

    Attributes
    ----------
    weight_exp : the exponent, of the Process's parameters.
    weights_set : whether the weights have lost their low bits, as they do in the first step.
    """

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.weights_set = False
        self.weight_exp: int = self.proc_params.get("weight_exp", 0)

    def run_spk(self) -> None:
        """In the first step, prepare the weights."""
        if not self.weights_set:
            self._check_delays()
            self._scale_weights()
        super().run_spk()

    def _scale_weights(self) -> None:
        """Limit the weights to the range of their sign mode, and clear their low bits."""
        mode = self.proc_params.get("sign_mode") or determine_sign_mode(self.weights)
        weights = clip_weights(self.weights, mode, num_bits=8)
        self.weights = truncate_weights(weights, mode, self.proc_params.get("num_weight_bits", 8))
        self.weights_set = True

    def _check_delays(self) -> None:
        delays = getattr(self, "delays", 0)
        longest = delays.max() if issparse(delays) else np.max(delays)
        if longest > LONGEST_DELAY:
            raise VarValueError(
                f"Process '{self.proc_params.get('name')}': delays must be in [0, {LONGEST_DELAY}] "
                f"in fixed point; the largest is {longest}."
            )

    def received(self) -> np.ndarray:
        s_in = super().received()
        return s_in.astype(np.int32) if self.is_graded else s_in

    def scaled(self, activation: np.ndarray) -> np.ndarray:
        """Shifted by `weight_exp`, to the left if it is positive, else to the right (floor)."""
        exponent = self.weight_exp
        return activation << exponent if exponent > 0 else activation >> -exponent
