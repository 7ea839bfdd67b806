"""What connections have in common: messages, buffered output, and Loihi's 8-bit weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lava_torch.kernels import message, spike
from lava_torch.kernels.equation import Smooth
from lava_torch.kernels.op import Row
from lava_torch.model.errors import VarValueError
from lava_torch.model.layers import Layer, layer_of
from lava_torch.model.rows import Rows, rows_of, unchanged
from lava_torch.model.straight_through import straight_through
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.model.values import version
from lava_torch.utils.weightutils import (
    SignMode,
    clip_weights,
    determine_sign_mode,
    truncate_weights,
    truncated_bits,
    weight_range,
)


class ConnectionModel(TorchProcessModel):
    """A buffered connection: it sends what it accumulated from the spikes of the step before.

    A subclass says what a weighted sum is, by `linear(s_in, weights)`. Its weights are a tensor of
    any shape: of a sparse Var, the stored values.
    """

    shared = ("weights", "num_message_bits")
    trainable = ("weights",)
    passes_gradients = computes = True
    #: The Var that holds what is sent next.
    buffer: ClassVar[str] = "a_buff"
    #: What a layer gives `propagate` at once on a CPU: items with so many bytes of results.
    at_once: ClassVar[int | None] = None
    #: The share of active inputs above which `linear`, which multiplies by every weight, is faster
    #: than a visit to those of the active ones; None: never.
    crossover: ClassVar[float | None] = None

    def setup(self) -> None:
        # Smooth spikes, for gradients that finite differences check, are numbers between 0 and 1.
        self._smooth = isinstance(self.binding.surrogate, Smooth)
        self.on_var_update()

    def on_var_update(self) -> None:
        # Read once: as a tensor it would make each step wait for the device.
        self.graded = bool(self.num_message_bits.max() > 0)

    def check(self, name: str, value: np.ndarray) -> None:
        if name in self.trainable and not np.all(np.isfinite(value)):
            raise self.refuse(name, value, "finite")
        if name == "num_message_bits":
            self.check_range(name, value, 0, 32)

    @property
    def traceable(self) -> tuple[str, ...]:
        return (self.buffer,)

    def emit(self) -> Tensor:
        return getattr(self, self.buffer)

    @rows_of("emit")
    def emit_rows(self, rows: Rows) -> None:
        rows.send("a_out", rows.var(self.buffer), state=True)

    def row_key(self) -> tuple:
        parts = (t for name in self.sparse for t in self.stored_parts(name))
        return (self.graded, *map(version, parts))

    def absorb(self, s_in: Tensor) -> None:
        setattr(self, self.buffer, self.propagate(self.counted(s_in)))

    @layer_of("emit", "absorb")
    def layer(self, layer: Layer) -> None:
        """All steps in one product: to `propagate` they are items of a batch."""
        s_in = layer.whole("s_in")
        s_in = (s_in if layer.spikes("s_in") else self.counted(s_in)).to(self.compute_dtype)
        held = getattr(self, self.buffer).detach()
        row = layer.batch, math.prod(self.binding.out_shapes["a_out"])
        if layer.differentiable and self.buffer not in layer.traced:
            # Under autocast torch's own product chooses its precision.
            autocast = torch.is_autocast_enabled(s_in.device.type)
            known = unchanged(self, "delivered", ()) is not None and not autocast
            deliver = self.delivered if known else self._delivered
            layer.send("a_out", deliver(s_in.contiguous(), held.reshape(row)))
            return
        arrived = self._arriving(s_in).reshape(layer.steps, *row)
        sums = torch.cat([held.reshape(1, *row), arrived])
        layer.send("a_out", sums[:-1])
        layer.trace(self.buffer, sums[1:])
        setattr(self, self.buffer, sums[-1].view_as(held))

    def _delivered(self, s_in: Tensor, first: Tensor) -> Tensor:
        """What is sent in each step, (steps, batch, n): at first what is held, then what arrived a
        step before. A subclass may say it at once, by `delivered`; what the last step leaves is not
        looked at."""
        steps = len(s_in)
        arrived = self._arriving(s_in[:-1]).reshape(steps - 1, *first.shape)
        return torch.cat([first[None], arrived])

    def _arriving(self, s_in: Tensor) -> Tensor:
        """`propagate` of (steps, batch, size), as items of one batch."""
        items = s_in.shape[0] * s_in.shape[1]
        if items == 0:  # of one step nothing is sent within it
            return s_in.new_empty(0)
        batch = s_in.reshape(items, *self.binding.in_shapes["s_in"])
        if self.at_once is None or not s_in.is_cpu:
            return self.propagate(batch)
        size = math.prod(self.binding.out_shapes["a_out"]) * s_in.element_size()
        pieces = batch.split(max(1, self.at_once // size))
        return torch.cat([self.propagate(piece) for piece in pieces])

    def events(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor, bool]:
        """What arrives, for a row that sums it: spikes, count, x, and whether x counts."""
        events = rows.events("s_in")
        graded = self.graded or self._smooth
        # What does not count may be anything: of one dtype, so that a row is compiled once.
        return events.spikes, events.count, events.x if graded else events.spikes, graded

    def add_rows(self, rows: Rows, exponent: int) -> None:
        """Rows that write what arrives over the buffer; `sum_row` makes the first of them."""
        sums = rows.var(self.buffer)
        rows.add(self.sum_row(rows, sums))
        if exponent != 0:
            rows.add(message.SHIFT.on(sums.view(-1), exponent))

    def sum_row(self, rows: Rows, sums: Tensor) -> Row:
        """The weighted sum of what arrives, written over `sums` (batch, size)."""
        raise TypeError(f"{type(self).__name__} must define sum_row(rows, sums) -> row.")

    def counted(self, s_in: Tensor) -> Tensor:
        """What counts of a message: graded ones as they are, else 1 for each spike."""
        return s_in if self.graded or self._smooth else binary(s_in)

    def propagate(self, s_in: Tensor) -> Tensor:
        """The activation that arrives."""
        return self.linear(s_in, self.weights)

    def linear(self, s_in: Tensor, weights: Tensor) -> Tensor:
        raise TypeError(f"{type(self).__name__} must define linear(s_in, weights) -> activation.")


class FixedConnectionModel(ConnectionModel):
    """8-bit weights, exact; in training, the same numbers in floating point."""

    dtype = torch.int32

    def setup(self) -> None:
        super().setup()
        parameters = self.proc_params
        self.weight_exp = self._whole("weight_exp", parameters.get("weight_exp", 0), -24, 24)
        bits = parameters.get("num_weight_bits", 8)
        self.num_weight_bits = self._whole("num_weight_bits", bits, 0, 8)
        self.sign_mode = self._sign_mode()
        self._truncated = False

    def get_hidden(self) -> dict[str, Any]:
        return {**super().get_hidden(), "truncated": self._truncated}

    def set_hidden(self, state: Mapping[str, Any]) -> None:
        super().set_hidden(state)
        self._truncated = bool(state["truncated"])

    def row_key(self) -> tuple:
        return (*super().row_key(), self.weight_exp)

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
        return shift_sum(self.exact_linear(s_in), self.weight_exp)

    def exact_linear(self, s_in: Tensor) -> Tensor:
        """The sum of int32 before the shift, exact."""
        return self.linear(s_in, self.weights)

    def _trained_linear(self, s_in: Tensor) -> Tensor:
        """The same number as fixed point sends, in floating point and with a gradient. Before the
        shift a sum of graded messages can need more bits than float32 has."""
        dtype = torch.float64 if self.graded else self.compute_dtype
        activation = self.linear(s_in.to(dtype), self.quantized_weights().to(dtype))
        return straight_through(activation * 2.0**self.weight_exp, torch.floor).to(s_in.dtype)

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
            weights = self.quantized_weights().cpu().numpy().astype(np.int64)
            values["weights"] = self.as_var("weights", weights)
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
        number = np.asarray(value)
        if number.size != 1:
            raise self.refuse(name, number, f"one whole number in [{low}, {high}]")
        self.check_range(name, number, low, high)
        return int(number.item())


class ColumnsModel(ConnectionModel):
    """A connection that looks ahead: column k of `a_buff` is sent in k steps. `linear` gives what
    arrives for each, (..., n, columns)."""

    def emit(self) -> Tensor:
        return self.a_buff[..., 0]

    def absorb(self, s_in: Tensor) -> None:
        arriving = self.propagate(self.counted(s_in))
        left = torch.cat([self.a_buff[..., 1:], torch.zeros_like(self.a_buff[..., :1])], dim=-1)
        self.a_buff = left + arriving


class DelayConnectionModel(ColumnsModel):
    """A connection whose synapses each have a delay, of which there are max_delay + 1."""

    shared = ("weights", "delays", "num_message_bits")
    #: The largest delay that the precision has.
    longest: int | None = None

    def row_key(self) -> tuple:
        return (*super().row_key(), version(self.delays))

    def checked_delays(self) -> Tensor:
        """The delays, which name slots of the ring: looked into again when they were replaced or
        written to, other than by `set`.

        Raises VarValueError where one is out of range.
        """
        delays = self.delays
        self.look_into("delays", (delays,), self._check_delays)
        return delays

    def check_restored(self) -> None:
        super().check_restored()
        self.checked_delays()

    def _check_delays(self) -> None:
        delays = self.delays
        if delays.shape != self.weights.shape or delays.is_floating_point():
            found = f"{delays.dtype} of shape {tuple(delays.shape)}"
            wanted = f"integers of the weights' shape {tuple(self.weights.shape)}"
            raise VarValueError(f"{self.label('delays')} are {found}; they must be {wanted}.")
        self.check("delays", delays.cpu().numpy())

    def bind(self, binding, inits, shapes) -> None:
        self.slots = shapes["a_buff"][-1]
        # The weights first: sparse delays lie at their positions.
        super().bind(binding, {"weights": inits["weights"], **inits}, shapes)

    def var_dtype(self, name: str) -> torch.dtype:
        if name != "delays":
            return super().var_dtype(name)
        return torch.uint8 if self.slots <= 256 else torch.int32

    def check(self, name: str, value: np.ndarray) -> None:
        super().check(name, value)
        if name != "delays" or not value.size:
            return
        if self.longest is not None and value.max() > self.longest:
            raise self.refuse(
                name, value, f"in [0, {self.longest}], the delays that fixed point has"
            )
        hint = ", its max_delay: give the constructor a larger one for longer delays"
        if not np.array_equal(value, np.trunc(value)):
            raise self.refuse(name, value, f"whole numbers in [0, {self.slots - 1}]")
        self.check_range(name, value, 0, self.slots - 1, hint)

    @rows_of("emit")
    def emit_rows(self, rows: Rows) -> None:
        columns, ring = self._columns(rows), self._ring(rows)
        rows.before(spike.RING_LOAD.on(columns, ring, rows.clock))
        rows.after(spike.RING_STORE.on(ring, columns, rows.clock))
        sent = rows.scratch((ring.shape[0], ring.shape[2]), ring.dtype)
        rows.add(spike.RING_SEND.on(ring, rows.clock, sent))
        rows.send("a_out", sent)

    def add_rows(self, rows: Rows, exponent: int) -> None:
        """Rows that add what arrives to the ring (batch, max_delay + 1, n) in place of a sum;
        `sum_row` makes the first of them."""
        ring = self._ring(rows)
        if exponent == 0:
            rows.add(self.sum_row(rows, ring))
            return
        sums = rows.scratch(tuple(ring.shape), ring.dtype)
        rows.add(self.sum_row(rows, sums))
        rows.add(spike.RING_FLUSH.on(sums, ring, rows.clock, exponent))

    def _columns(self, rows: Rows) -> Tensor:
        """`a_buff` as (batch, n, max_delay + 1)."""
        return rows.var("a_buff").view(rows.batch, -1, self.slots)

    def _ring(self, rows: Rows) -> Tensor:
        """What `a_buff` is within a run: (batch, max_delay + 1, n), with the slot by the time."""
        batch, post, slots = self._columns(rows).shape
        return rows.scratch((batch, slots, post), self.compute_dtype, "ring")


@rows_of("absorb", "counted", "propagate", "linear")
def float_rows(self: ConnectionModel, rows: Rows) -> None:
    """`absorb_rows` of a connection in floating point. The model that defines the last of these
    methods takes it, for a model that changes one of them is not run by its base's rows."""
    self.add_rows(rows, 0)


@rows_of("absorb", "counted", "propagate", "exact_linear", "linear")
def fixed_rows(self: FixedConnectionModel, rows: Rows) -> None:
    """`absorb_rows` of a connection in fixed point."""
    self.add_rows(rows, self.weight_exp)


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
