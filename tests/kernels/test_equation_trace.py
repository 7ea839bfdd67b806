"""Tracing: what is recorded, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from equation_cases import CASES, lif

from lava_torch.kernels import equation as package
from lava_torch.kernels.equation import (
    PRIMITIVES,
    Equation,
    EquationError,
    decay,
    equation,
    equations,
    exp,
    shift,
    spike,
    where,
)
from lava_torch.kernels.equation.cpu import NUMBA

F32, F64, I32 = torch.float32, torch.float64, torch.int32


def operations(eq: Equation, dtype: torch.dtype = F32) -> list[str]:
    skipped = ("argument", "constant")
    return [n.op for n in eq.trace(dtype).nodes if n.op not in skipped]


def test_graph_holds_the_arguments_and_the_kinds_of_results():
    graph = lif.trace(F32)
    assert graph.arguments == ("a_in", "u", "v", "bias_mant", "du", "dv", "vth")
    assert graph.output_kinds == ("spike", "number", "number")
    assert graph.dtype == F32


def test_trace_is_kept_for_each_dtype():
    assert lif.trace(F32) is lif.trace(F32)
    assert lif.trace(F32) is not lif.trace(F64)


def test_common_subexpressions_are_merged():
    eq = Equation(lambda x, y: (x * y + 1) * (x * y + 1), arguments=("x", "y"))
    assert operations(eq) == ["mul", "add", "mul"]


def test_zeros_of_both_signs_stay_apart():
    eq = Equation(lambda x: (x + 0.0, x + -0.0), arguments=("x",))
    assert operations(eq) == ["add", "add"]


def test_dead_operations_and_arguments_are_dropped():
    def fn(x, y):
        exp(x)
        return y + 1

    graph = Equation(fn).trace(F32)
    assert [n.op for n in graph.nodes] == ["argument", "constant", "add"]
    assert graph.used == (1,)


def test_constants_are_rounded_to_the_compute_dtype():
    eq = Equation(lambda x: x * 0.1, arguments=("x",))
    for dtype, value in ((F32, float(np.float32(0.1))), (F64, 0.1)):
        assert [n.value for n in eq.trace(dtype).nodes if n.op == "constant"] == [value]


def test_closures_helpers_loops_and_branches_on_constants_are_unrolled():
    weights = [0.5, 0.25]

    def helper(x, k):
        return x * k if k < 0.4 else x + k

    eq = Equation(lambda x: sum(helper(x, w) for w in weights), arguments=("x",))
    assert operations(eq) == ["add", "add", "mul", "add"]
    (result,) = eq.apply(torch.tensor([2.0]))
    assert result.item() == 2.5 + 0.5


def test_an_equation_within_another_becomes_a_part_of_it():
    inner = Equation(lambda x: x * x, name="inner", arguments=("x",))
    outer = Equation(lambda x, y: inner(x) + inner(y), arguments=("x", "y"))
    assert operations(outer) == ["mul", "mul", "add"]
    assert outer.apply(torch.tensor([3.0]), torch.tensor([4.0]))[0].item() == 25


def test_numpy_numbers_are_constants():
    eq = Equation(lambda x: np.float64(0.5) * x + np.int64(2), arguments=("x",))
    assert eq.apply(torch.tensor([4.0]))[0].item() == 4
    assert Equation(lambda x: np.float64(1) < x, arguments=("x",)).apply(torch.ones(1))[0] == 0


def test_emit_gives_typed_lines_for_any_loop():
    eq = Equation(lambda x, y: (x * 2 + y, x > y), arguments=("x", "y"))
    lines, results = eq.trace(I32).emit(NUMBA, ["w", "trace[j]"], prefix="t")
    assert lines == [
        "t0 = np.int32(w * np.int32(2))",
        "t1 = np.int32(t0 + trace[j])",
        "t2 = w > trace[j]",
    ]
    assert results == ["t1", "t2"]


def test_equation_keeps_name_docstring_and_signature():
    @equation
    def neuron(a_in, v):
        """v = v + a_in."""
        return v + a_in

    assert (neuron.name, neuron.__doc__, neuron.arguments) == (
        "neuron",
        "v = v + a_in.",
        ("a_in", "v"),
    )
    assert repr(neuron) == "<equation neuron(a_in, v)>"
    assert neuron in equations() and lif in equations()


def test_equation_from_any_callable_with_named_arguments():
    plan = Equation(lambda *xs: sum(xs), name="plan", arguments=("x0", "y1", "w"))
    assert plan.trace(F32).arguments == ("x0", "y1", "w")
    assert plan.apply(*[torch.ones(2)] * 3)[0].tolist() == [3, 3]


@pytest.mark.parametrize(
    "fn", [lambda x, k=2: x, lambda *xs: xs[0], lambda x, *, k: x, lambda: 1], ids="dvkn"
)
def test_signature_that_does_not_name_the_arguments_is_refused(fn):
    with pytest.raises(TypeError, match="equation '<lambda>'"):
        Equation(fn)


def test_primitives_listed_are_those_exported():
    assert all(callable(getattr(package, name)) for name in PRIMITIVES)
    assert set(PRIMITIVES) <= set(package.__all__)
    assert all(getattr(package, name).__doc__ for name in PRIMITIVES)


def test_every_case_names_its_equation():
    assert [case.equation.name for case in CASES.values()] == list(CASES)


def branch(v):
    if v > 0:
        return v
    return -v


def chained(v):
    return where(0 < v < 1, v, 0)


def undefined(v):
    return softplus(v)  # noqa: F821


REFUSED = {
    "branch": (branch, F32, r"`if v > 0:`.*Use where\("),
    "chained comparison": (chained, F32, r"Use where\(.*`&`"),
    "builtin min": (lambda v: min(v, 1), F32, r"minimum\(a, b\)"),
    "builtin max": (lambda v: max(v, 1), F32, r"maximum\(a, b\)"),
    "and": (lambda v: where(v > 0 and v < 1, v, 0), F32, "`&`"),
    "math.exp": (lambda v: math.exp(v), F32, "No backend has it; the primitives are: absolute"),
    "math.floor": (lambda v: math.floor(v), F32, "No backend has it"),
    "round": (lambda v: round(v), F32, "No backend has it"),
    "np.exp": (lambda v: np.exp(v), F32, r"np.exp is used. No backend has it"),
    "np.add.reduce": (lambda v: np.add(v, 1, where=True), F32, "No backend has it"),
    "torch.exp": (lambda v: torch.exp(v), F32, r"torch.exp is used. No backend has it"),
    "method": (lambda v: v.exp(), F32, r"no `.exp`.*No backend has it"),
    "undefined name": (undefined, F32, r"'softplus' is not defined. No backend has it"),
    "undefined attribute": (lambda v: math.softplus(v), F32, "softplus"),
    "subscript": (lambda v: v[0], F32, "not subscriptable.*scalars"),
    "float function": (lambda v: exp(v), I32, r"exp\(\) is not there in int32"),
    "division": (lambda v: v / 2, I32, "`/` is not there in int32"),
    "floor division": (lambda v: v // 2, I32, "`//` is not there"),
    "remainder": (lambda v: v % 2, I32, "`%` is not there"),
    "power": (lambda v: v**4, F32, r"only \*\* 2 and \*\* 3"),
    "power of a constant": (lambda v: 2**v, F32, "exp"),
    "right shift": (lambda v: v >> 2, F32, r"shift\(x, e\)"),
    "left shift": (lambda v: v << 2, F64, r"shift\(x, e\)"),
    "bits": (lambda v: v & 3, F32, "int32 only"),
    "shift too far": (lambda v: v << 32, I32, "outside 0 to 31"),
    "invert a number": (lambda v: ~v, I32, "`~` of a number"),
    "mixed logic": (lambda v: (v > 0) & v, I32, "Write `x != 0`"),
    "spike logic": (lambda v: spike(v) | (v > 0), F32, "Write `x != 0`"),
    "fraction": (lambda v: v * 0.5, I32, "constant 0.5 is not an integer"),
    "float constant": (lambda v: v * 2.0, I32, "constant 2.0 is not an integer"),
    "large constant": (lambda v: v + 2**31, I32, "does not fit in int32"),
    "float32 overflow": (lambda v: v * 1e39, F32, "overflows"),
    "complex": (lambda v: v * 1j, F32, "not a real number"),
    "text": (lambda v: v + "1", F32, "not a real number"),
    "tensor constant": (lambda v: v * torch.ones(2), F32, "Tensor is used as a constant"),
    "tensor constant first": (lambda v: torch.ones(2) * v, F32, "Tensor is used as a constant"),
    "array constant": (lambda v: v * np.ones(2), F32, "ndarray is used as a constant"),
    "condition plus constant": (lambda v: (v > 0) + 1, F32, r"where\(condition, 1, 0\)"),
    "constant times condition": (lambda v: 2.0 * (v > 0), F32, r"where\(condition, 1, 0\)"),
    "sum of conditions": (lambda v: (v > 0) + (v > 1), F32, r"where\(condition, 1, 0\)"),
    "minus condition": (lambda v: v - (v > 0), F32, r"where\(condition, 1, 0\)"),
    "numeric condition": (lambda v: where(v, 1, 0), F32, r"where\(x != 0, a, b\)"),
    "shift by a fraction": (lambda v: shift(v, 0.5), F32, "int from -30 to 30"),
    "decay bits": (lambda v: decay(v, 1, bits=13), F32, "bits must be an int from 0 to 12"),
    "returns nothing": (lambda v: None, F32, "returned None"),
    "returns an empty tuple": (lambda v: (), F32, "returned no value"),
    "returns text": (lambda v: (v, "v"), F32, "returned 'v'"),
}


@pytest.mark.parametrize("fn, dtype, message", REFUSED.values(), ids=REFUSED)
def test_refused(fn, dtype, message):
    eq = Equation(fn, name="odd")
    with pytest.raises(EquationError, match=message) as caught:
        eq.trace(dtype)
    assert "equation 'odd' (" in str(caught.value)
    assert "test_equation_trace.py:" in str(caught.value)


def test_refused_also_where_the_torch_body_would_run():
    eq = Equation(lambda v: math.exp(v), name="odd")
    with pytest.raises(EquationError, match="No backend has it"):
        eq.apply(torch.ones(1, requires_grad=True))


def test_a_value_of_another_trace_is_refused():
    kept = []
    Equation(lambda v: kept.append(v) or v).trace(F32)
    with pytest.raises(EquationError, match="another equation's trace"):
        Equation(lambda v: v + kept[0]).trace(F32)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_dtype_that_no_backend_computes_in(dtype):
    with pytest.raises(ValueError, match="only in torch.float32, torch.float64, torch.int32"):
        lif.trace(dtype)
