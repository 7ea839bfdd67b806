"""The text of a rule, parsed into a sum of products.

    rule     = [sign] product {sign product}
    product  = atom {"*" atom}
    atom     = number | symbol | uK | "(" sum ")" | "sgn(" variable [sign number] ")"
    sum      = [sign] number | [sign] symbol | [sign] symbol sign number | [sign] number sign symbol
    number   = integer | "2^" exponent | integer "*" ...
    symbol   = x0 | y0 | x1 | x2 | y1 | y2 | y3 | w | t | d

Python's `ast` reads the text, in which `^` binds as its `**` does; nothing is evaluated by Python.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lava_torch.learning.errors import RuleError
from lava_torch.learning.plan import TRACES, VARIABLES, Factor, Product, ProductSeries

_SYMBOLS = ("x0", "y0", *TRACES, *VARIABLES)
_ALLOWED = re.compile(r"[\w\s+\-*^().,/]", re.ASCII)


def parse(target: str, text: str) -> ProductSeries:
    """What `text` adds to `target`, which is "w", "t" or "d". Raises RuleError."""
    return _Parser(target, text).series()


@dataclass(frozen=True)
class _Term:
    """A product while it is read: its scale is mantissa * 2^exponent."""

    mantissa: int = 1
    exponent: int = 0
    dependency: str | None = None
    decimate: int | None = None
    factors: tuple[Factor, ...] = ()


class _Parser:
    def __init__(self, target: str, text: str) -> None:
        self.target, self.text = target, text

    def fail(self, where: ast.AST | int, reason: str) -> RuleError:
        column = where if isinstance(where, int) else getattr(where, "col_offset", 0)
        position = column if isinstance(where, int) else self._place[min(column, len(self.text))]
        return RuleError.at(self.target, self.text, position, reason)

    def series(self) -> ProductSeries:
        products, decimates = [], {}
        for sign, node in self._terms(self._tree(), 1):
            term = self._product(node, _Term(mantissa=sign))
            products.append(self._finished(term, node))
            if term.decimate is not None:
                decimates.setdefault(term.decimate, node)
        if len(decimates) > 1:
            first, second, *_ = decimates
            raise self.fail(
                decimates[second], f"u{second} beside u{first}: a rule has one uK. Use one of them."
            )
        return ProductSeries(self.target, tuple(products), next(iter(decimates), None))

    # -- Python's syntax --------------------------------------------------------------------------

    def _tree(self) -> ast.expr:
        for position, character in enumerate(self.text):
            if not _ALLOWED.match(character):
                raise self.fail(position, f"'{character}' is no part of a rule. Take it away.")
        if not self.text.strip():
            raise self.fail(0, "the rule is empty. Write a sum of products, such as x0*y1.")
        # Each place of Python's text, as a place of the rule's. The first is a parenthesis, within
        # which lines and leading blanks do not matter.
        python, self._place = "(", [0]
        for position, character in enumerate(self.text):
            new = "**" if character == "^" else " " if character.isspace() else character
            python += new
            self._place += [position] * len(new)
        self._place += [len(self.text)] * 2
        try:
            return ast.parse(python + ")", mode="eval").body
        except SyntaxError as error:
            column = min((error.offset or 1) - 1, len(self._place) - 1)
            position = min(self._place[column], max(len(self.text) - 1, 0))
            raise self.fail(position, f"it cannot be read here ({error.msg}).") from None

    def _terms(self, node: ast.expr, sign: int) -> Iterator[tuple[int, ast.expr]]:
        """The terms of a sum, with their signs."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            yield from self._terms(node.left, sign)
            yield from self._terms(node.right, -sign if isinstance(node.op, ast.Sub) else sign)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
            yield from self._terms(node.operand, -sign if isinstance(node.op, ast.USub) else sign)
        else:
            yield sign, node

    # -- products ---------------------------------------------------------------------------------

    def _product(self, node: ast.expr, term: _Term) -> _Term:
        """`term` times what the node says."""
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._product(right, self._product(left, term))
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node, term)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._product(operand, replace(term, mantissa=-term.mantissa))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._product(operand, term)
            case ast.Name():
                return self._symbol(node, term)
            case ast.Call():
                return self._sign(node, term)
        mantissa, exponent = self._number(node)
        return replace(
            term, mantissa=term.mantissa * mantissa, exponent=term.exponent + exponent
        )

    def _symbol(self, node: ast.Name, term: _Term) -> _Term:
        if re.fullmatch(r"u\d", node.id):
            if term.dependency is not None:
                raise self.fail(
                    node, f"{node.id} after {term.dependency}: a product has one dependency, and "
                    "uK can only be the first. Take one of them away."
                )  # fmt: skip
            return replace(term, dependency="u", decimate=int(node.id[1]))
        self._check_symbol(node)
        if node.id in ("x0", "y0") and term.dependency is None:
            return replace(term, dependency=node.id)
        return replace(term, factors=(*term.factors, Factor(node.id)))

    def _check_symbol(self, node: ast.Name) -> None:
        if node.id in _SYMBOLS:
            return
        if re.match(r"u\d*$", node.id):
            raise self.fail(node, f"'{node.id}': write u and one digit K, for every 2^K-th epoch.")
        near = difflib.get_close_matches(node.id, _SYMBOLS, 1, 0.3)
        hint = f" Did you mean {near[0]}?" if near else ""
        known = ", ".join(_SYMBOLS)
        raise self.fail(node, f"unknown symbol '{node.id}'; there are {known} and uK.{hint}")

    def _sum(self, node: ast.BinOp, term: _Term) -> _Term:
        """A variable and a constant, in parentheses."""
        signed, constants = [], []
        for sign, part in self._terms(node, 1):
            (signed if isinstance(part, ast.Name) else constants).append((sign, part))
        if len(signed) != 1 or len(constants) != 1:
            raise self.fail(
                node, "in parentheses stands one variable plus or minus one number. Multiply out "
                "products of sums."
            )  # fmt: skip
        (sign, name), (constant_sign, constant) = signed[0], constants[0]
        self._check_symbol(name)
        mantissa, exponent = self._number(constant)
        # -(v - c) for c - v: the sign goes to the scale.
        value = sign * constant_sign * mantissa * 2.0**exponent
        factor = Factor(name.id, value)
        return replace(term, mantissa=sign * term.mantissa, factors=(*term.factors, factor))

    def _sign(self, node: ast.Call, term: _Term) -> _Term:
        if not isinstance(node.func, ast.Name) or node.func.id != "sgn":
            raise self.fail(node, "a function that there is not; there is sgn(v).")
        if len(node.args) != 1 or node.keywords:
            raise self.fail(node, "sgn takes one variable: w, t or d.")
        inner = self._product(node.args[0], _Term())
        if inner.mantissa != 1 or inner.exponent or len(inner.factors) != 1 or inner.dependency:
            raise self.fail(node.args[0], "sgn takes w, t or d, plus or minus a number, not negated.")
        (factor,) = inner.factors
        if factor.symbol not in VARIABLES or factor.sign:
            raise self.fail(node.args[0], f"sgn takes w, t or d, not {factor.symbol}.")
        return replace(term, factors=(*term.factors, replace(factor, sign=True)))

    # -- numbers ----------------------------------------------------------------------------------

    def _number(self, node: ast.expr) -> tuple[int, int]:
        """A number as mantissa and exponent of two."""
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value, 0
            case ast.Constant(value=float(value)):
                raise self.fail(node, f"{value:g} is no whole number. Write {_literal(value)}.")
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                (m, e), (n, f) = self._number(left), self._number(right)
                return m * n, e + f
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                mantissa, exponent = self._number(operand)
                return -mantissa, exponent
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return 1, self._exponent(left, right)
            case ast.BinOp(op=ast.Div() | ast.FloorDiv()):
                raise self.fail(node.right, "there is no division. Multiply by 2^-k.")
        raise self.fail(node, "a number or a symbol should stand here.")

    def _exponent(self, base: ast.expr, exponent: ast.expr) -> int:
        if not (isinstance(base, ast.Constant) and base.value == 2 and type(base.value) is int):
            raise self.fail(base, "only 2 is raised to a power; write a product for other powers.")
        sign, value = 1, exponent
        while isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub | ast.UAdd):
            sign, value = (-sign if isinstance(value.op, ast.USub) else sign), value.operand
        if not isinstance(value, ast.Constant) or type(value.value) is not int:
            raise self.fail(value, "an exponent is a whole number, such as in 2^-3.")
        return sign * value.value

    def _finished(self, term: _Term, node: ast.expr) -> Product:
        if term.dependency is None:
            raise self.fail(
                node, "a product without a dependency. Multiply it by x0, y0 or uK, which say when "
                "it counts."
            )  # fmt: skip
        mantissa, exponent = term.mantissa, term.exponent
        while abs(mantissa) > 7 and mantissa % 2 == 0 and exponent < 8:
            mantissa, exponent = mantissa // 2, exponent + 1
        if not (-8 <= mantissa <= 7 and -7 <= exponent <= 8):
            raise self.fail(
                node, f"the scale {mantissa} * 2^{exponent} is out of range: a whole number in "
                "[-8, 7] times 2^k, k in [-7, 8]. Change it, or scale impulses or weights."
            )  # fmt: skip
        return Product(term.dependency, mantissa, exponent, term.factors)


def _literal(value: float) -> str:
    """The nearest number that a rule can have."""
    from lava_torch.learning.stdp import float_to_literal

    return float_to_literal(value)
