"""How dense connections behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.model.straight_through import straight_through
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.proc.dense.process import Dense
from lava_torch.utils.weightutils import (
    SignMode,
    clip_weights,
    determine_sign_mode,
    truncate_weights,
    truncated_bits,
    weight_range,
)


class DenseModel(TorchProcessModel):
    """A buffered connection: it sends what it accumulated from the spikes of the step before."""

    shared = ("weights", "num_message_bits")
    trainable = ("weights",)

    def setup(self) -> None:
        # Read once: as a tensor it would make each step wait for the device.
        self.graded = bool(self.num_message_bits.max() > 0)

    def on_var_update(self) -> None:
        self.graded = bool(self.num_message_bits.max() > 0)

    def check(self, name: str, value: np.ndarray) -> None:
        if name == "weights" and not np.all(np.isfinite(value)):
            raise self.refuse(name, value, "finite")
        if name == "num_message_bits":
            self.check_range(name, value, 0, 32)

    def emit(self) -> Tensor:
        return self.a_buff

    def absorb(self, s_in: Tensor) -> None:
        self.a_buff = self.propagate(s_in if self.graded else binary(s_in))

    def propagate(self, s_in: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define propagate(s_in) -> activation.")


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DenseModelFloat(DenseModel):
    """Dense in float32 or float64."""

    def propagate(self, s_in: Tensor) -> Tensor:
        return functional.linear(s_in, self.weights)


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class DenseModelFixed(DenseModel):
    """Dense with 8-bit weights, exact; in training, the same numbers in floating point."""

    dtype = torch.int32

    def setup(self) -> None:
        super().setup()
        parameters = self.proc_params
        self.weight_exp = self._whole("weight_exp", parameters.get("weight_exp", 0), -24, 24)
        bits = parameters.get("num_weight_bits", 8)
        self.num_weight_bits = self._whole("num_weight_bits", bits, 0, 8)
        weights = self.weights.cpu().numpy()
        # Weights that are trained may change their sign.
        inferred = SignMode.MIXED if self.quantized_training else determine_sign_mode(weights)
        self.sign_mode = SignMode(parameters.get("sign_mode") or inferred)
        self._copy: tuple[tuple, Tensor] | None = None

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        if name == "weights":
            low, high = weight_range(SignMode.MIXED)
            self.check_range(name, np.trunc(value), low, high, " (8 bits and a sign)")

    def prepare(self) -> None:
        if not self.quantized_training:
            weights = clip_weights(self.weights.cpu().numpy(), self.sign_mode, num_bits=8)
            weights = truncate_weights(weights, self.sign_mode, self.num_weight_bits)
            self.weights = torch.from_numpy(weights).to(self.weights)

    def propagate(self, s_in: Tensor) -> Tensor:
        if self.quantized_training:
            activation = functional.linear(s_in, self.quantized_weights())
            shifted = torch.floor(activation * 2.0**self.weight_exp)
            return straight_through(activation * 2.0**self.weight_exp, lambda _: shifted)
        return shift_sum(self._exact_linear(s_in), self.weight_exp)

    def _exact_linear(self, s_in: Tensor) -> Tensor:
        """`weights @ s_in` of int32, exact, in a floating dtype that holds every partial sum:
        float32 for up to 2^16 spikes, float64 for up to 2^21 graded messages of 24 bits. Floats
        are multiplied faster than integers, and on GPUs too."""
        small = not self.graded and s_in.shape[-1] < 1 << 16
        dtype = torch.float32 if small else torch.float64
        activation = functional.linear(s_in.to(dtype), self._weights_as(dtype))
        return activation.to(torch.int64).to(torch.int32)

    def _weights_as(self, dtype: torch.dtype) -> Tensor:
        """A copy of the weights, made anew when they were replaced or written to."""
        version = (dtype, self.weights.data_ptr(), self.weights._version)
        if self._copy is None or self._copy[0] != version:
            self._copy = (version, self.weights.to(dtype))
        return self._copy[1]

    def quantized_weights(self) -> Tensor:
        """The trained weights as fixed point holds them, with a gradient that passes through."""
        return straight_through(self.weights, self._quantize)

    def _quantize(self, weights: Tensor) -> Tensor:
        low, high = weight_range(self.sign_mode)
        step = 2 ** truncated_bits(self.sign_mode, self.num_weight_bits)
        # Rounded to the grid here; the deployed truncation then leaves these numbers as they are.
        return (torch.round(weights / step) * step).clamp(
            -(-low // step) * step, high // step * step
        )

    def integers(self) -> dict[str, np.ndarray]:
        values = super().integers()
        if self.quantized_training:
            values["weights"] = self.quantized_weights().cpu().numpy().astype(np.int64)
        return values

    def integer_params(self) -> dict[str, object]:
        return {"sign_mode": self.sign_mode}

    def _whole(self, name: str, value: int, low: int, high: int) -> int:
        self.check_range(name, np.asarray(value), low, high)
        return int(value)


def binary(s_in: Tensor) -> Tensor:
    """1 where a spike arrived. Spikes are 0 or 1 already while a gradient flows through them."""
    return s_in if s_in.requires_grad else (s_in != 0).to(s_in.dtype)


def shift_sum(activation: Tensor, exponent: int) -> Tensor:
    """The summed activation times 2^exponent, rounded down."""
    return activation << exponent if exponent > 0 else activation >> -exponent
