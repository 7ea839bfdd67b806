"""Sums over synapses as torch ops: values, gradients, tracing, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_torch.kernels.spike import CSR, functional
from lava_torch.kernels.spike.functional import (
    dense_delay_linear,
    sparse_delay_linear,
    sparse_linear,
)

OPS = torch.ops.lava_torch
SHAPES = [(7, 5), (1, 1), (0, 3), (3, 0), (64, 33)]


def synapses(shape=(7, 5), density=0.5, dtype=torch.float64, seed=0) -> CSR:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-9, 10, shape) * (rng.random(shape) < density)
    csr = CSR.from_scipy(scipy.sparse.csr_matrix(matrix))
    return csr.with_values(csr.values.to(dtype))


def late(csr: CSR, slots=4) -> torch.Tensor:
    return torch.randint(
        0, slots, (csr.nnz,), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def dense(csr: CSR) -> torch.Tensor:
    return torch.from_numpy(csr.to_scipy().toarray())


def by_delay(x, weights, delays, slots):
    parts = [x @ torch.where(delays == d, weights, 0).T for d in range(slots)]
    return torch.stack(parts, -2)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    density=st.sampled_from([0.0, 0.1, 1.0]),
    lead=st.sampled_from([(), (3,), (2, 1, 2), (0,)]),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.int32, torch.int64, torch.bfloat16]),
    seed=st.integers(0, 99),
)
def test_equals_the_dense_product(shape, density, lead, dtype, seed) -> None:
    csr = synapses(shape, density, dtype, seed)
    x = torch.from_numpy(np.random.default_rng(seed).integers(-2, 3, (*lead, shape[1]))).to(dtype)
    y = sparse_linear(x, csr.indptr, csr.indices, csr.values, shape[0])
    weights = torch.from_numpy(csr.with_values(csr.values.double()).to_scipy().toarray())
    want = x.double() @ weights.T
    assert y.dtype == dtype and y.shape == (*lead, shape[0])
    torch.testing.assert_close(y.double(), want, rtol=0, atol=0 if dtype != torch.bfloat16 else 4)

    delays = late(csr)
    sums = sparse_delay_linear(x, csr.indptr, csr.indices, csr.values, delays, 4, shape[0])
    matrix = torch.from_numpy(csr.to_scipy(delays.double().numpy()).toarray())
    torch.testing.assert_close(
        sums.double(),
        by_delay(x.double(), weights, matrix, 4),
        rtol=0,
        atol=0 if dtype != torch.bfloat16 else 4,
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pre_major", [True, False])
def test_dense_delays(shape, pre_major) -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(shape, dtype=torch.float64, generator=generator)
    delays = torch.randint(0, 3, shape, generator=generator)
    x = torch.randn((2, shape[1]), dtype=torch.float64, generator=generator)
    if pre_major:
        weights, delays = weights.t().contiguous().t(), delays.t().contiguous().t()
    torch.testing.assert_close(
        dense_delay_linear(x, weights, delays, 3), by_delay(x, weights, delays, 3)
    )


def cases():
    csr = synapses()
    full = torch.arange(6) * 7
    values = torch.randn(35, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    delays = torch.arange(35) % 4
    return {
        "sparse": (csr.indptr, csr.indices, csr.values, None, 1, 7),
        "sparse delays": (csr.indptr, csr.indices, csr.values, late(csr), 4, 7),
        "dense delays": (full, None, values, delays, 4, 7),
    }


CASES = [pytest.param(case, id=name) for name, case in cases().items()]


def inputs(case):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn((3, 5), dtype=torch.float64, generator=generator).requires_grad_()
    y = torch.randn((3, *case[-2:]), dtype=torch.float64, generator=generator).requires_grad_()
    return x, y, case[2].clone().requires_grad_()


@pytest.mark.parametrize("case", CASES)
def test_gradients(case) -> None:
    x, y, values = inputs(case)
    indptr, indices, _, delays, slots, post = case
    functions = [
        (lambda x, v: OPS.synaptic_sum(x, indptr, indices, v, delays, slots, post), (x, values)),
        (lambda y, v: OPS.synaptic_sum_transposed(y, indptr, indices, v, delays), (y, values)),
        (lambda x, y: OPS.synaptic_products(x, y, indptr, indices, delays), (x, y)),
    ]
    for function, args in functions:
        assert torch.autograd.gradcheck(function, args)
        assert torch.autograd.gradgradcheck(function, args)


@pytest.mark.parametrize("case", CASES)
def test_only_what_is_asked_for_is_differentiated(case) -> None:
    x, _, values = inputs(case)
    indptr, indices, _, delays, slots, post = case
    y = OPS.synaptic_sum(x.detach(), indptr, indices, values, delays, slots, post)
    y.sum().backward()
    assert x.grad is None and values.grad.any()


@pytest.mark.parametrize("case", CASES)
def test_the_plain_torch_forms_say_the_same(case) -> None:
    x, y, values = (t.detach() for t in inputs(case))
    indptr, indices, _, delays, slots, post = case
    synapses = indptr, indices, values, delays
    close = torch.testing.assert_close
    close(
        functional.reference(x, *synapses, slots, post), OPS.synaptic_sum(x, *synapses, slots, post)
    )
    close(functional.reference_transposed(y, *synapses), OPS.synaptic_sum_transposed(y, *synapses))
    places = indptr, indices, delays
    close(functional.reference_products(x, y, *places), OPS.synaptic_products(x, y, *places))


@pytest.mark.parametrize("case", CASES)
def test_the_plain_torch_forms_work_in_parts(case, monkeypatch) -> None:
    x, y, values = (t.detach() for t in inputs(case))
    indptr, indices, _, delays, slots, post = case
    whole = functional.reference(x, indptr, indices, values, delays, slots, post)
    products = functional.reference_products(x, y, indptr, indices, delays)
    monkeypatch.setattr(functional, "CHUNK", 40)  # fewer than two items
    parts = functional.reference(x, indptr, indices, values, delays, slots, post)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(
        functional.reference_products(x, y, indptr, indices, delays), products
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_row_operations_of_each_backend(case, backend) -> None:
    x, _, values = (t.detach() for t in inputs(case))
    indptr, indices, _, delays, slots, post = case
    args = x, indptr, indices, values, delays, slots, post
    torch.testing.assert_close(functional._sum_by_rows(backend, *args), functional.reference(*args))


@pytest.mark.parametrize("case", CASES)
def test_registration(case) -> None:
    x, y, values = inputs(case)
    indptr, indices, _, delays, slots, post = case
    check = torch.library.opcheck
    check(OPS.synaptic_sum, (x, indptr, indices, values, delays, slots, post))
    check(OPS.synaptic_sum_transposed, (y, indptr, indices, values, delays))
    check(OPS.synaptic_products, (x, y, indptr, indices, delays))


def test_traced_whole() -> None:
    csr = synapses()
    x, values = torch.randn(3, 5, dtype=torch.float64), csr.values.clone().requires_grad_()

    def loss(x, values):
        return sparse_linear(x, csr.indptr, csr.indices, values, 7).square().sum()

    traced = torch.compile(loss, fullgraph=True, backend="aot_eager")
    (got,) = torch.autograd.grad(traced(x, values), values)
    (want,) = torch.autograd.grad(loss(x, values), values)
    torch.testing.assert_close(got, want)


def test_function_transforms() -> None:
    csr = synapses()
    x = torch.randn(3, 5, dtype=torch.float64)

    def loss(values, x):
        return sparse_linear(x, csr.indptr, csr.indices, values, 7).square().sum()

    got = torch.func.vmap(torch.func.grad(loss), (None, 0))(csr.values, x)
    for item in range(3):
        values = csr.values.clone().requires_grad_()
        (want,) = torch.autograd.grad(loss(values, x[item]), values)
        torch.testing.assert_close(got[item], want)


def test_integers_wrap_as_int32_does() -> None:
    csr = synapses((1, 3), 1.0, torch.int32)
    csr = csr.with_values(torch.full((csr.nnz,), 255, dtype=torch.int32))
    x = torch.full((csr.shape[1],), 2**23 - 1, dtype=torch.int32)
    want = (255 * (2**23 - 1) * csr.nnz + 2**31) % 2**32 - 2**31
    assert sparse_linear(x, csr.indptr, csr.indices, csr.values, 1).item() == want


def test_nothing_is_densified() -> None:
    n = 200_000  # 160 GB, if it were dense
    ring = scipy.sparse.csr_matrix(
        (np.ones(n, np.float32), (np.arange(n), np.roll(np.arange(n), 1))), shape=(n, n)
    )
    csr = CSR.from_scipy(ring)
    x = torch.rand(n, requires_grad=True)
    values = csr.values.clone().requires_grad_()
    y = sparse_linear(x, csr.indptr, csr.indices, values, n)
    torch.testing.assert_close(y, x.roll(1))
    y.sum().backward()
    assert torch.equal(x.grad, torch.ones(n)) and values.grad.shape == (n,)


def test_bad_input() -> None:
    csr = synapses()
    with pytest.raises(ValueError, match=r"\(2, 6\).*5 presynaptic"):
        sparse_linear(torch.zeros(2, 6).double(), csr.indptr, csr.indices, csr.values, 7)
    with pytest.raises(TypeError, match="float32.*float64"):
        sparse_linear(torch.zeros(5), csr.indptr, csr.indices, csr.values, 7)
    with pytest.raises(ValueError, match="one a synapse"):
        sparse_linear(torch.zeros(5).double(), csr.indptr, csr.indices, csr.values[1:], 7)
