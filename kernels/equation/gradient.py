"""Reverse-mode differentiation of an equation: its gradient is an equation again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache

import torch

from lava_torch.kernels.equation import symbolic
from lava_torch.kernels.equation.dispatch import Equation
from lava_torch.kernels.equation.graph import CONDITION, Graph, Node
from lava_torch.kernels.equation.surrogate import Surrogate
from lava_torch.kernels.equation.trace import Symbol, trace

#: What an operation hands on to its operands: which of them, and how much.
Shares = Iterator[tuple[int, Symbol]]


@lru_cache(maxsize=1024)
def gradient_graph(
    equation: Equation,
    dtype: torch.dtype,
    surrogate: Surrogate,
    given: tuple[bool, ...],
    wanted: tuple[int, ...],
) -> Graph:
    """The products of an equation's Jacobian with a gradient, in float32 or float64.

    Its arguments are the equation's and behind them, one a result, the gradients of the results
    (`d_<position>`), of which those that are not `given` count as 0. Its results are the gradients
    of the arguments `wanted`. They are those of the torch body (`spike` has `surrogate`'s, rounding
    in `decay` and `shift` is passed straight through).

    Raises EquationError as `Equation.trace`, or where the surrogate cannot be traced.
    """
    forward = trace(equation.fn, equation.name, equation.arguments, dtype, smooth=True)
    arguments = (*equation.arguments, *(f"d_{j}" for j in range(len(given))))

    def gradient(*values: Symbol) -> list[Symbol]:
        count = len(equation.arguments)
        known = [d if g else None for d, g in zip(values[count:], given, strict=True)]
        return _Tape(forward, values[:count], surrogate).gradients(known, wanted)

    return trace(gradient, f"{equation.name} gradient", arguments, dtype)


def has_gradient(equation: Equation, dtype: torch.dtype, surrogate: Surrogate) -> bool:
    """Whether `gradient_graph` can be made, and holds for good: the surrogate's own class is a
    frozen dataclass, all of whose fields tell it from others, and its `gradient` can be traced."""
    # One that changes the spikes is not known to the other bodies.
    if not _is_constant(surrogate) or type(surrogate).spike is not Surrogate.spike:
        return False
    try:
        return _can_be_traced(equation, dtype, surrogate)
    except TypeError:  # a field has no hash
        return False


def _is_constant(surrogate: Surrogate) -> bool:
    own = vars(type(surrogate)).get("__dataclass_params__")  # a base's says nothing of its fields
    return own is not None and own.frozen and own.eq and all(f.compare for f in fields(surrogate))


@lru_cache(maxsize=1024)
def _can_be_traced(equation: Equation, dtype: torch.dtype, surrogate: Surrogate) -> bool:
    results = len(equation.trace(dtype).outputs)
    everything = tuple(range(len(equation.arguments)))
    try:
        gradient_graph(equation, dtype, surrogate, (True,) * results, everything)
    except Exception:  # of whatever kind a user's gradient raises where it is given no tensor
        return False
    return True


class _Tape:
    """The values of an equation, as symbols of another trace, and what flows back through them."""

    def __init__(self, graph: Graph, arguments: Sequence[Symbol], surrogate: Surrogate) -> None:
        self.graph, self.surrogate = graph, surrogate
        self.tracer = arguments[0].tracer
        self.values: list[Symbol] = []
        for node in graph.nodes:
            self.values.append(self._value(node, arguments))

    def _value(self, node: Node, arguments: Sequence[Symbol]) -> Symbol:
        operands = [self.values[i] for i in node.operands]
        match node.op:
            case "argument":
                return arguments[int(node.value)]
            case "spike":
                return symbolic.spike(operands[0], 1)
            case "straight":
                return operands[0]
            case "tanh":
                return symbolic.tanh(*operands)
        return self.tracer.record(node.op, node.kind, *operands, value=node.value)

    def gradients(self, given: Sequence[Symbol | None], wanted: Sequence[int]) -> list[Symbol]:
        """Those of the arguments `wanted`, from those of the results; None counts as 0."""
        found: dict[int, Symbol] = {}
        for index, gradient in zip(self.graph.outputs, given, strict=True):
            if gradient is not None and self.graph.nodes[index].kind != CONDITION:
                found[index] = found[index] + gradient if index in found else gradient
        arguments: dict[int, Symbol] = {}
        for index in reversed(range(len(self.graph.nodes))):
            node = self.graph.nodes[index]
            if index not in found:
                continue
            if node.op == "argument":
                arguments[int(node.value)] = found[index]
            for operand, share in self._shares(index, node, found[index]):
                if self.graph.nodes[operand].op != "constant":
                    found[operand] = found[operand] + share if operand in found else share
        zero = self.tracer.number(0.0)
        return [arguments.get(i, zero) for i in wanted]

    def _shares(self, index: int, node: Node, g: Symbol) -> Shares:
        rule = _RULES.get(node.op)
        if rule is None or node.kind == CONDITION:
            return
        shares = rule(self, g, self.values[index], *(self.values[i] for i in node.operands))
        for operand, share in zip(node.operands, shares, strict=True):
            if share is not None:
                yield operand, share


Rule = Callable[..., Sequence[Symbol | None]]


def _spike(tape: _Tape, g: Symbol, _: Symbol, x: Symbol, scale: Symbol) -> Sequence[Symbol | None]:
    node = tape.tracer.nodes[scale.index]
    if node.op == "constant":
        scale = node.value if node.value > 0 else 1.0
    else:
        scale = symbolic.where(scale > 0, scale, 1.0)
    return g * (tape.surrogate.gradient(x / scale) / scale), None


def _extreme(sign: str) -> Rule:
    """minimum and maximum. As in torch: two values that are equal share the gradient; where one of
    them is a constant, all of it goes to the other."""

    def rule(tape: _Tape, g: Symbol, _: Symbol, a: Symbol, b: Symbol) -> Sequence[Symbol]:
        constant = [tape.tracer.nodes[x.index].op == "constant" for x in (a, b)]
        first, second = (a < b, b < a) if sign == "<" else (a > b, b > a)
        at_ties = g if any(constant) else g * 0.5
        tie = symbolic.where(a == b, at_ties, 0.0)
        return symbolic.where(first, g, tie), symbolic.where(second, g, tie)

    return rule


#: By operation: of its gradient, the result's value and its operands, the operands' gradients.
_RULES: dict[str, Rule] = {
    "add": lambda tape, g, y, a, b: (g, g),
    "sub": lambda tape, g, y, a, b: (g, -g),
    "mul": lambda tape, g, y, a, b: (g * b, g * a),
    "div": lambda tape, g, y, a, b: (g / b, -g * y / b),
    "neg": lambda tape, g, y, a: (-g,),
    "abs": lambda tape, g, y, a: (g * symbolic.sign(a),),
    "number": lambda tape, g, y, a: (g,),
    "where": lambda tape, g, y, c, a, b: (
        None, symbolic.where(c, g, 0.0), symbolic.where(c, 0.0, g)
    ),
    "minimum": _extreme("<"),
    "maximum": _extreme(">"),
    "exp": lambda tape, g, y, a: (g * y,),
    "log": lambda tape, g, y, a: (g / a,),
    "sqrt": lambda tape, g, y, a: (g / (2 * y),),
    "sin": lambda tape, g, y, a: (g * symbolic.cos(a),),
    "cos": lambda tape, g, y, a: (-g * symbolic.sin(a),),
    "tanh": lambda tape, g, y, a: (g * (1 - y * y),),
    "spike": _spike,
    "straight": lambda tape, g, y, value, smooth: (None, g),
}  # fmt: skip
