"""Convolutional connections that learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.learning_process import LearningConnectionProcess
from lava_torch.core.log_config import LogConfig
from lava_torch.learning import GradedSpikeCfg, LoihiLearningRule
from lava_torch.proc.conv.process import Conv, Pair


class LearningConv(LearningConnectionProcess, Conv):
    """Convolution whose kernel learns by a Loihi learning rule; there is none in Lava.

    Ports and Vars as of Conv; besides `s_in_bap`, `s_in_y1`, `s_in_y2` and `s_in_y3` and the traces
    y of the shape of the output, the traces x of that of the input, and `tag_1` and `tag_2` of that
    of `weight`. A weight is the synapse of all pairs of neurons that it connects, and changes by
    the sum of what the rule says for each. Learning rate and number of pairs go together.

    Fixed point: weights and tags learn within 8 bits, as those of LearningDense.

    Parameters
    ----------
    weight : array or tensor (C', KX, KY, C / groups), finite.
    tag_2, tag_1 : arrays of the weight's shape or numbers; None: zeros.
    learning_rule, graded_spike_cfg, batch_learning : as of LearningDense.
    sign_mode : as of LearningDense, in kwargs.
    input_shape, padding, stride, dilation, groups, num_message_bits, weight_exp, num_weight_bits :
        as of Conv.

    Raises
    ------
    ValueError : as of Conv and LearningDense.
    """

    def __init__(
        self,
        *,
        weight: ArrayLike,
        weight_exp: int = 0,
        input_shape: Sequence[int] = (1, 1, 1),
        padding: Pair = 0,
        stride: Pair = 1,
        dilation: Pair = 1,
        groups: int = 1,
        num_weight_bits: int = 8,
        num_message_bits: int = 0,
        tag_2: ArrayLike | None = None,
        tag_1: ArrayLike | None = None,
        name: str | None = None,
        log_config: LogConfig | None = None,
        learning_rule: LoihiLearningRule | None = None,
        graded_spike_cfg: GradedSpikeCfg = GradedSpikeCfg.USE_REGULAR_IMPULSE,
        batch_learning: str = "each",
        **kwargs: Any,
    ) -> None:
        learning = {
            "tag_1": tag_1,
            "tag_2": tag_2,
            "graded_spike_cfg": graded_spike_cfg,
            "batch_learning": batch_learning,
        }
        self._check_learning(np.shape(weight), learning_rule, {"name": name, **learning})
        # Where the neurons are follows from the convolution.
        Conv.__init__(
            self,
            weight=weight,
            weight_exp=weight_exp,
            input_shape=input_shape,
            padding=padding,
            stride=stride,
            dilation=dilation,
            groups=groups,
            num_weight_bits=num_weight_bits,
            num_message_bits=num_message_bits,
            name=name,
            log_config=log_config,
            learning_rule=learning_rule,
            **learning,
            **kwargs,
        )
        self._add_learning(
            self.weight.shape, self.input_shape, self.output_shape, learning_rule, learning
        )
