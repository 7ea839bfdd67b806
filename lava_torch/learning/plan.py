"""What the rules of a connection say together, as plain data that kernels are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lava_torch.learning.errors import RuleError
from lava_torch.learning.grammar import parse
from lava_torch.learning.series import (
    DEPENDENCIES,
    VARIABLES,
    Factor,
    Product,
    ProductSeries,
    traces_per_dependency,
)

__all__ = ["Factor", "Plan", "Product", "ProductSeries"]


@dataclass(frozen=True)
class Plan:
    """The sums of products of a connection, in the order w, t, d. Hashable."""

    series: tuple[ProductSeries, ...]

    @classmethod
    def of(cls, texts: Mapping[str, str | None]) -> Plan:
        """The plan of rules by name, such as {"dw": "x0*y1"}; None is no rule.

        Raises RuleError for what is no rule, and for two different uK.
        """
        given = {t: texts[f"d{t}"] for t in VARIABLES if texts.get(f"d{t}") is not None}
        plan = cls(tuple(parse(target, text) for target, text in given.items()))
        for series in plan.series:
            if series.decimate_exponent not in (None, plan.decimate_exponent):
                text = given[series.target]
                raise RuleError.at(
                    series.target,
                    text,
                    re.search(r"u\d", text).start(),
                    f"u{series.decimate_exponent} here, and u{plan.decimate_exponent} in another "
                    "rule: a connection has one uK. Use the same in dw, dt and dd.",
                )
        return plan

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """Those of all series."""
        return tuple(product for series in self.series for product in series.products)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Those of w, t and d that are written."""
        return tuple(series.target for series in self.series)

    @cached_property
    def _symbols(self) -> set[str]:
        return {factor.symbol for product in self.products for factor in product.factors}

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Those of w, t and d that are read or written, in this order."""
        return tuple(v for v in VARIABLES if v in self._symbols or v in self.targets)

    @cached_property
    def traces(self) -> tuple[tuple[str, str], ...]:
        """(trace, dependency) for each trace that is read and the dependency that says when."""
        pairs = {(trace, p.dependency) for p in self.products for trace in p.traces}
        return tuple(sorted(pairs))

    @property
    def active_traces_per_dependency(self) -> dict[str, set[str]]:
        """The traces that are read, by the dependency that says when."""
        return traces_per_dependency(self.products)

    @cached_property
    def dependencies(self) -> tuple[str, ...]:
        """Those of x0, y0 and u that a product depends on."""
        return tuple(d for d in DEPENDENCIES if any(p.dependency == d for p in self.products))

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """Those of x0, y0 and u that occur, as a dependency or as a factor."""
        return tuple(d for d in DEPENDENCIES if d in self.dependencies or d in self._symbols)

    @cached_property
    def decimate_exponent(self) -> int | None:
        """The K of uK; None where no product depends on it."""
        found = (s.decimate_exponent for s in self.series if s.decimate_exponent is not None)
        return next(found, None)

    @cached_property
    def event_driven(self) -> bool:
        """Whether a synapse changes only where its pre- or postsynaptic neuron spiked."""
        return "u" not in self.dependencies
