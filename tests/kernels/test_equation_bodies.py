"""The torch, numba and Triton bodies of an equation agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from equation_cases import (
    CASES,
    INTERPRETED_SIZES,
    LIMIT,
    SIZES,
    assert_agree,
    combinations,
    label,
    lif,
    lif_fixed,
)

EVERY = [pytest.param(*c, id=label(*c)) for c in combinations(SIZES)]
INTERPRETED = [pytest.param(*c, id=label(*c)) for c in combinations(INTERPRETED_SIZES)]
COMPILED = [
    f"{name}-{str(dtype).removeprefix('torch.')}-{arch}"
    for name, case in CASES.items()
    for dtype in case.dtypes
    for arch in (80, 90, "gfx942")
]


@pytest.mark.parametrize("name, dtype, size, batch", EVERY)
def test_numba_agrees_with_torch(name, dtype, size, batch):
    case = CASES[name]
    inputs = case.inputs(dtype, size, batch)
    expected = case.equation.body("torch")(*inputs)
    assert_agree(case, case.equation.body("numba")(*inputs), expected)


@pytest.mark.parametrize("name, dtype, size, batch", INTERPRETED)
def test_interpreted_triton_agrees_with_torch(name, dtype, size, batch, interpreted):
    case = CASES[name]
    expected = case.equation.body("torch")(*case.inputs(dtype, size, batch))
    assert_agree(case, interpreted[label(name, dtype, size, batch)], expected)


def test_interpreted_triton_writes_in_place(interpreted):
    inputs = CASES["lif"].inputs(torch.float32, 257, 3)
    spikes, u, v = lif.body("torch")(*inputs)
    got = interpreted["in_place"]
    assert torch.equal(got[0], spikes.to(torch.uint8))
    assert torch.equal(got[1], u) and torch.equal(got[2], v)


@pytest.mark.parametrize("key", COMPILED)
def test_triton_compiles_ahead_without_spills(key, compiled):
    registers, spills, fused = compiled[key]
    assert 0 < registers <= 128
    assert spills == 0
    if not key.startswith("adaptive"):  # exp and sin are made of fused steps, everywhere alike.
        assert not fused


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_triton_on_a_gpu_agrees_with_numba(name):
    case = CASES[name]
    for _, dtype, size, batch in (c for c in combinations(SIZES) if c[0] == name):
        inputs = case.inputs(dtype, size, batch)
        expected = case.equation.body("numba")(*inputs)
        actual = tuple(t.cpu() for t in case.equation.apply(*(t.cuda() for t in inputs)))
        if case.exact:
            assert_agree(case, actual, expected)
            continue
        # A spike may differ where v is within the error of its threshold.
        for got, want in zip(actual[1:], expected[1:], strict=True):
            torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def lif_fixed_in_64_bits(a_in, u, v, bias_mant, bias_exp, du, dv, vth):
    """Lava's fixed-point LIF in numpy, from its description, in 64 bits."""

    def toward_zero(product):
        return np.sign(product) * (np.abs(product) >> 12)

    unwrapped = toward_zero(u * (4095 - du)) + (a_in << 6)
    u = np.where(unwrapped > LIMIT, unwrapped - 2 * LIMIT, unwrapped)
    u = np.where(u <= -LIMIT, unwrapped + 2 * LIMIT, u)
    bias = np.where(
        bias_exp >= 0,
        bias_mant << np.maximum(bias_exp, 0),
        bias_mant >> np.maximum(-bias_exp, 0),
    )
    v = np.clip(toward_zero(v * (4096 - dv)) + u + bias, 1 - LIMIT, LIMIT - 1)
    s = v > (vth << 6)
    return s.astype(np.int64), u, np.where(s, 0, v)


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_fixed_point_equals_64_bit_arithmetic(backend):
    rng = np.random.default_rng(1)
    n = 200_000
    edges = np.array([-LIMIT, 1 - LIMIT, -4097, -4096, -1, 0, 1, 4095, 4096, LIMIT - 1, LIMIT])
    u, v = (rng.permutation(np.r_[edges, rng.integers(-LIMIT, LIMIT, n)]) for _ in range(2))
    a_in = rng.integers(-(1 << 17), 1 << 17, len(u))
    mant, exponent = rng.integers(-4096, 4096, len(u)), rng.integers(-12, 8, len(u))
    du, dv = rng.integers(0, 4096, len(u)), rng.integers(0, 4097, len(u))
    du[:3], dv[:3] = [0, 4095, 1], [0, 4096, 1]
    vth = rng.integers(0, 1 << 17, len(u))
    values = [a_in, u, v, mant, exponent, du, dv, vth]
    tensors = [torch.from_numpy(x).to(torch.int32) for x in values]
    results = lif_fixed.body(backend)(*tensors)
    for got, want in zip(results, lif_fixed_in_64_bits(*values), strict=True):
        np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize(
    "u, a_in, expected",
    [
        (0, LIMIT >> 6, LIMIT),
        (0, -LIMIT >> 6, LIMIT),
        (0, (LIMIT >> 6) + 1, 64 - LIMIT),
        (0, -(LIMIT >> 6) - 1, LIMIT - 64),
        (0, 2 * LIMIT >> 6, 0),
        (0, 3 * LIMIT >> 6, LIMIT),
        (0, -3 * LIMIT >> 6, -LIMIT),
    ],
)
def test_current_wraps_once_with_both_borders_positive(backend, u, a_in, expected):
    values = [torch.tensor([x], dtype=torch.int32) for x in (a_in, u, 0, 0, 0, 0, 0, 0)]
    assert lif_fixed.body(backend)(*values)[1].item() == expected
