"""The text of a learning rule, read into a sum of products.

    rule     = product {("+" | "-") product}
    product  = {sign} factor {"*" {sign} factor}
    factor   = number | symbol | "uK" | "(" sum ")" | "sgn" "(" sum ")"
    sum      = {sign} number | {sign} symbol | {sign} symbol sign number | {sign} number sign symbol
    number   = integer | "2^" {sign} integer | number "*" number within parentheses
    symbol   = x0 | y0 | x1 | x2 | y1 | y2 | y3 | w | t | d

Spaces mean nothing, but do not stand within a symbol or a number. The numbers of a product outside
of sums multiply its scale, whose limits are those of `lava_torch.learning.scale`. The first of x0,
y0 and uK is the product's dependency; a later x0 or y0, and (x0 + 1), are factors like others. K is
one digit, the same in all products. sgn takes w, t or d, plus or minus a number, not negated.

This is what Lava reads, but nothing is lost where Lava loses it: the sign in (-x1) goes to the
scale, (x0) is x0, and a third term in parentheses is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lava_torch.learning.errors import RuleError
from lava_torch.learning.scale import EXPONENTS, MANTISSAS, Scale, nearest
from lava_torch.learning.series import TRACES, VARIABLES, Factor, Product, ProductSeries

_SYMBOLS = ("x0", "y0", *TRACES, *VARIABLES)
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>\d+\.?\d*|\.\d+)|(?P<name>[A-Za-z_]\w*)|(?P<operator>[-+*^()/,])",
    re.ASCII,
)
#: Characters that look like operators.
_LOOKALIKES = {"\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00b7": "*", "\u22c5": "*"}
#: Characters of the longest number, and digits of the longest exponent.
_NUMBER_LENGTH, _EXPONENT_LENGTH = 20, 2
#: Constants beside a variable are exact in single precision.
_LARGEST_CONSTANT = 1 << 24
_MULTIPLY_OUT = "Multiply sums out: a*(b + c) is a*b + a*c."


def parse(target: str, text: str) -> ProductSeries:
    """What the rule `text` adds to the synaptic variable `target`, which is "w", "t" or "d".

    Raises RuleError, with the place, for a text that is no rule; see this module for the grammar.
    """
    return _Parser(target, text).series()


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Sum(NamedTuple):
    """What stands in parentheses: sign * variable + constant, or one of the two."""

    sign: int
    variable: _Token | None
    constant: Scale | None


@dataclass
class _Term:
    """A product while it is read."""

    scale: Scale = Scale(1)
    dependency: str | None = None
    factors: list[Factor] = field(default_factory=list)

    def multiply(self, number: Scale) -> None:
        self.scale = self.scale.times(number)


class _Parser:
    """Reads a text token by token, from left to right."""

    def __init__(self, target: str, text: str) -> None:
        self.target, self.text = target, text
        self.decimate_exponent: int | None = None
        self._tokens = self._scan()
        self._next = next(self._tokens)

    def series(self) -> ProductSeries:
        if self._next.kind == "end":
            raise self._fail(self._next, "the text is empty. Write a sum of products, as x0*y1.")
        products = [self._product()]
        while self._next.kind != "end":
            products.append(self._product())
        return ProductSeries(self.target, tuple(products), self.decimate_exponent)

    # -- tokens -----------------------------------------------------------------------------------

    def _scan(self) -> Iterator[_Token]:
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._unknown_character(position)
            if match.lastgroup != "space":
                yield _Token(match.lastgroup, match.group(), position)
            position = match.end()
        end = _Token("end", "", len(self.text.rstrip()))
        while True:
            yield end

    def _take(self) -> _Token:
        token, self._next = self._next, next(self._tokens)
        return token

    def _accept(self, *texts: str) -> _Token | None:
        return self._take() if self._next.text in texts else None

    def _signs(self) -> int:
        sign = 1
        while token := self._accept("+", "-"):
            sign = -sign if token.text == "-" else sign
        return sign

    # -- products ---------------------------------------------------------------------------------

    def _product(self) -> Product:
        term = _Term(Scale(self._signs()))
        start = self._next
        self._factor(term)
        while self._accept("*"):
            term.multiply(Scale(self._signs()))
            self._factor(term)
        if self._next.kind != "end" and self._next.text not in ("+", "-"):
            raise self._no_operator()
        if term.dependency is None:
            raise self._fail(
                start,
                "this product has no dependency. Multiply it by x0, y0 or uK, which say when it "
                "counts.",
            )
        scale = term.scale.normalised()
        if not scale.in_range:
            raise self._out_of_range(start, scale)
        return Product(term.dependency, *scale, tuple(term.factors))

    def _factor(self, term: _Term) -> None:
        """Multiply the term by what comes next."""
        if self._next.kind == "number":
            term.multiply(self._number())
        elif self._next.text == "(":
            self._parentheses(term)
        elif self._next.kind == "name":
            name = self._take()
            if name.text == "sgn":
                term.factors.append(self._sgn(name))
            else:
                self._symbol(name, term)
        else:
            raise self._no_operand()

    def _symbol(self, token: _Token, term: _Term) -> None:
        self._check_known(token)
        name = token.text
        if name.startswith("u"):
            self._depend_on_epochs(token, term)
        elif name in ("x0", "y0") and term.dependency is None:
            term.dependency = name
        else:
            term.factors.append(Factor(name))

    def _depend_on_epochs(self, token: _Token, term: _Term) -> None:
        exponent = int(token.text[1:])
        if term.dependency is not None:
            first = term.dependency.replace("u", f"u{self.decimate_exponent}")
            raise self._fail(
                token,
                f"{token.text} after the dependency {first}: a product has one, and uK is never a "
                "factor. Take one of them away.",
            )
        if self.decimate_exponent not in (None, exponent):
            raise self._fail(
                token,
                f"{token.text} beside u{self.decimate_exponent}: a connection has one uK. Use the "
                "same everywhere.",
            )
        term.dependency, self.decimate_exponent = "u", exponent

    def _parentheses(self, term: _Term) -> None:
        sign, variable, constant = self._sum()
        term.multiply(Scale(sign))
        if variable is None:
            term.multiply(constant)
        elif constant is None:
            self._symbol(variable, term)
        elif variable.text.startswith("u"):
            raise self._fail(variable, f"nothing is added to {variable.text}. {_MULTIPLY_OUT}")
        else:
            # c - v is -(v - c).
            term.factors.append(Factor(variable.text, sign * constant.value))

    def _sgn(self, name: _Token) -> Factor:
        if self._next.text != "(":
            raise self._fail(name, "sgn is a function. Write sgn(w), sgn(t) or sgn(d).")
        sign, variable, constant = self._sum()
        if variable is None or variable.text not in VARIABLES:
            what = "a number" if variable is None else variable.text
            raise self._fail(
                variable or name, f"sgn takes w, t or d, plus or minus a number; not {what}."
            )
        if sign < 0:
            raise self._fail(
                variable, f"sgn takes {variable.text} not negated. Negate all: sgn(-v) is -sgn(v)."
            )
        return Factor(variable.text, constant.value if constant else 0.0, sign=True)

    # -- sums in parentheses ----------------------------------------------------------------------

    def _sum(self) -> _Sum:
        """Reads from "(" to ")"."""
        opening = self._take()
        found = self._addend(_Sum(1, None, None))
        while not self._accept(")"):
            if self._next.kind == "end":
                raise self._fail(opening, "this parenthesis is never closed. Add a ')'.")
            if self._next.text not in ("+", "-"):
                raise self._no_operator(inside=True)
            found = self._addend(found)
        return found

    def _addend(self, found: _Sum) -> _Sum:
        """`found` with the variable or the number that comes next."""
        sign, start = self._signs(), self._next
        if start.kind not in ("name", "number"):
            raise self._no_operand(inside=True)
        if found.variable and found.constant:
            raise self._fail(start, f"a third term in parentheses. {_MULTIPLY_OUT}")
        if start.kind == "name":
            token = self._take()
            self._check_known(token)
            if found.variable:
                raise self._fail(token, f"a second variable in parentheses. {_MULTIPLY_OUT}")
            return found._replace(sign=sign, variable=token)
        number = self._product_of_numbers().times(Scale(sign))
        if found.constant:
            raise self._fail(start, "a second number in parentheses. Write the sum of both.")
        if abs(number.mantissa) >= _LARGEST_CONSTANT or not number.computable:
            raise self._fail(
                start, "this number is out of range: below 2^24, times 2^k with k in [-64, 64]."
            )
        return found._replace(constant=number)

    def _product_of_numbers(self) -> Scale:
        number = self._number()
        while star := self._accept("*"):
            if self._next.kind != "number":
                raise self._product_in_parentheses(star)
            number = number.times(self._number())
        return number

    # -- numbers ----------------------------------------------------------------------------------

    def _number(self) -> Scale:
        token = self._take()
        if len(token.text) > _NUMBER_LENGTH:
            raise self._fail(token, f"a number of more than {_NUMBER_LENGTH} digits. Shorten it.")
        if "." in token.text:
            raise self._fail(
                token,
                f"numbers are whole, or powers of two. Write {nearest(float(token.text))} for "
                f"{token.text}.",
            )
        if not self._accept("^"):
            return Scale(int(token.text))
        if int(token.text) != 2:
            raise self._fail(token, "only 2 is raised to a power. Write a whole number times 2^k.")
        return Scale(1, self._exponent())

    def _exponent(self) -> int:
        opening = self._accept("(")
        sign, token = self._signs(), self._next
        if token.kind != "number" or "." in token.text:
            raise self._fail(token, "an exponent is a whole number, as in 2^-3. Write one.")
        if len(token.text) > _EXPONENT_LENGTH:
            raise self._fail(token, f"an exponent of more than {_EXPONENT_LENGTH} digits.")
        self._take()
        if opening and not self._accept(")"):
            raise self._fail(token, "an exponent is one whole number, as in 2^-3. Write one.")
        return sign * int(token.text)

    # -- what is wrong ----------------------------------------------------------------------------

    def _fail(self, token: _Token, reason: str) -> RuleError:
        return RuleError.at(self.target, self.text, token.position, reason)

    def _unknown_character(self, position: int) -> RuleError:
        character = self.text[position]
        meant = _LOOKALIKES.get(character)
        advice = f"Write {meant} for it." if meant else "Take it away."
        reason = f"{character!r} (U+{ord(character):04X}) is no character of rules. {advice}"
        return RuleError.at(self.target, self.text, position, reason)

    def _check_known(self, token: _Token) -> None:
        name = token.text
        if name in _SYMBOLS or re.fullmatch(r"u\d", name):
            return
        if name == "sgn":
            raise self._fail(token, f"sgn is a factor of its own. {_MULTIPLY_OUT}")
        if self._next.text == "(":
            raise self._fail(token, f"there is no function {name}. The only one is sgn(v).")
        if re.fullmatch(r"u\d*", name):
            raise self._fail(token, f"{name}: write u and one digit K, for each 2^K-th epoch.")
        near = difflib.get_close_matches(name.lower(), (*_SYMBOLS, "u0"), 1, 0.4)
        advice = f"Did you mean {near[0]}?" if near else f"There are {', '.join(_SYMBOLS)} and uK."
        raise self._fail(token, f"unknown symbol '{name}'. {advice}")

    def _no_operand(self, inside: bool = False) -> RuleError:
        token = self._next
        if token.kind == "end":
            return self._fail(token, "the text ends where a number or a symbol should stand.")
        advice = ""
        if token.text == "*":
            advice = " A power is written as 2^-3."
        elif token.text == "(" and inside:
            advice = f" Take the inner parentheses away. {_MULTIPLY_OUT}"
        return self._fail(token, f"'{token.text}' where a number or a symbol should stand.{advice}")

    def _no_operator(self, inside: bool = False) -> RuleError:
        token = self._next
        if token.text == "*" and inside:
            return self._product_in_parentheses(token)
        reasons = {
            "/": self._division,
            "^": lambda: "only the number 2 is raised to a power, once. Write x1*x1 for a square.",
            ")": lambda: "this parenthesis was never opened. Take it away, or add a '('.",
        }
        if token.text in reasons:
            return self._fail(token, reasons[token.text]())
        return self._fail(
            token, f"an operator is missing before '{token.text}'. Write * for a product."
        )

    def _division(self) -> str:
        after = self.text[self._next.position + 1 :]
        number = re.match(r"\s*(\d{1,9})(?![\d.^])", after)
        if number is None or int(number[1]) == 0:
            return "there is no division. Multiply by a power of two, as 2^-1."
        return f"there is no division. Write *{nearest(1 / int(number[1]))} for /{number[1]}."

    def _product_in_parentheses(self, star: _Token) -> RuleError:
        return self._fail(
            star, f"a product in parentheses. Take the parentheses away. {_MULTIPLY_OUT}"
        )

    def _out_of_range(self, start: _Token, scale: Scale) -> RuleError:
        advice = "Scale impulses or weights instead."
        what = "the scale of this product"
        if scale.computable:
            what += f", {scale},"
            near = nearest(scale.value)
            advice = f"The nearest is {near}." if near.in_range else advice
        (low, high), (least, most) = MANTISSAS, EXPONENTS
        return self._fail(
            start,
            f"{what} is out of range: a whole number in [{low}, {high}] times 2^k with k in "
            f"[{least}, {most}], after even ones were halved. {advice}",
        )
