"""Tracing: the equation is called once with symbols, which record what is done to them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, NoReturn, TypeGuard

import numpy as np
import torch

from lava_torch.kernels.equation.errors import (
    EquationError,
    calling_line,
    raising_line,
    source_line,
)
from lava_torch.kernels.equation.graph import (
    COMPUTE_DTYPES,
    CONDITION,
    NUMBER,
    Graph,
    Node,
    prune,
)

#: Every function that an equation may call on its values; `primitives` defines them.
PRIMITIVES = (
    "absolute", "clip", "cos", "decay", "exp", "floor", "log", "maximum", "minimum", "shift",
    "sign", "sin", "spike", "sqrt", "tanh", "trunc", "where",
)  # fmt: skip
_ONLY_PRIMITIVES = "No backend has it; the primitives are: " + ", ".join(PRIMITIVES)

_INT32 = np.iinfo(np.int32)


class Tracer:
    """Records the operations of one call of an equation in one dtype.

    `smooth`: for its gradient, which needs what a plain trace leaves out. Then three operations
    stand for themselves, which no backend has: `spike` of a value and its scale, `tanh`, and
    `straight`, the first of its operands with the gradient of the second.
    """

    def __init__(self, name: str, dtype: torch.dtype, smooth: bool = False) -> None:
        self.name = name
        self.dtype = dtype
        self.smooth = smooth
        self.nodes: list[Node] = []
        self._positions: dict[tuple[object, ...], int] = {}

    def fail(self, problem: str, advice: str, location: str | None = None) -> NoReturn:
        place = location or calling_line()
        where = f" ({place})" if place else ""
        raise EquationError(f"equation '{self.name}'{where}: {problem}. {advice}.")

    def record(
        self, op: str, kind: str, *operands: Symbol, value: int | float | None = None
    ) -> Symbol:
        """A new value, or the one that the same operation gave before."""
        positions = tuple(s.index for s in operands)
        key = (op, kind, positions, repr(value))
        if key not in self._positions:
            self._positions[key] = len(self.nodes)
            self.nodes.append(Node(op, kind, positions, value))
        return Symbol(self, self._positions[key], kind)

    def lift(self, value: object) -> Symbol:
        """`value` as a symbol: itself, or a constant of the compute dtype."""
        if isinstance(value, Symbol):
            if value.tracer is not self:
                self.fail("a value of another equation's trace is used", "Pass it as an argument")
            return value
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]  # what numpy makes of its numbers on the way to a comparison
        if isinstance(value, bool | np.bool_):
            return self.record("constant", CONDITION, value=int(value))
        if isinstance(value, torch.Tensor | np.ndarray):
            self.fail(
                f"a {type(value).__name__} is used as a constant",
                "Pass it as an argument of the equation",
            )
        if not isinstance(value, Number) or isinstance(value, complex | np.complexfloating):
            self.fail(f"{value!r} is not a real number", "Use numbers and the arguments only")
        return self.record("constant", NUMBER, value=self._constant(value))

    def _constant(self, value: Any) -> int | float:
        """`value` rounded to the compute dtype."""
        if self.dtype == torch.int32:
            return self._integer(value)
        with np.errstate(over="ignore"):
            rounded = float(np.float32(value) if self.dtype == torch.float32 else np.float64(value))
        if np.isinf(rounded) and not np.isinf(value):
            self.fail(f"the constant {value} overflows {self.dtype}", "Use a smaller one")
        return rounded

    def _integer(self, value: Any) -> int:
        if not isinstance(value, int | np.integer):
            self.fail(
                f"the constant {value} is not an integer, and this is the int32 form",
                "Write an int, or use the equation in float32 or float64",
            )
        if not _INT32.min <= value <= _INT32.max:
            self.fail(f"the constant {value} does not fit in int32", "Use 32 bits at most")
        return int(value)

    def number(self, value: object) -> Symbol:
        """`value` as a number of the compute dtype; conditions become 0 or 1."""
        symbol = self.lift(value)
        if symbol.kind == NUMBER:
            return symbol
        node = self.nodes[symbol.index]
        if node.op == "constant":
            return self.record("constant", NUMBER, value=self._constant(int(node.value or 0)))
        return self.record("number", NUMBER, symbol)

    def numeric(self, *values: object) -> list[Symbol]:
        """Operands of a function of numbers, of which none may be a condition."""
        if any(self._varies(v) and v.kind == CONDITION for v in values):
            self.fail(
                "a condition (a comparison's result) is used as a number",
                "Write where(condition, 1, 0)",
            )
        return [self.number(v) for v in values]

    def factors(self, *values: object) -> list[Symbol]:
        """Operands of + * and where: a condition counts as 0 or 1 beside a number of the equation.

        Beside a constant or another condition it does not: torch would widen, or take the "or".
        """
        if any(self._varies(v) and v.kind != CONDITION for v in values):
            return [self.number(v) for v in values]
        return self.numeric(*values)

    def _varies(self, value: object) -> TypeGuard[Symbol]:
        return isinstance(value, Symbol) and self.nodes[value.index].op != "constant"

    def floating(self, name: str, *values: object) -> list[Symbol]:
        """Operands of a function that integers do not have."""
        if self.dtype == torch.int32:
            self.fail(
                f"{name} is not there in int32",
                "Write it with shift, decay and integer operators, or use float32 or float64",
            )
        return self.numeric(*values)

    def integers(self, name: str, *values: object) -> list[Symbol]:
        """Operands of a bit operation."""
        if self.dtype != torch.int32:
            self.fail(
                f"`{name}` on numbers is there in int32 only, and this is the {self.dtype} form",
                "Write shift(x, e) to multiply by 2^e, or `&`, `|`, `~` on comparisons",
            )
        return self.numeric(*values)


def _binary(op: str, operands: Callable[..., list[Symbol]]) -> Callable[[Any, Any], Symbol]:
    def forward(self: Symbol, other: object) -> Symbol:
        return self.tracer.record(op, NUMBER, *operands(self.tracer, self, other))

    return forward


def _reflected(method: Callable[[Any, Any], Symbol]) -> Callable[[Any, Any], Symbol]:
    def backward(self: Symbol, other: object) -> Symbol:
        return method(self.tracer.lift(other), self)

    return backward


def _comparison(op: str) -> Callable[[Any, Any], Symbol]:
    def compare(self: Symbol, other: object) -> Symbol:
        pair = self.tracer.number(self), self.tracer.number(other)
        return self.tracer.record(op, CONDITION, *pair)

    return compare


def _bitwise(op: str, sign: str) -> Callable[[Any, Any], Symbol]:
    def combine(self: Symbol, other: object) -> Symbol:
        pair = self, self.tracer.lift(other)
        if all(s.kind == CONDITION for s in pair):
            return self.tracer.record(f"logical_{op}", CONDITION, *pair)
        if any(s.kind != NUMBER for s in pair):
            self.tracer.fail(
                f"`{sign}` combines a {pair[0].kind} with a {pair[1].kind}",
                "Write `x != 0` to make a number or a spike a condition",
            )
        return self.tracer.record(op, NUMBER, *self.tracer.integers(sign, *pair))

    return combine


def _shifts(op: str, sign: str) -> Callable[[Any, Any], Symbol]:
    def forward(self: Symbol, other: object) -> Symbol:
        if isinstance(other, int) and not 0 <= other <= 31:
            self.tracer.fail(f"`{sign} {other}` is outside 0 to 31 bits", "Write shift(x, e)")
        return self.tracer.record(op, NUMBER, *self.tracer.integers(sign, self, other))

    return forward


def _refused(sign: str, advice: str) -> Callable[..., NoReturn]:
    def refuse(self: Symbol, *_: object) -> NoReturn:
        self.tracer.fail(f"`{sign}` is not there", advice)

    return refuse


def _valueless(self: Symbol, *_: object) -> NoReturn:
    self.tracer.fail(
        "a Python number was asked for (by a function of `math`, int(), float() or round())",
        _ONLY_PRIMITIVES,
    )


class Symbol:
    """A value of an equation while it is traced."""

    __slots__ = ("index", "kind", "tracer")

    def __init__(self, tracer: Tracer, index: int, kind: str) -> None:
        self.tracer = tracer
        self.index = index
        self.kind = kind

    __add__ = _binary("add", Tracer.factors)
    __sub__ = _binary("sub", Tracer.numeric)
    __mul__ = _binary("mul", Tracer.factors)
    __truediv__ = _binary("div", lambda tracer, *pair: tracer.floating("`/`", *pair))
    __radd__, __rsub__ = _reflected(__add__), _reflected(__sub__)
    __rmul__, __rtruediv__ = _reflected(__mul__), _reflected(__truediv__)

    __lt__, __le__ = _comparison("lt"), _comparison("le")
    __gt__, __ge__ = _comparison("gt"), _comparison("ge")
    __eq__, __ne__ = _comparison("eq"), _comparison("ne")
    __hash__ = object.__hash__

    __and__, __or__ = _bitwise("and", "&"), _bitwise("or", "|")
    __rand__, __ror__ = _reflected(__and__), _reflected(__or__)
    __lshift__, __rshift__ = _shifts("lshift", "<<"), _shifts("rshift", ">>")
    __rlshift__, __rrshift__ = _reflected(__lshift__), _reflected(__rshift__)

    __floordiv__ = __rfloordiv__ = _refused("//", "Write shift, decay or floor(a / b)")
    __mod__ = __rmod__ = _refused("%", "Write x - floor(x / n) * n, or x & (2^k - 1) in int32")
    __rpow__ = _refused("constant ** x", "Write exp(x * log(constant))")
    __float__ = __int__ = __index__ = __complex__ = _valueless
    __round__ = __floor__ = __ceil__ = __trunc__ = _valueless

    def __neg__(self) -> Symbol:
        return self.tracer.record("neg", NUMBER, *self.tracer.numeric(self))

    def __pos__(self) -> Symbol:
        return self.tracer.numeric(self)[0]

    def __abs__(self) -> Symbol:
        return self.tracer.record("abs", NUMBER, *self.tracer.numeric(self))

    def __invert__(self) -> Symbol:
        if self.kind != CONDITION:
            self.tracer.fail(f"`~` of a {self.kind}", "Write `x == 0`")
        return self.tracer.record("logical_not", CONDITION, self)

    def __pow__(self, exponent: object) -> Symbol:
        if exponent == 2:
            return self * self
        if exponent == 3:
            return self * self * self
        self.tracer.fail(f"`** {exponent!r}` is not there, only ** 2 and ** 3", "Write exp and log")

    def __bool__(self) -> NoReturn:
        self.tracer.fail(
            "the truth of a value was asked for (by if, while, and, or, not, a < b < c, "
            "or the builtins min and max), but an equation runs for many values at once",
            "Use where(condition, a, b), `&`, `|`, `~`, minimum(a, b) or maximum(a, b)",
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self.tracer.fail(f"a value has no `.{name}`: it is a scalar", _ONLY_PRIMITIVES)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """numpy's scalars take part in arithmetic; numpy's functions have no other backend."""
        operation = _UFUNCS.get(ufunc.__name__)
        if operation is None or method != "__call__" or options:
            self.tracer.fail(f"np.{ufunc.__name__} is used", _ONLY_PRIMITIVES)
        return operation(*(self.tracer.lift(i) for i in inputs))

    @classmethod
    def __torch_function__(
        cls, func: Any, types: object, args: Sequence[Any] = (), kwargs: Any = None
    ) -> NoReturn:
        values = [*args, *(kwargs or {}).values()]
        tracer = next(v.tracer for v in values if isinstance(v, Symbol))
        for value in values:
            if isinstance(value, torch.Tensor):
                tracer.lift(value)
        tracer.fail(f"torch.{getattr(func, '__name__', func)} is used", _ONLY_PRIMITIVES)


_UFUNCS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
}


def trace(
    fn: Callable[..., object],
    name: str,
    arguments: tuple[str, ...],
    dtype: torch.dtype,
    smooth: bool = False,
) -> Graph:
    """What `fn` computes in `dtype`; `smooth` as for `Tracer`.

    Raises EquationError where `fn` does what not every backend can, and ValueError for a dtype
    other than float32, float64 and int32.
    """
    if dtype not in COMPUTE_DTYPES:
        names = ", ".join(str(d) for d in COMPUTE_DTYPES)
        raise ValueError(f"equation '{name}' cannot be computed in {dtype}, only in {names}.")
    tracer = Tracer(name, dtype, smooth)
    symbols = [tracer.record("argument", NUMBER, value=i) for i in range(len(arguments))]
    outputs = [s.index for s in _results(tracer, fn, _call(tracer, fn, symbols))]
    return Graph(name, dtype, arguments, *prune(tracer.nodes, outputs))


def _call(tracer: Tracer, fn: Callable[..., object], symbols: list[Symbol]) -> object:
    try:
        return fn(*symbols)
    except NameError as error:
        tracer.fail(str(error), _ONLY_PRIMITIVES, raising_line(error.__traceback__))
    except (TypeError, AttributeError) as error:
        tracer.fail(
            f"it cannot be traced: {error}",
            "The values are scalars: use operators and the primitives",
            raising_line(error.__traceback__),
        )


def _results(tracer: Tracer, fn: Callable[..., object], result: object) -> list[Symbol]:
    values = list(result) if isinstance(result, tuple | list) else [result]
    wrong = [v for v in values if not isinstance(v, Symbol | Number | np.bool_)]
    if wrong or not values:
        code = getattr(fn, "__code__", None)
        place = source_line(code.co_filename, code.co_firstlineno) if code else None
        got = repr(wrong[0]) if wrong else "no value"
        tracer.fail(f"it returned {got}", "Return a value or a tuple of values", place)
    return [tracer.lift(v) for v in values]
