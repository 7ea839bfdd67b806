"""Convolutional connections."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lava_torch.core.learning_process import refuse_learning_rule
from lava_torch.core.log_config import LogConfig
from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.proc.conv.utils import output_shape, whole_pair
from lava_torch.utils.arrays import as_array, check_real

Pair = int | Sequence[int]


class Conv(AbstractProcess):
    """Convolution: `a_out` at step t + 1 is `weight * s_in` of step t.

    Ports: `s_in` (X, Y, C), `a_out` (X', Y', C'), with the channels last. It is a true convolution:
    the kernel is flipped in x and y. With zero padding p, stride s, dilation d and kernel size K,

        a_out[o] = sum over k of weight[k] s_in[o s - p + (K - 1 - k) d]

    along each axis, and X' = floor((X + 2 p - d (K - 1) - 1) / s) + 1.

    Fixed point (`fixed_pt`): weights are integers of 32 bits and the sum is wrapped to 24 bits,
    two's complement. As in Lava, `weight_exp` and `num_weight_bits` change nothing.

    Vars: `weight`, `a_buf` (what is sent next); the others hold what the constructor was given and
    cannot be set to anything else.

    Parameters
    ----------
    weight : array or tensor (C', KX, KY, C / groups), finite.
    weight_exp, num_weight_bits : kept, without effect.
    input_shape : (X, Y, C).
    padding, stride, dilation : one whole number, or two for x and y.
    groups : channels of group g of the output see those of group g of the input.
    num_message_bits : 0: the input counts as 1 wherever it is not zero (spikes). More: the input's
        value counts (graded spikes).

    Raises
    ------
    ValueError : a weight that is not 4-D, not real or not finite; an input_shape that is not three
        sizes; groups that is not one number or does not divide the channels; channels that do not
        fit the weight; negative padding, stride or dilation below 1; an empty output.
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
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: Any,
    ) -> None:
        refuse_learning_rule(self, name, kwargs)
        super().__init__(
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
            **kwargs,
        )
        weight = self._checked_weight(weight)
        self.input_shape = self._checked_input_shape(input_shape)
        self._check_channels(weight.shape, groups)
        kernel_size = weight.shape[1:3]
        padding = self._pair("padding", padding, 0)
        stride = self._pair("stride", stride, 1)
        dilation = self._pair("dilation", dilation, 1)
        try:
            self.output_shape = output_shape(
                self.input_shape, weight.shape[0], kernel_size, stride, padding, dilation
            )
        except ValueError as error:
            raise ValueError(f"Conv '{self.name}': {error}. Check its sizes.") from None
        self.s_in = InPort(shape=self.input_shape)
        self.a_out = OutPort(shape=self.output_shape)
        self.weight = Var(shape=weight.shape, init=weight)
        self.weight_exp = Var(shape=(1,), init=weight_exp)
        self.num_weight_bits = Var(shape=(1,), init=num_weight_bits)
        self.kernel_size = Var(shape=(2,), init=kernel_size)
        self.padding = Var(shape=(2,), init=padding)
        self.stride = Var(shape=(2,), init=stride)
        self.dilation = Var(shape=(2,), init=dilation)
        self.groups = Var(shape=(1,), init=groups)
        self.a_buf = Var(shape=self.output_shape, init=0)
        self.num_message_bits = Var(shape=(1,), init=num_message_bits)

    def _checked_weight(self, weight: ArrayLike) -> np.ndarray:
        weight = as_array(weight)
        if weight.ndim != 4 or 0 in weight.shape:
            raise ValueError(
                f"Conv '{self.name}': weight must be 4-D (output channels, kernel x, kernel y, "
                f"input channels / groups), none of them 0; got shape {weight.shape}."
            )
        check_real(f"Conv '{self.name}'", "weight", weight)
        if not np.isfinite(weight).all():
            raise ValueError(
                f"Conv '{self.name}': its weight of shape {weight.shape} has NaN or infinite "
                f"values, the first at {np.argwhere(~np.isfinite(weight))[0].tolist()}."
            )
        return weight

    def _checked_input_shape(self, shape: Sequence[int]) -> tuple[int, int, int]:
        sizes = np.atleast_1d(shape).tolist()
        if len(sizes) != 3 or any(not isinstance(n, Integral) or n < 1 for n in sizes):
            raise ValueError(
                f"Conv '{self.name}': input_shape must be (x, y, channels), three whole numbers "
                f"from 1 on; got {shape!r}."
            )
        return sizes[0], sizes[1], sizes[2]

    def _check_channels(self, weight: tuple[int, ...], groups: int) -> None:
        if not isinstance(groups, Integral) or isinstance(groups, bool) or groups < 1:
            raise ValueError(
                f"Conv '{self.name}': groups must be one whole number from 1 on; got {groups!r}."
            )
        channels = self.input_shape[2]
        if channels % groups or weight[0] % groups:
            raise ValueError(
                f"Conv '{self.name}': groups={groups} must divide the input's {channels} channels "
                f"and the weight's {weight[0]} output channels."
            )
        if weight[3] * groups != channels:
            raise ValueError(
                f"Conv '{self.name}': an input of shape {self.input_shape} in {groups} groups has "
                f"{channels // groups} channels a group, but the weight of shape {weight} is for "
                f"{weight[3]}."
            )

    def _pair(self, what: str, value: Any, low: int) -> tuple[int, int]:
        try:
            return whole_pair(value, low)
        except ValueError as error:
            raise ValueError(f"Conv '{self.name}': {what} {error}.") from None
