"""From floating point to Loihi's integers: one scale for each population.

A floating-point LIF population behaves the same if its input, threshold, bias and state are all
multiplied by the same k. Fixed point needs integers, so k is chosen as large as the 8-bit weights
(and the threshold and the bias) admit, and everything is rounded: `weights = k w`, `vth = k vth`;
u, v and the bias carry 6 more bits. The threshold stays 16 times below where u and v end, lest u
wraps: a strong current would become an inhibition. Decays become fractions of 4096. A connection
whose weights are small beside the threshold, or beside those of another connection into the same
population, gets a negative `weight_exp`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from lava_torch.core.process import AbstractProcess
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.proc.conv.process import Conv
from lava_torch.proc.dense.process import DelayDense, Dense
from lava_torch.proc.io import sink, source
from lava_torch.proc.lif.models import FRACTION_BITS
from lava_torch.proc.lif.process import LIF, LIFReset, TernaryLIF
from lava_torch.proc.sparse.process import DelaySparse, Sparse
from lava_torch.utils.delays import LONGEST_DELAY
from lava_torch.utils.weightutils import SignMode, truncated_bits, weight_range

#: A threshold of 17 bits is where u and v end; this leaves them room above it.
MAX_THRESHOLD = 2**17 // 16 - 1
MAX_MANTISSA = 2**12 - 1
MAX_BIAS_EXP = 7


@dataclass(frozen=True)
class Values:
    """A floating-point Process as it stands: its Vars' values and its constructor's parameters.

    A sparse Var's value is a scipy CSR matrix.
    """

    name: str
    process: AbstractProcess
    vars: Mapping[str, Any]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Converted:
    """What a fixed-point Process gets: inits of its Vars, and parameters of its model."""

    vars: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


class Converter(ABC):
    """How one class of Process is converted. Register it with `@converter(ProcessClass)`."""

    #: Whether what it sends has the scale of the population it feeds (False: spikes, scale 1).
    sends_scaled: bool = False
    #: Whether what it receives must have its own scale (False: spikes, or anything).
    receives_scaled: bool = False

    @abstractmethod
    def largest_scale(self, values: Values) -> float:
        """The largest k that the Process can represent; inf if any."""

    @abstractmethod
    def convert(self, values: Values, scale: float) -> Converted:
        """The integers for the scale k."""


#: The converters by Process class.
CONVERTERS: dict[type[AbstractProcess], Converter] = {}


def converter(*process_classes: type[AbstractProcess]):
    """Class decorator: register a Converter for Process classes.

    The Converter has two methods: `largest_scale(values)`, the largest factor k by which the
    Process's input, thresholds and state may be multiplied, and `convert(values, scale)`, its Vars
    as integers for a factor k. `values.vars` has the floating-point Vars by name.

        @converter(MyNeuron)
        class MyConverter(Converter):
            receives_scaled = True

            def largest_scale(self, values):
                return 131071 / values.vars["vth"].max()

            def convert(self, values, scale):
                return Converted({"vth": np.rint(values.vars["vth"] * scale)})
    """

    def register(cls: type[Converter]) -> type[Converter]:
        for process_class in process_classes:
            CONVERTERS[process_class] = cls()
        return cls

    return register


@converter(LIF, LIFReset, TernaryLIF)
class LIFConverter(Converter):
    """Thresholds, bias and state times k; decays in 1/4096."""

    receives_scaled = True

    def largest_scale(self, values: Values) -> float:
        _check_decays(values)
        vth = max(float(np.abs(values.vars[name]).max()) for name in _thresholds(values))
        bias = float(np.abs(values.vars["bias_mant"]).max())
        limit = MAX_MANTISSA * 2**MAX_BIAS_EXP / 2**FRACTION_BITS
        return min(MAX_THRESHOLD / vth if vth else np.inf, limit / bias if bias else np.inf)

    def convert(self, values: Values, scale: float) -> Converted:
        fine = scale * 2**FRACTION_BITS
        mantissa, exponent = _mantissa(values.vars["bias_mant"] * fine)
        state = {name: np.rint(values.vars[name] * fine) for name in ("u", "v")}
        return Converted(
            {
                **state,
                **{name: np.rint(values.vars[name] * scale) for name in _thresholds(values)},
                # Loihi's current decays by (du + 1) / 4096.
                "du": np.clip(np.rint(values.vars["du"] * 4096) - 1, 0, 4095),
                "dv": np.clip(np.rint(values.vars["dv"] * 4096), 0, 4096),
                "bias_mant": mantissa,
                "bias_exp": exponent,
            }
        )


@converter(Dense, Sparse)
class WeightsConverter(Converter):
    """Weights times k, on the grid of their bits; small ones with a negative exponent."""

    sends_scaled = True

    def largest_scale(self, values: Values) -> float:
        largest = _largest(values.vars["weights"])
        return self._top(values) / largest if largest else np.inf

    def convert(self, values: Values, scale: float) -> Converted:
        weights = values.vars["weights"] * scale
        largest = _largest(weights)
        room = np.floor(np.log2(self._top(values) / largest + 1e-9)) if largest else 0
        exponent = -int(np.clip(room, 0, 6))
        grid = self._grid(values)
        integers = _rint(weights * (2.0**-exponent / grid)) * grid
        params = {"weight_exp": exponent, "sign_mode": SignMode.MIXED}
        return Converted({"weights": integers.astype(np.int64)}, params)

    def _grid(self, values: Values) -> int:
        return 2 ** truncated_bits(SignMode.MIXED, values.params.get("num_weight_bits", 8))

    def _top(self, values: Values) -> int:
        grid = self._grid(values)
        return weight_range(SignMode.MIXED)[1] // grid * grid


@converter(DelayDense, DelaySparse)
class DelayConverter(WeightsConverter):
    """The same; delays stay, up to 63."""

    def convert(self, values: Values, scale: float) -> Converted:
        longest = _largest(values.vars["delays"])
        if longest > LONGEST_DELAY:
            raise ValueError(
                f"'{values.name}' has delays of up to {longest:g} steps; fixed point has "
                f"{LONGEST_DELAY} at most."
            )
        converted = super().convert(values, scale)
        return Converted(
            {**converted.vars, "delays": values.vars["delays"].astype(np.int64)}, converted.params
        )


@converter(Conv)
class ConvConverter(Converter):
    """Weights times k, in the 8 bits that Loihi has. An exponent would have no effect."""

    sends_scaled = True

    def largest_scale(self, values: Values) -> float:
        largest = _largest(values.vars["weight"])
        return weight_range(SignMode.MIXED)[1] / largest if largest else np.inf

    def convert(self, values: Values, scale: float) -> Converted:
        return Converted({"weight": np.rint(values.vars["weight"] * scale).astype(np.int64)})


@converter(source.RingBuffer)
class SourceConverter(Converter):
    """Spikes and graded messages stay; currents for a population are scaled and rounded."""

    sends_scaled = True

    def largest_scale(self, values: Values) -> float:
        return np.inf

    def convert(self, values: Values, scale: float) -> Converted:
        data = np.asarray(values.process.data.init)
        if scale == 1 and np.any(data != np.trunc(data)):
            raise ValueError(
                f"source '{values.name}' feeds a connection with data that are not whole numbers; "
                f"fixed point sends int32. Encode them as spikes, or scale and round them."
            )
        return Converted({"data": np.rint(data * scale)})


@converter(sink.RingBuffer)
class SinkConverter(Converter):
    """A sink keeps what it receives, whatever its scale."""

    def largest_scale(self, values: Values) -> float:
        return np.inf

    def convert(self, values: Values, scale: float) -> Converted:
        return Converted()


def values_of(model: TorchProcessModel, process: AbstractProcess) -> Values:
    """The parameters that a floating-point model holds now, and the state that its Process starts
    from."""
    held = {name: model.get_var(name) for name in model.var_names() if model.is_shared(name)}
    inits = {
        var.name: np.asarray(var.init, dtype=float)
        for var in process.vars
        if var.name in model.var_names() and var.name not in held
    }
    bits = process.proc_params.get("num_weight_bits", 8)
    return Values(model.binding.name, process, {**inits, **held}, {"num_weight_bits": bits})


def _check_decays(values: Values) -> None:
    """What training may have done to them; rounded to 1/4096 they would hide it."""
    for name in ("du", "dv"):
        low, high = values.vars[name].min(initial=0), values.vars[name].max(initial=0)
        if low < 0 or high > 1:
            raise ValueError(
                f"'{name}' of '{values.name}' lies in [{low:g}, {high:g}]; fixed point has decays "
                f"in [0, 1]. Clamp it while training, or train what is mapped into that range."
            )


def _thresholds(values: Values) -> tuple[str, ...]:
    return ("vth",) if isinstance(values.process, LIF) else ("vth_hi", "vth_lo")


def _largest(values: Any) -> float:
    """The largest magnitude in an array or a sparse matrix."""
    stored = values.data if scipy.sparse.issparse(values) else values
    return float(np.abs(stored).max(initial=0))


def _rint(values: Any) -> Any:
    return values.rint() if scipy.sparse.issparse(values) else np.rint(values)


def _mantissa(bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mantissa and exponent for each value, with the smallest exponent whose mantissa fits."""
    magnitude = np.maximum(np.abs(bias) / MAX_MANTISSA, 1)
    exponent = np.clip(np.ceil(np.log2(magnitude)), 0, MAX_BIAS_EXP)
    mantissa = np.clip(np.rint(bias / 2.0**exponent), -MAX_MANTISSA - 1, MAX_MANTISSA)
    return mantissa, exponent
