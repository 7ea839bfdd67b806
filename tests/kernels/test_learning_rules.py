"""200 random learning rules: the reference, the CPU's and the GPU's bodies agree.

numba takes about two seconds to compile a rule. So all 200 are run as the text that numba would
compile, by Python itself, and a few are compiled in all layouts; LAVA_TORCH_THOROUGH compiles all.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from learning_rules import SETTINGS, Problem, agree, fits, problems, rules
from triton_worker import work

from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.learning.update import cpu
from lava_torch.kernels.table import Control, Program
from lava_torch.learning import Plan

HERE = Path(__file__).parent
THOROUGH = bool(os.environ.get("LAVA_TORCH_THOROUGH"))
COMPILED = [
    {"dw": "2^-1*y0*x1 - 2^-1*x0*y1"},
    {"dw": "u0*t*y2", "dt": "2^-1*y0*x1 - 2^-1*x0*y1 - 2^-3*u0*t"},
    {
        "dw": "2^-3*x1*y0 - 2^-4*y1*x0 + 2^-6*u1*w*sgn(w) - 2^-5*u1*x2*y2",
        "dt": "2^-2*x1*y0 - 2^-2*u1*t",
        "dd": "2^-2*x1*y0 + 2^-1*u1 - 2^-4*d*u1",
    },
    {"dw": "2^-7*y0*x1 - 2^-7*y0*w", "dd": "x0*y3"},
    {"dw": "3*2^-7*y0*(x0 + 1)*w*t*x1"},
    {"dw": "2^-7*x0*(y1 - 3)*(5 - w)", "dt": "2^-2*y0*sgn(t + 2)*x2"},
]


def by_python(problem: Problem, events: bool):
    """The row, computed by the text of the numba body as it stands."""
    row = problem.row(events)
    text = cpu.source(row.op).replace('@njit(nogil=True, error_model="numpy")\n', "")
    names: dict = {}
    exec(compile(text, "<body>", "exec"), names)
    arrays = [a.numpy() if isinstance(a, torch.Tensor) else a for a in row.args]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # whole numbers wrap, as they do compiled
        names["body"](*arrays, 0, 1)
    return row


def compiled(problem: Problem, events: bool, threads: int):
    row = problem.row(events)
    Program([row], torch.zeros(1, dtype=torch.int64), threads).run(1, Control())
    return row


@SETTINGS
@given(problems(largest=20))
def test_numba(problem):
    if not fits(problem):
        return
    want = problem.row(False)
    want.run("reference")
    for events in problem.modes:
        got = compiled(problem, events, 1) if THOROUGH else by_python(problem, events)
        agree(problem, got, want)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("fixed", [False, True], ids=["float", "fixed"])
@pytest.mark.parametrize("rule", COMPILED, ids=lambda rule: ", ".join(rule))
def test_numba_compiled(rule, fixed, sparse):
    single = Problem(tuple(rule.items()), fixed, sparse, 1, 1, (37, 150), 4, 5, 0.3, 3)
    for problem in (single, replace(single, batch=3, items=3), replace(single, size=(50, 9))):
        want = problem.row(False)
        want.run("reference")
        for events in problem.modes:
            for threads in (1, 2):
                agree(problem, compiled(problem, events, threads), want)


@pytest.mark.parametrize("fixed", [False, True], ids=["float", "fixed"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_mean_of_a_batch_compiled(fixed, sparse):
    problem = Problem(tuple(COMPILED[2].items()), fixed, sparse, 3, 1, (37, 50), 4, 5, 0.3, 4)
    want = problem.row(False)
    want.run("reference")
    for threads in (1, 2):
        agree(problem, compiled(problem, False, threads), want)


def test_triton_interpreted(tmp_path):
    work(HERE / "learning_rules.py", "interpret", tmp_path, timeout=580)


# -- against the formula, in whole numbers of any size --------------------------------------------

BITS = {"x0": 1, "y0": 1} | dict.fromkeys(("x1", "x2", "y1", "y2", "y3"), 7)
RANGES = {"x0": (0, 1), "y0": (0, 1), "x1": (0, 255), "x2": (0, 127)}
RANGES |= dict.fromkeys(("y1", "y2", "y3"), (-128, 255))
RANGES |= {"w": (-256, 255), "t": (-257, 255), "d": (0, 63)}


def limited(value, low, high):
    return min(max(value, low), high)


def signum(value):
    return (value > 0) - (value < 0)


def by_hand(series, values, r):
    """Loihi's update of one synaptic variable, step by step."""
    acc = values[series.target] << 7
    for product in series.products:
        if not values[product.dependency]:
            continue
        c, bits = product.mantissa, 0
        for factor in product.factors:
            part = values[factor.symbol] + int(factor.constant)
            part = signum(part) if factor.sign else part
            k = BITS.get(factor.symbol, 9)
            c *= limited(part, -(2**k), 2**k - 1)
            bits += k
        c = (c >> max(0, bits + 4 - 15)) << (product.exponent + 7)
        acc = limited(acc + limited(c, -32769, 32767), -32769, 32767)
    acc = max(acc, 0) if series.target == "d" else acc
    new = acc // 128 + (r < acc % 128)
    return limited(new, *{"w": (-256, 255), "t": (-257, 255), "d": (0, 255)}[series.target])


@st.composite
def situations(draw):
    values = {name: draw(st.integers(*limits)) for name, limits in RANGES.items()}
    return draw(rules()), values | {"u": draw(st.integers(0, 1))}, draw(st.integers(0, 127))


def rule_of(plan, fixed):
    limits = {"w": (-256, 255), "t": (-257, 255), "d": (0, 255)}
    clamps = tuple((0, None) if v == "d" else (None, None) for v in plan.targets)
    kept = tuple(limits[v] if fixed else (None, None) for v in plan.targets)
    return Rule(plan, fixed, kept, clamps if fixed else ())


def given_values(rule, values, r, dtype):
    named = {"r": r, **values}
    found = [named[name.split("_")[0]] for name in rule.whole.arguments]
    return [torch.tensor([value], dtype=dtype) for value in found]


ALL_ONES = dict.fromkeys(RANGES, 1) | {"u": 1}


@SETTINGS
@given(situations())
@example(({"dw": "-7*2^8*y0*w*t*w*t"}, ALL_ONES | {"w": -256, "t": 255, "y0": 1}, 0))
@example(({"dw": "-2^-7*y0*w*t*x1*y1*x2"}, ALL_ONES | {"w": -251, "t": 255, "x1": 127}, 3))
def test_fixed_point_is_the_formula(situation):
    texts, values, r = situation
    plan = Plan.of(texts)
    try:
        rule = rule_of(plan, True)
    except ValueError:
        return
    got = rule.whole(*given_values(rule, values, r, torch.int32))
    assert [int(v) for v in got] == [by_hand(s, values, r) for s in plan.series]


@SETTINGS
@given(situations())
def test_floating_point_is_the_formula(situation):
    texts, values, r = situation
    plan = Plan.of(texts)
    rule = rule_of(plan, False)
    got = rule.whole(*given_values(rule, values, r, torch.float64))
    for value, series in zip(got, plan.series, strict=True):
        total, size = Fraction(values[series.target]), Fraction(1)
        for product in series.products:
            change = Fraction(product.mantissa) * Fraction(2) ** product.exponent
            for factor in product.factors:
                part = values[factor.symbol] + Fraction(factor.constant)
                change *= signum(part) if factor.sign else part
            total += change if values[product.dependency] else 0
            size += abs(change)
        assert abs(Fraction(float(value)) - total) <= size * Fraction(1, 10**12)
