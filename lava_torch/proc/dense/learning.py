"""All-to-all connections that learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.learning_process import LearningConnectionProcess
from lava_torch.core.log_config import LogConfig
from lava_torch.learning import GradedSpikeCfg, LoihiLearningRule
from lava_torch.proc.dense.process import DelayDense, Dense


class LearningDense(LearningConnectionProcess, Dense):
    """Dense connection that learns by a Loihi learning rule.

    Ports and Vars as of Dense and LearningConnectionProcess. Each step the weights of before it
    give what is sent in the next; at the end of each epoch of `learning_rule.t_epoch` steps the
    rule changes `weights`, `tag_1` (the rule's t) and `tag_2` (the rule's d, which here changes
    nothing in what is sent: see LearningDelayDense).

    Fixed point: traces are whole numbers from 0 to 127, weights and tags have 8 bits, and what is
    lost is rounded at random, by the rule's `rng_seed`. Unlike Dense, weights are MIXED unless
    `sign_mode` says otherwise, and are truncated at the first step, but not limited.

    Parameters
    ----------
    weights : array or tensor (n, m), finite.
    tag_2, tag_1 : arrays (n, m) or numbers; None: zeros.
    learning_rule : a LoihiLearningRule. Each connection takes its own; two with the same rule and
        seed round with the same random numbers.
    graded_spike_cfg : what the payload of a presynaptic spike does to x1, with num_message_bits
        above 0. As in Lava, all but USE_REGULAR_IMPULSE set the rule's x1_impulse to 0.
    batch_learning : in a run with a batch, "each": each item learns weights of its own, as if it
        were alone; "mean": all items share the weights, which change by the mean of what each would
        do to them (in fixed point rounded down, before it is rounded at random).
    num_message_bits, weight_exp, num_weight_bits, sign_mode : as of Dense.

    Raises
    ------
    ValueError : weights as of Dense, no weights; no learning rule; an unknown batch_learning.
    """

    def __init__(
        self,
        *,
        weights: ArrayLike,
        tag_2: ArrayLike | None = None,
        tag_1: ArrayLike | None = None,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        learning_rule: LoihiLearningRule | None = None,
        graded_spike_cfg: GradedSpikeCfg = GradedSpikeCfg.USE_REGULAR_IMPULSE,
        batch_learning: str = "each",
        **kwargs: Any,
    ) -> None:
        weights = self._as_array(weights)
        super().__init__(
            shape=np.shape(weights),
            weights=weights,
            tag_2=tag_2,
            tag_1=tag_1,
            name=name,
            num_message_bits=num_message_bits,
            log_config=log_config,
            learning_rule=learning_rule,
            graded_spike_cfg=graded_spike_cfg,
            batch_learning=batch_learning,
            **kwargs,
        )


class LearningDelayDense(LearningConnectionProcess, DelayDense):
    """DelayDense that learns weights, tags and delays by a Loihi learning rule.

    As LearningDense and DelayDense; there is none in Lava. The rule's d is the delay: `tag_2` holds
    it, in fractions of steps in floating point, limited to [0, max_delay], and `delays` the
    nearest whole number of steps, which spikes from then on are delayed by. Setting one of the two
    sets the other.

    Parameters
    ----------
    weights, delays, max_delay : as of DelayDense. Give a max_delay that leaves room to learn.
    tag_1, learning_rule, graded_spike_cfg, batch_learning : as of LearningDense.
    num_message_bits, weight_exp, num_weight_bits, sign_mode : as of Dense.

    Raises
    ------
    ValueError : as of DelayDense and LearningDense.
    """

    def __init__(
        self,
        *,
        weights: ArrayLike,
        delays: ArrayLike | int,
        max_delay: int = 0,
        tag_1: ArrayLike | None = None,
        name: str | None = None,
        num_message_bits: int = 0,
        log_config: LogConfig | None = None,
        learning_rule: LoihiLearningRule | None = None,
        graded_spike_cfg: GradedSpikeCfg = GradedSpikeCfg.USE_REGULAR_IMPULSE,
        batch_learning: str = "each",
        **kwargs: Any,
    ) -> None:
        weights = self._as_array(weights)
        super().__init__(
            shape=np.shape(weights),
            weights=weights,
            delays=delays,
            max_delay=max_delay,
            tag_1=tag_1,
            tag_2=delays,
            name=name,
            num_message_bits=num_message_bits,
            log_config=log_config,
            learning_rule=learning_rule,
            graded_spike_cfg=graded_spike_cfg,
            batch_learning=batch_learning,
            **kwargs,
        )
