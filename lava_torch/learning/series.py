"""Sums of products, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

#: What says when a product counts: a presynaptic spike, a postsynaptic one, the end of an epoch.
DEPENDENCIES = ("x0", "y0", "u")
TRACES = ("x1", "x2", "y1", "y2", "y3")
#: Weight, tag and delay of a synapse.
VARIABLES = ("w", "t", "d")


@dataclass(frozen=True)
class Factor:
    """symbol + constant; with `sign`, the sign (-1, 0 or 1) of that.

    `symbol` is one of w, t, d, x0, y0, x1, x2, y1, y2, y3.
    """

    symbol: str
    constant: float = 0.0
    sign: bool = False


@dataclass(frozen=True)
class Product:
    """dependency * mantissa * 2^exponent * product of the factors.

    `dependency` is "x0", "y0" or "u"; traces among the factors are read at its time.
    """

    dependency: str
    mantissa: int
    exponent: int
    factors: tuple[Factor, ...] = ()

    @property
    def traces(self) -> set[str]:
        """Those of x1, x2, y1, y2 and y3 that are factors."""
        return {factor.symbol for factor in self.factors} & set(TRACES)


@dataclass(frozen=True)
class ProductSeries:
    """What is added to the synaptic variable `target` ("w", "t" or "d") at the end of an epoch.

    `decimate_exponent` is the K of the products that depend on uK; None if none does.
    """

    target: str
    products: tuple[Product, ...]
    decimate_exponent: int | None = None

    @property
    def active_traces(self) -> set[str]:
        """The traces that any product reads."""
        return set().union(*(product.traces for product in self.products))

    @property
    def active_traces_per_dependency(self) -> dict[str, set[str]]:
        """The traces that are read, by the dependency that says when."""
        return traces_per_dependency(self.products)


def traces_per_dependency(products: tuple[Product, ...]) -> dict[str, set[str]]:
    """The traces that the products read, by dependency."""
    found: dict[str, set[str]] = {}
    for product in products:
        found.setdefault(product.dependency, set()).update(product.traces)
    return found
