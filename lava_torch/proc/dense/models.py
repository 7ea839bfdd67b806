"""How dense connections behave, in floating and in Loihi's fixed point."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lava_torch.core.decorator import implements, requires, tag
from lava_torch.core.resources import CPU
from lava_torch.core.sync import LoihiProtocol
from lava_torch.kernels import message, spike
from lava_torch.kernels.equation import Smooth
from lava_torch.kernels.op import Row
from lava_torch.model.rows import Rows, rows_of
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
    last_axis_outermost = ("weights",)

    def setup(self) -> None:
        # Smooth spikes, for gradients that finite differences check, are numbers between 0 and 1.
        self._smooth = isinstance(self.binding.surrogate, Smooth)
        self.on_var_update()

    def on_var_update(self) -> None:
        # Read once: as a tensor it would make each step wait for the device.
        self.graded = bool(self.num_message_bits.max() > 0)

    def check(self, name: str, value: np.ndarray) -> None:
        if name == "weights" and not np.all(np.isfinite(value)):
            raise self.refuse(name, value, "finite")
        if name == "num_message_bits":
            self.check_range(name, value, 0, 32)

    def emit(self) -> Tensor:
        return self.a_buff

    def absorb(self, s_in: Tensor) -> None:
        self.a_buff = self.propagate(s_in if self.graded or self._smooth else binary(s_in))

    @rows_of("emit")
    def emit_rows(self, rows: Rows) -> None:
        rows.send("a_out", rows.var("a_buff"), state=True)

    def row_key(self) -> tuple:
        return (self.graded,)

    def _sum_row(self, rows: Rows) -> Row:
        """The weighted sum of what arrives, written over `a_buff`."""
        events = rows.events("s_in")
        graded = self.graded or self._smooth
        return spike.DENSE.on(
            events.spikes, events.count, events.x, rows.outermost("weights"), rows.var("a_buff"),
            graded,
        )  # fmt: skip

    def propagate(self, s_in: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define propagate(s_in) -> activation.")


@implements(proc=Dense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class DenseModelFloat(DenseModel):
    """Dense in float32 or float64."""

    def propagate(self, s_in: Tensor) -> Tensor:
        return functional.linear(s_in, self.weights)

    @rows_of("absorb", "propagate")
    def absorb_rows(self, rows: Rows) -> None:
        rows.add(self._sum_row(rows))


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
        self.sign_mode = self._sign_mode()
        self._truncated = False
        self._copy: tuple[Tensor, tuple, Tensor] | None = None

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        # Training may take weights past the range; `_quantize` limits them where they are used.
        in_training = self.quantized_training and "sign_mode" in vars(self)
        if name == "weights" and not in_training:
            low, high = weight_range(SignMode.MIXED)
            self.check_range(name, np.trunc(value), low, high, " (8 bits and a sign)")

    def prepare(self) -> None:
        # Once: weights that are set after the first step are taken as they are, as in Lava.
        if self.quantized_training or self._truncated:
            return
        self.sign_mode = self._sign_mode()  # the weights may have been set or loaded since
        weights = clip_weights(self.weights.cpu().numpy(), self.sign_mode, num_bits=8)
        weights = truncate_weights(weights, self.sign_mode, self.num_weight_bits)
        self.weights = torch.from_numpy(weights).to(self.weights)
        self._truncated = True

    def propagate(self, s_in: Tensor) -> Tensor:
        if self.quantized_training:
            return self._trained_linear(s_in)
        return shift_sum(self._exact_linear(s_in), self.weight_exp)

    @rows_of("absorb", "propagate")
    def absorb_rows(self, rows: Rows) -> None:
        rows.add(self._sum_row(rows))
        if self.weight_exp != 0:
            rows.add(message.SHIFT.on(rows.var("a_buff").view(-1), self.weight_exp))

    def _trained_linear(self, s_in: Tensor) -> Tensor:
        """The same number as fixed point sends, in floating point and with a gradient. Before the
        shift a sum of graded messages can need more bits than float32 has."""
        dtype = torch.float64 if self.graded else self.compute_dtype
        activation = functional.linear(s_in.to(dtype), self.quantized_weights().to(dtype))
        return straight_through(activation * 2.0**self.weight_exp, torch.floor).to(s_in.dtype)

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
        weights = self.weights
        if weights.is_inference():  # it has no version that tells whether it was written to
            return weights.to(dtype)
        version = (dtype, weights._version)
        # The original is kept too, lest another tensor comes to lie at its address.
        if self._copy is None or self._copy[0] is not weights or self._copy[1] != version:
            self._copy = (weights, version, weights.to(dtype))
        return self._copy[2]

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

    def _sign_mode(self) -> SignMode:
        """As given; else inferred, but weights that are trained may change their sign."""
        given = self.proc_params.get("sign_mode")
        if given is None and self.quantized_training:
            return SignMode.MIXED
        if given is None:
            return determine_sign_mode(self.weights.cpu().numpy())
        try:
            return SignMode(given)
        except ValueError:
            raise self.refuse("sign_mode", given, f"one of {list(SignMode)}") from None

    def _whole(self, name: str, value: int, low: int, high: int) -> int:
        self.check_range(name, np.asarray(value), low, high)
        return int(value)


def binary(s_in: Tensor) -> Tensor:
    """1 where a spike arrived, whatever its size; the gradient is that of its magnitude."""
    if not s_in.requires_grad:
        return spiked(s_in)
    return straight_through(torch.where(s_in < 0, -s_in, s_in), spiked)


def spiked(s_in: Tensor) -> Tensor:
    return (s_in != 0).to(s_in.dtype)


def shift_sum(activation: Tensor, exponent: int) -> Tensor:
    """The summed activation times 2^exponent, rounded down."""
    return activation << exponent if exponent > 0 else activation >> -exponent
