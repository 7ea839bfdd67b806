"""Connections of few synapses that learn."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from lava_torch.core.learning_process import LearningConnectionProcess
from lava_torch.core.log_config import LogConfig
from lava_torch.learning import GradedSpikeCfg, LoihiLearningRule
from lava_torch.proc.sparse.process import DelaySparse, Matrix, Sparse, as_matrix


class LearningSparse(LearningConnectionProcess, Sparse):
    """Sparse connection that learns by a Loihi learning rule, as LearningDense does.

    The synapses are the stored entries of `weights`; learning changes their values, never which
    there are. `tag_1` and `tag_2` are sparse too, at the same positions. (In Lava tags that are not
    given never learn, and a factor w, t or d is a product of matrices.)

    In a run with a batch whose items learn alone, `get()` of weights and tags gives a list of
    matrices, one an item.

    Parameters
    ----------
    weights : as of Sparse.
    tag_2, tag_1 : numbers, or matrices (n, m) of any positions: a missing entry is 0, and one where
        there is no synapse has no effect; None: zeros.
    learning_rule, graded_spike_cfg, batch_learning : as of LearningDense.
    num_message_bits, weight_exp, num_weight_bits, sign_mode : as of Sparse; but see LearningDense.

    Raises
    ------
    ValueError : weights as of Sparse, no stored entry; no learning rule; an unknown batch_learning.
    """

    def __init__(
        self,
        *,
        weights: Matrix | ArrayLike,
        tag_2: Matrix | ArrayLike | None = None,
        tag_1: Matrix | ArrayLike | None = None,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        learning_rule: LoihiLearningRule | None = None,
        graded_spike_cfg: GradedSpikeCfg = GradedSpikeCfg.USE_REGULAR_IMPULSE,
        batch_learning: str = "each",
        **kwargs: Any,
    ) -> None:
        weights = as_matrix(weights)
        super().__init__(
            shape=tuple(weights.shape),
            weights=weights,
            tag_2=_matrix_or_number(tag_2),
            tag_1=_matrix_or_number(tag_1),
            name=name,
            num_message_bits=num_message_bits,
            log_config=log_config,
            learning_rule=learning_rule,
            graded_spike_cfg=graded_spike_cfg,
            batch_learning=batch_learning,
            **kwargs,
        )


class LearningDelaySparse(LearningConnectionProcess, DelaySparse):
    """DelaySparse that learns weights, tags and delays: LearningSparse with what
    LearningDelayDense says of delays. There is none in Lava.

    Parameters
    ----------
    weights, delays, max_delay : as of DelaySparse. Give a max_delay that leaves room to learn.
    tag_1, learning_rule, graded_spike_cfg, batch_learning : as of LearningSparse.
    num_message_bits, weight_exp, num_weight_bits, sign_mode : as of Sparse; but see LearningDense.

    Raises
    ------
    ValueError : as of DelaySparse and LearningSparse.
    """

    def __init__(
        self,
        *,
        weights: Matrix | ArrayLike,
        delays: Matrix | ArrayLike | int,
        max_delay: int = 0,
        tag_1: Matrix | ArrayLike | None = None,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        learning_rule: LoihiLearningRule | None = None,
        graded_spike_cfg: GradedSpikeCfg = GradedSpikeCfg.USE_REGULAR_IMPULSE,
        batch_learning: str = "each",
        **kwargs: Any,
    ) -> None:
        weights = as_matrix(weights)
        super().__init__(
            shape=tuple(weights.shape),
            weights=weights,
            delays=delays,
            max_delay=max_delay,
            tag_1=_matrix_or_number(tag_1),
            tag_2=_matrix_or_number(delays),
            name=name,
            num_message_bits=num_message_bits,
            log_config=log_config,
            learning_rule=learning_rule,
            graded_spike_cfg=graded_spike_cfg,
            batch_learning=batch_learning,
            **kwargs,
        )


def _matrix_or_number(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float) else as_matrix(value)
