"""From a rule's plan to functions of scalars: what one synapse becomes at the end of an epoch.

Floating point:

    v = v + sum of  dependency * mantissa * 2^exponent * product of (factor + constant)

Fixed point, as on Loihi (Davies et al., "Loihi: a neuromorphic manycore processor with on-chip
learning", IEEE Micro 38, 2018), with 7 bits of fraction in an accumulator of 16 bits and a sign:

    acc = v << 7
    acc = clip(acc + clip(c << (exponent + 7)))                             for each product, where
    c = mantissa * product of clip(factor + constant, k bits) >> max(0, sum of k - 11)
    v = acc / 128, rounded up with the probability of its fraction, then limited

k is 7 for traces, 9 for w, d and t, 1 for x0 and y0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from lava_torch.kernels.equation import Equation, clip, floor, maximum, minimum, sign, where
from lava_torch.kernels.learning.wide import Number, Wide

#: Bits of a factor in fixed point.
BITS = (
    {"x0": 1, "y0": 1} | dict.fromkeys(("x1", "x2", "y1", "y2", "y3"), 7) | dict.fromkeys("wdt", 9)
)
#: What a factor can be: a trace of 7 bits, but x1 a graded spike, and what neurons send as y is
#: anything, of which the history keeps this much.
RANGES = {
    "x0": (0, 1),
    "y0": (0, 1),
    "x1": (0, 255),
    "x2": (0, 127),
    **dict.fromkeys(("y1", "y2", "y3"), (-128, 255)),
    **dict.fromkeys("wdt", (-257, 256)),
}
#: Bits of fraction of the accumulator, and its limits.
FRACTION = 7
LOW, HIGH = -32769, 32767
#: A random number that rounds is in [0, ROUND].
ROUND = (1 << FRACTION) - 1


class Factor(Protocol):
    symbol: str
    constant: float
    sign: bool


class Product(Protocol):
    dependency: str
    mantissa: int
    exponent: int
    factors: Sequence[Factor]


class ProductSeries(Protocol):
    target: str
    products: Sequence[Product]


class Plan(Protocol):
    """What `lava_torch.learning.Plan` is; it must be hashable."""

    series: Sequence[ProductSeries]
    targets: Sequence[str]
    variables: Sequence[str]
    traces: Sequence[tuple[str, str]]
    flags: Sequence[str]
    decimate_exponent: int | None
    event_driven: bool


@dataclass(frozen=True)
class Rule:
    """A plan in floating point, or in fixed point.

    `limits` holds, for each target of the plan, the least and the largest value that it may get,
    None for no limit. `clamps` are, in fixed point, the limits of the accumulator before it is
    rounded. With `delays`, the target d is also given as a whole number of steps.
    """

    plan: Plan
    fixed: bool
    limits: tuple[tuple[float | None, float | None], ...]
    clamps: tuple[tuple[int | None, int | None], ...] = ()
    delays: bool = False

    def __post_init__(self) -> None:
        if self.fixed:
            for series in self.plan.series:
                for product in series.products:
                    _check_fixed(series.target, product)

    @property
    def traces(self) -> tuple[str, ...]:
        """The traces that are read, each once."""
        return tuple(dict.fromkeys(trace for trace, _ in self.plan.traces))

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """What `accumulate` takes besides the variables: flags, and traces as "x1_y0", which is x1
        as it was when y0."""
        return (*self.plan.flags, *(f"{trace}_{when}" for trace, when in self.plan.traces))

    @cached_property
    def accumulate(self) -> Equation:
        """(variables, factors) -> an accumulator of each target."""
        names = (*self.plan.variables, *self.factors)
        return Equation(self._over(names, self._accumulators), "learning_accumulate", names)

    @cached_property
    def finish(self) -> Equation:
        """(accumulators, r if fixed) -> each target, and the delay."""
        names = (*(f"acc_{target}" for target in self.plan.targets), *self._random)
        return Equation(self._over(names, self._finished), "learning_finish", names)

    @cached_property
    def changes(self) -> Equation:
        """(variables, factors) -> what is added to an accumulator of each target, by one of the
        pairs of neurons that share a synapse."""
        names = (*self.plan.variables, *self.factors)
        change = _changes_fixed if self.fixed else _changes_float
        return Equation(
            self._over(names, lambda named: [change(s, named) for s in self.plan.series]),
            "learning_changes",
            names,
        )

    @cached_property
    def whole(self) -> Equation:
        """(variables, r if fixed, factors) -> each target, and the delay."""
        names = (*self.plan.variables, *self._random, *self.factors)
        return Equation(self._over(names, self._whole), "learning_update", names)

    @cached_property
    def columns(self) -> Equation:
        """`whole` for synapses whose presynaptic neuron did not spike: without what x0 gates."""
        traces = (f"{trace}_{when}" for trace, when in self.plan.traces if when != "x0")
        flags = (flag for flag in self.plan.flags if flag != "x0")
        names = (*self.plan.variables, *self._random, *flags, *traces)
        return Equation(
            self._over(names, lambda named: self._whole({**named, "x0": None})),
            "learning_columns",
            names,
        )

    @property
    def results(self) -> tuple[str, ...]:
        """What `whole` and `finish` return."""
        return (*self.plan.targets, *(["delays"] if self.delays else []))

    @property
    def _random(self) -> tuple[str, ...]:
        return ("r",) if self.fixed else ()

    def _over(
        self, names: Sequence[str], fn: Callable[[dict[str, Any]], list[Any]]
    ) -> Callable[..., tuple[Any, ...]]:
        return lambda *values: tuple(fn(dict(zip(names, values, strict=True))))

    def _whole(self, named: Mapping[str, Any]) -> list[Any]:
        targets = self.plan.targets
        sums = dict(zip(targets, self._accumulators(named), strict=True))
        return self._finished({f"acc_{t}": sums[t] for t in targets} | {"r": named.get("r")})

    def _accumulators(self, named: Mapping[str, Any]) -> list[Any]:
        add = _add_fixed if self.fixed else _add_float
        return [add(named[series.target], series, named) for series in self.plan.series]

    def _finished(self, named: Mapping[str, Any]) -> list[Any]:
        results = []
        for place, target in enumerate(self.plan.targets):
            value = named[f"acc_{target}"]
            if self.fixed:
                value = _limit(value, *(self.clamps[place] if self.clamps else (None, None)))
                value = (value + (ROUND - named["r"])) >> FRACTION
            results.append(_limit(value, *self.limits[place]))
        if self.delays:
            d = results[self.plan.targets.index("d")]
            results.append(d if self.fixed else floor(d + 0.5))
        return results


def _limit(value: Any, low: float | None, high: float | None) -> Any:
    value = value if low is None else maximum(value, low)
    return value if high is None else minimum(value, high)


def _evaluated(factor: Factor, product: Product, named: Mapping[str, Any]) -> Any:
    """The factor's variable; None for one that is 0 for all."""
    trace = f"{factor.symbol}_{product.dependency}"
    return named[trace] if trace in named else named[factor.symbol]


def _gated(named: Mapping[str, Any], product: Product, value: Any) -> Any:
    return where(named[product.dependency] != 0, value, 0)


def _add_float(value: Any, series: ProductSeries, named: Mapping[str, Any]) -> Any:
    for product in series.products:
        if named[product.dependency] is None:
            continue
        change: Any = product.mantissa * 2.0**product.exponent
        for factor in product.factors:
            part = _evaluated(factor, product, named)
            part = 0 if part is None else part
            part = part + factor.constant if factor.constant else part
            change = change * (sign(part) if factor.sign else part)
        value = value + _gated(named, product, change)
    return value


def _changes_float(series: ProductSeries, named: Mapping[str, Any]) -> Any:
    return _add_float(named[series.target] * 0, series, named)


def _changes_fixed(series: ProductSeries, named: Mapping[str, Any]) -> Any:
    return sum(
        (_gated(named, product, _change(product, named).value) for product in series.products),
        start=named[series.target] * 0,
    )


def _add_fixed(value: Any, series: ProductSeries, named: Mapping[str, Any]) -> Any:
    low, high = RANGES[series.target]
    total = Number(value, low, high).shifted(FRACTION)
    for product in series.products:
        if named[product.dependency] is None:
            continue
        change = _change(product, named)
        gated = Number(
            _gated(named, product, change.value), min(change.low, 0), max(change.high, 0)
        )
        total = (total + gated).clip(LOW, HIGH)
    return total.value


def _change(product: Product, named: Mapping[str, Any]) -> Number:
    """What a product adds to an accumulator, where its dependency is there."""
    value = Wide.of(Number(product.mantissa, product.mantissa, product.mantissa))
    bits = 0
    for factor in product.factors:
        part = _evaluated(factor, product, named)
        low, high = RANGES[factor.symbol] if part is not None else (0, 0)
        number = Number(0 if part is None else part, low, high) + int(factor.constant)
        if factor.sign:
            number = number.sign()
        k = BITS[factor.symbol]
        value = value * number.clip(-(1 << k), (1 << k) - 1)
        bits += k
    value = value.shifted_right(max(0, bits - 11))
    return value.clipped_shift(product.exponent + FRACTION, LOW, HIGH)


def _check_fixed(target: str, product: Product) -> None:
    """Raises ValueError for what fixed point has not."""
    for factor in product.factors:
        if factor.constant != int(factor.constant):
            raise ValueError(
                f"d{target}: the constant {factor.constant:g} beside {factor.symbol} is no whole "
                "number, which fixed point needs. Use one, or floating point."
            )
    bits = sum(BITS[factor.symbol] for factor in product.factors)
    if bits > Wide.BITS:
        raise ValueError(
            f"d{target}: a product of {len(product.factors)} factors has {bits} bits, and fixed "
            f"point has {Wide.BITS}. Take a factor away, or use floating point."
        )


__all__ = ["BITS", "FRACTION", "RANGES", "ROUND", "Plan", "Rule", "clip"]
