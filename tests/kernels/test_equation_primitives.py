"""What the primitives mean: on integers, on integers held in floats, and their gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from equation_cases import CASES, LIMIT, izhikevich, lif, lif_fixed
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_torch.kernels.equation import (
    ArcTan,
    Equation,
    Smooth,
    absolute,
    clip,
    cos,
    decay,
    exp,
    floor,
    log,
    maximum,
    minimum,
    shift,
    sign,
    sin,
    spike,
    sqrt,
    tanh,
    trunc,
    use_surrogate,
    where,
)

F32, F64, I32 = torch.float32, torch.float64, torch.int32
states = st.integers(-(1 << 24), 1 << 24)
every_body = pytest.mark.parametrize("backend", ["torch", "numba"])


def by_body(fn, backend: str, *tensors: torch.Tensor) -> torch.Tensor:
    names = tuple(f"x{i}" for i in range(len(tensors)))
    return Equation(fn, arguments=names).body(backend)(*tensors)[0]


@pytest.mark.parametrize("dtype", [I32, F32, F64], ids=str)
@given(st.lists(st.tuples(states, st.integers(0, 4096)), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_decay_is_exact_over_24_bits(dtype, pairs):
    x, f = zip(*pairs, strict=True)
    product = [a * b for a, b in pairs]
    expected = [p // 4096 if p >= 0 else -(-p // 4096) for p in product]
    for backend in ("torch", "numba"):
        result = by_body(decay, backend, torch.tensor(x, dtype=dtype), torch.tensor(f, dtype=dtype))
        assert result.dtype == dtype and result.tolist() == expected
    assert [decay(a, b) for a, b in pairs] == expected


@pytest.mark.parametrize("bits", [0, 3, 12])
@every_body
def test_decay_by_other_powers(bits, backend):
    x = torch.tensor([-(1 << 24), -9, -7, 0, 7, 9, 1 << 24], dtype=I32)
    result = by_body(lambda x: decay(x, (1 << bits) - 1, bits=bits), backend, x)
    product = x.to(torch.int64) * ((1 << bits) - 1)
    assert torch.equal(result.to(torch.int64), product.abs() // (1 << bits) * product.sign())


@pytest.mark.parametrize("dtype", [I32, F32, F64], ids=str)
@given(st.lists(st.tuples(st.integers(-4095, 4095), st.integers(-12, 12)), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_shift_rounds_down(dtype, pairs):
    x, e = zip(*pairs, strict=True)
    expected = [math.floor(a * 2.0**b) for a, b in pairs]
    for backend in ("torch", "numba"):
        result = by_body(shift, backend, torch.tensor(x, dtype=dtype), torch.tensor(e, dtype=dtype))
        assert result.tolist() == expected
    assert [shift(a, b) for a, b in pairs] == expected


@every_body
@pytest.mark.parametrize("dtype", [I32, F32], ids=str)
@pytest.mark.parametrize("e", [-30, -3, 0, 6, np.int64(2), 2.0], ids=repr)
def test_shift_by_a_constant(backend, dtype, e):
    x = torch.tensor([-4095, -1, 0, 1, 4095], dtype=dtype)
    expected = [math.floor(a * 2.0**e) for a in x.tolist()]
    assert by_body(lambda x: shift(x, e), backend, x).tolist() == expected


@every_body
@pytest.mark.parametrize("dtype", [I32, F64], ids=str)
def test_exponents_beyond_30_are_read_as_30(backend, dtype):
    x = torch.tensor([1, 1 << 30, -1, 5], dtype=dtype)
    e = torch.tensor([31, -40, -31, 0], dtype=dtype)
    assert by_body(shift, backend, x, e).tolist() == [1 << 30, 1, -1, 5]


@every_body
def test_int32_wraps(backend):
    x = torch.tensor([2**31 - 1, -(2**31)], dtype=I32)
    assert by_body(lambda x: x + 1, backend, x).tolist() == [-(2**31), 1 - 2**31]
    assert by_body(lambda x: abs(x), backend, x).tolist() == [2**31 - 1, -(2**31)]
    assert by_body(lambda x: x << 1, backend, x).tolist() == [-2, 0]


@every_body
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_not_a_number_passes_through_minimum_maximum_and_clip(backend, dtype):
    nan = float("nan")
    x = torch.tensor([nan, 1.0, nan, -2.0], dtype=dtype)
    y = torch.tensor([0.0, nan, nan, 1.0], dtype=dtype)
    for fn, last in ((minimum, -2), (maximum, 1)):
        result = by_body(fn, backend, x, y)
        assert result[:3].isnan().all() and result[3] == last
    assert by_body(lambda x: clip(x, -1, 1), backend, x).isnan().tolist() == [True, False] * 2


@every_body
@pytest.mark.parametrize("dtype, tolerance", [(F32, 3e-7), (F64, 5e-16)], ids=["f32", "f64"])
def test_tanh_is_accurate_everywhere(backend, dtype, tolerance):
    x = torch.cat([torch.linspace(-3, 3, 2001), torch.logspace(-8, 2, 500)]).to(dtype)
    expected = np.tanh(x.numpy().astype(np.longdouble))
    result = by_body(tanh, backend, x).numpy().astype(np.longdouble)
    scale = np.where(expected == 0, 1, np.abs(expected))
    assert float(np.max(np.abs(result - expected) / scale)) < tolerance


@every_body
def test_infinite_constants(backend):
    x = torch.tensor([1.0, -1.0])
    result = by_body(lambda x: where(x > 0, float("inf"), -float("inf")), backend, x)
    assert result.tolist() == [float("inf"), -float("inf")]


@pytest.mark.parametrize("dtype", [F32, F64, I32], ids=str)
def test_where_of_two_numbers_has_the_dtype_of_the_equation(dtype):
    eq = Equation(lambda x: (where(x > 1, 1, 0), where(spike(x), True, False)), arguments=("x",))
    direct, flags = eq(torch.tensor([0, 2], dtype=dtype))
    assert direct.dtype == dtype and direct.tolist() == [0, 1]
    assert flags.dtype == torch.bool and flags.tolist() == [False, True]


def test_where_of_two_fractions_keeps_the_digits_of_float64():
    eq = Equation(lambda x: where(x > 0, 0.1, 0.2), arguments=("x",))
    for backend in ("torch", "numba"):
        assert eq.body(backend)(torch.tensor([1.0, -1.0], dtype=F64))[0].tolist() == [0.1, 0.2]


def test_primitives_on_plain_numbers():
    assert [sign(-2), sign(0.0), sign(3)] == [-1, 0.0, 1]
    assert [floor(-1.5), trunc(-1.5), absolute(-2), clip(7, 0, 5)] == [-2.0, -1.0, 2, 5]
    assert [minimum(1, 2), maximum(1, 2), where(True, 1, 2), where(spike(-1.0), 1, 2)] == [
        1,
        2,
        1,
        2,
    ]
    assert [spike(2), spike(-0.5), spike(0.5, 3)] == [1, 0, 1]
    assert [exp(0), log(1.0), sqrt(4), sin(0), cos(0), tanh(0)] == [1, 0, 2, 0, 1, 0]
    assert lif(1.0, 0.5, 0.0, 0.0, 0.5, 0.0, 1.0) == (1.0, 1.25, 0)


def test_spike_on_integers_is_zero_or_one_of_their_dtype():
    s = spike(torch.tensor([-1, 0, 5], dtype=I32), torch.tensor(3, dtype=I32))
    assert s.dtype == I32 and s.tolist() == [0, 0, 1]


@pytest.mark.parametrize("carrier", [F32, F64], ids=str)
@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_floats_that_hold_integers_give_the_fixed_point_results(carrier, backend):
    inputs = CASES["lif_fixed"].inputs(I32, 20_000, 2)
    inputs[0] = inputs[0] % (LIMIT >> 6)
    expected = lif_fixed.apply(*inputs)
    results = lif_fixed.body(backend)(*(t.to(carrier) for t in inputs))
    for got, want in zip(results, expected, strict=True):
        assert got.dtype == carrier
        assert torch.equal(got.to(torch.int64), want.to(torch.int64))


def test_recording_a_gradient_does_not_change_the_carriers():
    inputs = [t.to(F32) for t in CASES["lif_fixed"].inputs(F32, 5000, None)]
    expected = lif_fixed.apply(*inputs)
    for got, want in zip(
        lif_fixed.apply(*[t.requires_grad_() for t in inputs]), expected, strict=True
    ):
        assert torch.equal(got.detach(), want)
        assert got.requires_grad


def test_decay_passes_gradients_straight_through():
    x = torch.tensor([5000.0, -123.0, 0.0], dtype=F64, requires_grad=True)
    f = torch.tensor(3000.0, dtype=F64, requires_grad=True)
    decay(x, f).sum().backward()
    torch.testing.assert_close(x.grad, (f / 4096).detach().expand(3))
    torch.testing.assert_close(f.grad, (x.sum() / 4096).detach())
    y = torch.tensor([7.0, 9.0], requires_grad=True)
    decay(y, 3, bits=2).sum().backward()
    assert y.grad.tolist() == [0.75, 0.75]


def test_shift_passes_gradients_straight_through():
    x = torch.tensor([5.0, -3.0, 9.0], requires_grad=True)
    e = torch.tensor([2.0, -1.0, -3.0], requires_grad=True)
    result = shift(x, e)
    result.sum().backward()
    assert result.tolist() == [20, -2, 1]
    assert x.grad.tolist() == [4, 0.5, 0.125] and e.grad is None
    x.grad = None
    shift(x, -2).sum().backward()
    assert x.grad.tolist() == [0.25] * 3


def test_straight_through_under_vmap():
    x = torch.tensor([[5.0, -7.0], [9.0, 100.0]])
    values = torch.func.vmap(torch.func.grad(lambda row: decay(row, 1024).sum()))(x)
    assert torch.equal(values, torch.full((2, 2), 0.25))


def gradcheck(eq: Equation, *ranges: tuple[float, float], seed: int = 0) -> bool:
    generator = torch.Generator().manual_seed(seed)
    inputs = [
        (low + (high - low) * torch.rand(4, generator=generator, dtype=F64)).requires_grad_()
        for low, high in ranges
    ]
    with use_surrogate(Smooth(ArcTan())):
        return torch.autograd.gradcheck(eq.apply, inputs)


@pytest.mark.parametrize("name", ["lif", "izhikevich", "adaptive"])
def test_gradients_agree_with_finite_differences(name):
    case = CASES[name]
    assert gradcheck(case.equation, *case.ranges(F64))


def test_gradients_over_several_steps_agree_with_finite_differences():
    def unrolled(a_in, u, v, du, dv):
        total = 0.0
        for step in range(4):
            s, u, v = lif(a_in * (step + 1), u, v, 0.1, du, dv, 1.0)
            total = total + s
        return total, u, v

    assert gradcheck(Equation(unrolled), (0, 0.4), (0, 0.5), (0, 0.5), (0.1, 0.5), (0.1, 0.5))


def test_gradients_of_the_other_primitives():
    def fn(x, y):
        return clip(x, -0.5, 0.5) * maximum(x, y), minimum(x, 2 * y) + sqrt(abs(x)), tanh(y) ** 3

    assert gradcheck(Equation(fn), (-1, 1), (-1, 1))


def test_surrogate_gradient_reaches_the_arguments():
    v = torch.tensor([0.0, 20.0, 40.0], requires_grad=True)
    values = [torch.tensor(x) for x in (0.0, 0.02, 0.2, -65.0, 8.0)]
    s, _, _ = izhikevich.apply(values[0], v, torch.zeros(3), *values[1:])
    s.sum().backward()
    assert bool((v.grad != 0).all())
