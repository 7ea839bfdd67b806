"""What a learning rule says, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lava_torch.learning.errors import RuleError

DEPENDENCIES = ("x0", "y0", "u")
X_TRACES, Y_TRACES = ("x1", "x2"), ("y1", "y2", "y3")
TRACES = (*X_TRACES, *Y_TRACES)
VARIABLES = ("w", "t", "d")


@dataclass(frozen=True)
class Factor:
    """symbol + constant; or the sign of that."""

    symbol: str
    constant: float = 0.0
    sign: bool = False


@dataclass(frozen=True)
class Product:
    """dependency * mantissa * 2^exponent * product of the factors."""

    dependency: str
    mantissa: int
    exponent: int
    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class ProductSeries:
    """What is added to the synaptic variable `target` ("w", "t" or "d") at the end of an epoch."""

    target: str
    products: tuple[Product, ...]
    decimate_exponent: int | None = None

    @property
    def active_traces(self) -> set[str]:
        return {trace for traces in self.active_traces_per_dependency.values() for trace in traces}

    @property
    def active_traces_per_dependency(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for product in self.products:
            traces = {f.symbol for f in product.factors if f.symbol in TRACES}
            if traces:
                found.setdefault(product.dependency, set()).update(traces)
        return found


@dataclass(frozen=True)
class Plan:
    """The series of a rule, in the order w, t, d."""

    series: tuple[ProductSeries, ...]

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Plan:
        """The plan of rules by name, such as {"dw": "x0*y1"}.

        Raises RuleError for what is no rule, and for two different uK.
        """
        from lava_torch.learning.grammar import parse

        plan = cls(tuple(parse(t, texts[f"d{t}"]) for t in VARIABLES if texts.get(f"d{t}")))
        exponents = {s.decimate_exponent for s in plan.series} - {None}
        if len(exponents) > 1:
            names = " and ".join(f"u{k}" for k in sorted(exponents))
            raise RuleError(f"the rules {dict(texts)} use {names}; a connection has one uK.")
        return plan

    @cached_property
    def products(self) -> tuple[Product, ...]:
        return tuple(product for series in self.series for product in series.products)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        return tuple(series.target for series in self.series)

    @cached_property
    def _symbols(self) -> set[str]:
        return {factor.symbol for product in self.products for factor in product.factors}

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Those of w, t and d that are read or written."""
        return tuple(v for v in VARIABLES if v in self._symbols or v in self.targets)

    @cached_property
    def traces(self) -> tuple[tuple[str, str], ...]:
        """(trace, dependency) for each trace that is read, and when: as its dependency spiked."""
        pairs = {(f.symbol, p.dependency) for p in self.products for f in p.factors}
        return tuple(sorted(pair for pair in pairs if pair[0] in TRACES))

    @cached_property
    def dependencies(self) -> tuple[str, ...]:
        return tuple(d for d in DEPENDENCIES if any(p.dependency == d for p in self.products))

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """Those of x0, y0 and u that occur, as a dependency or as a factor."""
        return tuple(d for d in DEPENDENCIES if d in self.dependencies or d in self._symbols)

    @cached_property
    def decimate_exponent(self) -> int | None:
        found = (s.decimate_exponent for s in self.series if s.decimate_exponent is not None)
        return next(found, None)

    @property
    def event_driven(self) -> bool:
        """Whether only synapses change whose pre- or postsynaptic neuron spiked in the epoch."""
        return "u" not in self.dependencies
