"""What a rule's text means, and what is no rule."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_torch.learning import Factor, Product, ProductSeries, RuleError, parse
from lava_torch.learning.scale import Scale, nearest

TRACES = ("x1", "x2", "y1", "y2", "y3")
SYMBOLS = ("x0", "y0", *TRACES, "w", "t", "d")


def product(text: str) -> Product:
    """The only product of a text."""
    (found,) = parse("w", text).products
    return found


def factors(text: str) -> tuple[Factor, ...]:
    return product(text).factors


def scale(text: str) -> tuple[int, int]:
    found = product(text)
    return found.mantissa, found.exponent


# -- what texts mean ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["w", "t", "d"])
def test_the_classic_rule(target):
    assert parse(target, "2^-2*x1*y0 - 2^-3*y1*x0") == ProductSeries(
        target,
        (Product("y0", 1, -2, (Factor("x1"),)), Product("x0", -1, -3, (Factor("y1"),))),
    )


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbols(symbol):
    assert factors(f"u0*{symbol}") == (Factor(symbol),)


@pytest.mark.parametrize("dependency", ["x0", "y0"])
@pytest.mark.parametrize("text", ["{}*w", "w*{}", "({})*w", "w*({})", "2^0*w*{}", "(+{})*w"])
def test_dependency(text, dependency):
    assert product(text.format(dependency)) == Product(dependency, 1, 0, (Factor("w"),))


@pytest.mark.parametrize("k", range(10))
def test_dependency_on_epochs(k):
    series = parse("t", f"x0*y1 + w*u{k} - (u{k})*t")
    assert [p.dependency for p in series.products] == ["x0", "u", "u"]
    assert series.decimate_exponent == k


def test_no_dependency_on_epochs():
    assert parse("w", "x0*y1").decimate_exponent is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x0*y0", Product("x0", 1, 0, (Factor("y0"),))),
        ("y0*x0", Product("y0", 1, 0, (Factor("x0"),))),
        ("u1*x0", Product("u", 1, 0, (Factor("x0"),))),
        ("x0*x0", Product("x0", 1, 0, (Factor("x0"),))),
        ("(y0 + 1)*x0", Product("x0", 1, 0, (Factor("y0", 1.0),))),
    ],
)
def test_a_spike_after_the_dependency_is_a_factor(text, expected):
    assert product(text) == expected


@pytest.mark.parametrize(
    ("text", "mantissa", "exponent"),
    [
        ("x0", 1, 0),
        ("-x0", -1, 0),
        ("3*x0", 3, 0),
        ("x0*3", 3, 0),
        ("(3)*x0", 3, 0),
        ("(-3)*x0", -3, 0),
        ("-(-3)*x0", 3, 0),
        ("2^3*x0", 1, 3),
        ("(2^-1)*x0", 1, -1),
        ("2^(-1)*x0", 1, -1),
        ("2^+1*x0", 1, 1),
        ("-2^-1*x0", -1, -1),
        ("(-2^-1)*x0", -1, -1),
        ("3*2^-7*x0*2", 6, -7),
        ("(3*2^-1)*x0", 3, -1),
        ("2*3*2^2*2^-3*x0", 6, -1),
        ("2^-9*2^3*x0", 1, -6),
        ("x0*(-1)*2^-1*y1", -1, -1),
        ("2*-3*x0", -6, 0),
        ("0*x0", 0, 0),
        ("x0*(0)*2^2", 0, 2),
        ("7*x0", 7, 0),
        ("8*x0", 4, 1),
        ("-8*x0", -4, 1),
        ("16*2^-7*x0", 4, -5),
        ("14*x0", 7, 1),
        ("40*x0", 5, 3),
        ("-8*2^8*x0", -8, 8),
        ("7*2^8*x0", 7, 8),
        ("2^-7*x0", 1, -7),
        ("14*2^7*x0", 7, 8),
        ("16*2^7*x0*(-1)", -8, 8),
    ],
)
def test_scale(text, mantissa, exponent):
    assert scale(text) == (mantissa, exponent)


@pytest.mark.parametrize(
    ("text", "sign", "factor"),
    [
        ("(x1 + 1)", 1, Factor("x1", 1.0)),
        ("(x1-2)", 1, Factor("x1", -2.0)),
        ("(3 + x1)", 1, Factor("x1", 3.0)),
        ("(3 - x1)", -1, Factor("x1", -3.0)),
        ("(-3 - x1)", -1, Factor("x1", 3.0)),
        ("(-x1 - 3)", -1, Factor("x1", 3.0)),
        ("(-x1 + 3)", -1, Factor("x1", -3.0)),
        ("(+x1 + 3)", 1, Factor("x1", 3.0)),
        ("(x1 - -3)", 1, Factor("x1", 3.0)),
        ("(x1 + 2^-1)", 1, Factor("x1", 0.5)),
        ("(3*2^-2 - x1)", -1, Factor("x1", -0.75)),
        ("(x1 + 0)", 1, Factor("x1", 0.0)),
        ("(x1)", 1, Factor("x1")),
        ("(-x1)", -1, Factor("x1")),
        ("(x0 + 1)", 1, Factor("x0", 1.0)),
        ("sgn(w)", 1, Factor("w", 0.0, sign=True)),
        ("sgn(t + 1)", 1, Factor("t", 1.0, sign=True)),
        ("sgn(d - 2^-1)", 1, Factor("d", -0.5, sign=True)),
        ("sgn(2 + w)", 1, Factor("w", 2.0, sign=True)),
    ],
)
@pytest.mark.parametrize("order", ["{}*y0", "y0*{}"])
def test_parentheses(order, text, sign, factor):
    assert product(order.format(text)) == Product("y0", sign, 0, (factor,))


def test_the_sign_before_a_dependency_in_parentheses():
    assert product("(-u2)*w") == Product("u", -1, 0, (Factor("w"),))


def test_factors_keep_their_order_and_repeat():
    assert [f.symbol for f in factors("t*x1*y0*x1*w")] == ["t", "x1", "x1", "w"]


@pytest.mark.parametrize(
    "text", ["x0*y1+2^-1*y0*x1", " x0 * y1\n\t+ 2 ^ - 1 * y0 * x1 ", "x0*(y1) + +2^-1*y0*x1"]
)
def test_spaces_and_signs_do_not_matter(text):
    assert parse("w", text) == parse("w", "x0*y1 + 2^-1*y0*x1")


def test_a_long_rule():
    assert len(parse("w", "+".join(["x0*y1"] * 5000)).products) == 5000


# -- any product, in any spelling -----------------------------------------------------------------

CONSTANTS = st.sampled_from([0.0, 1.0, -1.0, 3.0, -17.0, 0.5, -0.25, 6.0, 2.0**-10])
FACTORS = st.one_of(
    st.builds(Factor, st.sampled_from(SYMBOLS), CONSTANTS),
    st.builds(Factor, st.sampled_from("wtd"), CONSTANTS, st.just(True)),
)
PRODUCTS = st.builds(
    Product,
    st.sampled_from(["x0", "y0", "u"]),
    st.integers(-7, 7),
    st.integers(-7, 8),
    st.lists(FACTORS, max_size=5).map(tuple),
)


def number(draw, value: float) -> str:
    """A number that is not negative, as one of its texts."""
    mantissa, exponent = value, 0
    while mantissa != int(mantissa):
        mantissa, exponent = mantissa * 2, exponent - 1
    power = draw(st.sampled_from([f"2^{exponent}", f"2 ^({exponent})"]))
    if exponent == 0:
        return draw(st.sampled_from([f"{int(mantissa)}", f"{int(mantissa)}*2^0"]))
    return power if mantissa == 1 and draw(st.booleans()) else f"{int(mantissa)}*{power}"


def spelled(draw, factor: Factor) -> tuple[str, int]:
    """A factor as one of its texts, and the sign that the text takes from the scale."""
    symbol, constant = factor.symbol, factor.constant
    sign = "-" if constant < 0 else "+"
    size = number(draw, abs(constant))
    if factor.sign:
        forms = [f"sgn({symbol} {sign} {size})", f"sgn({sign}{size} + {symbol})"]
        return draw(st.sampled_from(forms if constant else [f"sgn({symbol})", *forms])), 1
    # x0 and y0 alone would be taken for the dependency.
    if constant == 0 and symbol not in ("x0", "y0"):
        return draw(st.sampled_from([(symbol, 1), (f"({symbol})", 1), (f"(-{symbol})", -1)]))
    other = "+" if sign == "-" else "-"
    return draw(
        st.sampled_from(
            [
                (f"({symbol}{sign}{size})", 1),
                (f"({sign} {size} + {symbol})", 1),
                (f"({other}{size} - {symbol})", -1),
                (f"( -{symbol} {other} {size})", -1),
            ]
        )
    )


@st.composite
def texts(draw, k: int) -> tuple[str, Product]:
    """A product, and one of its texts."""
    found = draw(PRODUCTS)
    spellings = [spelled(draw, factor) for factor in found.factors]
    sign = -1 if found.mantissa < 0 else 1
    for _, taken in spellings:
        sign *= taken
    dependency = f"u{k}" if found.dependency == "u" else found.dependency
    scale_parts = [f"{abs(found.mantissa)}", f"2^{found.exponent}"]
    parts = [text for text, _ in spellings]
    for part in [*scale_parts, draw(st.sampled_from([dependency, f"({dependency})"]))]:
        parts.insert(draw(st.integers(0, len(parts))), part)
    minus = "-" if sign < 0 else draw(st.sampled_from(["", "+"]))
    return minus + draw(st.sampled_from(["*", " * ", "\n*"])).join(parts), found


@st.composite
def rules(draw) -> tuple[str, ProductSeries]:
    k = draw(st.integers(0, 9))
    terms = draw(st.lists(texts(k), min_size=1, max_size=4))
    products = tuple(found for _, found in terms)
    decimates = any(found.dependency == "u" for found in products)
    target = draw(st.sampled_from("wtd"))
    text = " + ".join(text for text, _ in terms)
    return text, ProductSeries(target, products, k if decimates else None)


@given(rules())
def test_any_spelling_is_read_as_what_it_means(rule):
    text, series = rule
    assert parse(series.target, text) == series


@given(st.text(alphabet="x0y1uwtd sgn()+-*^/.,23e_é", max_size=30))
def test_any_text_is_a_rule_or_refused_with_its_place(text):
    try:
        series = parse("w", text)
    except RuleError as error:
        assert "column" in str(error) and str(error).endswith("^")
    else:
        assert series.products


# -- what is no rule ------------------------------------------------------------------------------

MISSING = "an operator is missing before"
NOT_FIRST = "only 2 is raised"
ERRORS = [
    # symbols
    ("x0*x3", 4, "unknown symbol 'x3'. Did you mean y3"),
    ("x0*W", 4, "unknown symbol 'W'. Did you mean w"),
    ("x0*y1 + y0*xl", 12, "unknown symbol 'xl'. Did you mean x"),
    ("x0*lambda", 4, "unknown symbol 'lambda'. There are x0, y0, x1"),
    ("x0*(q + 1)", 5, "unknown symbol 'q'"),
    ("x0*sgn(q)", 8, "unknown symbol 'q'"),
    ("x0*__import__", 4, "unknown symbol"),
    ("u*w", 1, "u: write u and one digit K"),
    ("w*u12", 3, "u12: write u and one digit K"),
    # dependencies
    ("x1*y1", 1, "no dependency. Multiply it by x0, y0 or uK"),
    ("x0*y1 - 2*w", 9, "no dependency"),
    ("(x0 + 1)*w", 1, "no dependency"),
    ("3", 1, "no dependency"),
    ("x0*u0", 4, "u0 after the dependency x0"),
    ("u1*w*u1", 6, "u1 after the dependency u1"),
    ("u1*w + 2*u2*t", 10, "u2 beside u1: a connection has one uK"),
    ("x0*(u0 + 1)", 5, "nothing is added to u0"),
    # numbers
    ("2^x1*x0", 3, "an exponent is a whole number, as in 2^-3"),
    ("2^-0.5*x0", 4, "an exponent is a whole number"),
    ("2^*x0", 3, "an exponent is a whole number"),
    ("2^(1+1)*x0", 4, "an exponent is one whole number"),
    ("2^100*x0", 3, "an exponent of more than 2 digits"),
    ("0.5*x0", 1, r"numbers are whole, or powers of two. Write 2^-1 for 0.5"),
    ("x0*(w - .3)", 9, r"Write 5*2^-4 for .3"),
    ("3.*x0", 1, r"Write 3 for 3."),
    ("0.0*x0", 1, r"Write 0 for 0.0"),
    ("x0*y1/4", 6, r"there is no division. Write *2^-2 for /4"),
    ("x0/3", 3, r"Write *5*2^-4 for /3"),
    ("x0/w", 3, "there is no division. Multiply by a power of two"),
    ("x0/0", 3, "there is no division. Multiply by a power of two"),
    ("x0*(w/2)", 6, r"Write *2^-1 for /2"),
    ("3^2*x0", 1, "only 2 is raised to a power"),
    ("x0*10^-2", 4, "only 2 is raised to a power"),
    ("x0*x1^2", 6, r"Write x1*x1 for a square"),
    ("x0*(x1^2 + 1)", 7, r"Write x1*x1 for a square"),
    ("2^2^2*x0", 4, "only the number 2 is raised to a power, once"),
    ("2**-1*x0", 3, "A power is written as 2^-3"),
    ("x0*123456789012345678901", 4, "more than 20 digits"),
    ("x0*(w + 16777216)", 9, "out of range: below 2^24"),
    ("x0*(2^33*2^33 - w)", 5, "out of range: below 2^24"),
    # scales
    ("9*x0*y1", 1, "9, is out of range: a whole number in [-8, 7] times 2^k with k in [-7, 8]"),
    ("x0 - 9*y0", 6, "(-9), is out of range"),
    ("9*x0", 1, "The nearest is 2^3"),
    ("4*2^-9*x0", 1, "The nearest is 2^-7"),
    ("2^9*x0", 1, "The nearest is 2*2^8"),
    ("2^-8*x0*y1", 1, "Scale impulses or weights instead"),
    ("x0*9*2^8", 1, "Scale impulses or weights instead"),
    ("*".join(["x0", *["99999999999999999999"] * 9]), 1, "out of range"),
    # functions
    ("x0*sgn(x1)", 8, "sgn takes w, t or d, plus or minus a number; not x1"),
    ("x0*sgn(y0 + 1)", 8, "not y0"),
    ("u0*sgn(u0)", 8, "not u0"),
    ("x0*sgn(2)", 4, "not a number"),
    ("x0*sgn(-w)", 9, "sgn takes w not negated"),
    ("x0*sgn(3 - w)", 12, "sgn takes w not negated"),
    ("x0*sgn(w*t)", 9, "a product in parentheses"),
    ("x0*sgn()", 8, "')' where a number or a symbol should stand"),
    ("sgn*x0", 1, "Write sgn(w), sgn(t) or sgn(d)"),
    ("x0*(sgn(w) + 1)", 5, "sgn is a factor of its own"),
    ("exp(x1)*x0", 1, "there is no function exp"),
    ("x0*SGN(w)", 4, "there is no function SGN"),
    ("x1(3)*x0", 3, f"{MISSING} '('"),
    # sums
    ("2*(x0*y1 + y0*x1)", 6, "a product in parentheses. Take the parentheses away. Multiply"),
    ("x0*(x1*y1)", 7, "a product in parentheses"),
    ("x0*(2*x1)", 6, "a product in parentheses"),
    ("x0*(x1 + y1)", 10, "a second variable in parentheses. Multiply sums out"),
    ("x0*(1 + 2)", 9, "a second number in parentheses. Write the sum of both"),
    ("x0*(x1 + 1 + 2)", 14, "a third term in parentheses"),
    ("x0*(1 - x1 + y1)", 14, "a third term in parentheses"),
    ("((x1))*x0", 2, "Take the inner parentheses away"),
    ("x0*(1 + (w))", 9, "Take the inner parentheses away"),
    # syntax
    ("", 1, "the text is empty"),
    (" \n ", 1, "the text is empty"),
    ("(x0*y1", 4, "a product in parentheses"),
    ("x0*(y1", 4, "this parenthesis is never closed"),
    ("x0*(y1 + 1*2", 4, "this parenthesis is never closed"),
    ("x0*y1)", 6, "this parenthesis was never opened"),
    ("x0*()", 5, "')' where a number or a symbol should stand"),
    ("x0*", 4, "the text ends where a number or a symbol should stand"),
    ("x0 + ", 5, "the text ends where"),
    ("x0*(", 5, "the text ends where"),
    ("*x0", 1, "'*' where a number or a symbol should stand"),
    ("x0**y1", 4, "A power is written as 2^-3"),
    ("x0 + *y0", 6, "'*' where a number or a symbol should stand"),
    ("x0 y1", 4, f"{MISSING} 'y1'. Write * for a product"),
    ("2 3*x0", 3, f"{MISSING} '3'"),
    ("2x0", 2, f"{MISSING} 'x0'"),
    ("0x1*y0", 2, f"{MISSING} 'x1'"),
    ("1e3*x0", 2, f"{MISSING} 'e3'"),
    ("1_0*x0", 2, f"{MISSING} '_0'"),
    ("x0*(w 1)", 7, f"{MISSING} '1'"),
    ("x0, y0", 3, f"{MISSING} ','"),
    # characters
    ("x0*y1 \u2212 y0", 7, "(U+2212) is no character of rules. Write - for it"),
    ("x0\u00b7y1", 3, "Write * for it"),
    ("x0*\u00e9", 4, "(U+00E9) is no character of rules. Take it away"),
    ("x0*x\u0661", 5, "(U+0661)"),
    ("x0\u00a0*w", 3, "(U+00A0)"),
    ("x0 = w", 4, "'=' (U+003D)"),
    ("x0; y0", 3, "';' (U+003B)"),
]


@pytest.mark.parametrize(("text", "column", "reason"), ERRORS, ids=[ascii(e[0]) for e in ERRORS])
@pytest.mark.parametrize("target", ["w", "d"])
def test_errors(target, text, column, reason):
    with pytest.raises(RuleError) as error:
        parse(target, text)
    first, *shown = str(error.value).split("\n")
    assert first.startswith(f"d{target}, column {column}: ")
    assert reason in first
    line, caret = shown
    assert line == f"  d{target} = {''.join(' ' if c.isspace() else c for c in text)}"
    assert caret.index("^") == line.index("=") + 1 + column


def test_errors_are_value_errors():
    assert issubclass(RuleError, ValueError)


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("mantissa", "exponent"), list(itertools.product(range(1, 8), range(-7, 9))), ids=str
)
def test_what_a_scale_can_be_is_its_own_nearest(mantissa, exponent, sign):
    found = nearest(sign * mantissa * 2.0**exponent)
    assert found.value == sign * mantissa * 2.0**exponent and found.in_range
    assert Scale(*scale(f"x0*{found}")).value == found.value


@given(st.floats(1e-9, 1e9))
def test_nearest_has_three_bits(value):
    found = nearest(value)
    assert abs(found.value - value) <= value / 8
    assert 1 <= found.mantissa <= 7


@given(st.integers(-(10**6), 10**6), st.integers(-30, 30))
def test_normalising_keeps_the_value(mantissa, exponent):
    scale = Scale(mantissa, exponent)
    assert scale.normalised().value == scale.value
    assert scale.normalised().normalised() == scale.normalised()
