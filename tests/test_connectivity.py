"""Random connectivity: how many synapses, between whom, and with which weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse
import torch

import lava_torch as lt
from lava_torch import connectivity
from lava_torch.connectivity import (
    bernoulli,
    fixed_in_degree,
    fixed_out_degree,
    from_scipy,
    one_to_one,
)


def degrees(csr: lt.CSR) -> tuple[torch.Tensor, torch.Tensor]:
    """In-degree of each postsynaptic, out-degree of each presynaptic neuron."""
    post = csr.indices.to(torch.int64)
    return torch.bincount(post, minlength=csr.shape[0]), csr.indptr.diff()


@pytest.mark.parametrize("p", [0.0, 0.01, 0.3, 0.97, 1.0])
def test_bernoulli_has_about_as_many_synapses_as_expected(p):
    csr = bernoulli(800, 1000, p, seed=4)
    csr.check("test")
    spread = (800_000 * p * (1 - p)) ** 0.5
    assert abs(csr.nnz - 800_000 * p) <= 5 * spread
    for degree, others in zip(degrees(csr), (800, 1000), strict=True):
        if 0 < p < 1:
            chi = ((degree - others * p) ** 2 / (others * p * (1 - p))).sum()
            assert abs(chi - len(degree)) < 6 * (2 * len(degree)) ** 0.5


@pytest.mark.parametrize(("pre", "post"), [(0, 5), (5, 0), (1, 1), (3, 70_000)])
def test_edges(pre, post):
    for csr in (bernoulli(pre, post, 0.5), fixed_out_degree(pre, post, min(post, 1))):
        csr.check("test")
        assert csr.shape == (post, pre)
        assert csr.indices.dtype == (torch.int32 if post > 65_536 else torch.uint16)


@pytest.mark.parametrize("k", [0, 1, 40, 99, 100])
def test_fixed_degrees(k):
    incoming, _ = degrees(fixed_in_degree(100, 60, k, seed=2))
    assert (incoming == k).all()
    _, outgoing = degrees(fixed_out_degree(60, 100, k, seed=2))
    assert (outgoing == k).all()


@pytest.mark.parametrize("draw", [fixed_in_degree, fixed_out_degree])
def test_fixed_degrees_choose_evenly(draw):
    csr = draw(2000, 2000, 50, seed=9)
    csr.check("test")
    for degree in degrees(csr):
        assert abs(degree.double().mean() - 50) < 1e-9
        assert degree.max() < 50 + 6 * 50**0.5


def test_no_self_connections():
    for csr in (
        bernoulli(50, 60, 1.0, self_connections=False),
        fixed_in_degree(60, 60, 59, self_connections=False),
        fixed_out_degree(60, 60, 59, self_connections=False),
    ):
        csr.check("test")
        assert csr.to_scipy().diagonal().sum() == 0
    assert bernoulli(50, 60, 1.0, self_connections=False).nnz == 50 * 59


def test_one_to_one():
    csr = one_to_one(5, weight=torch.arange(5.0))
    np.testing.assert_array_equal(csr.to_scipy().toarray(), np.diag(np.arange(5.0)))


def test_rows_do_not_depend_on_how_many_there_are():
    for draw, density in ((bernoulli, 0.2), (fixed_out_degree, 7)):
        few, many = (draw(pre, 90, density, seed=6) for pre in (40, 100))
        assert few.nnz > 0
        assert torch.equal(few.indptr, many.indptr[:41])
        assert torch.equal(few.indices, many.indices[: few.nnz])


def test_rules_draw_independently():
    """One seed for the way there and the way back does not make all synapses mutual."""
    there = fixed_out_degree(300, 300, 30).to_scipy()
    back = fixed_in_degree(300, 300, 30).to_scipy()
    random = bernoulli(300, 300, 0.1).to_scipy()
    pairs = (there, back), (there, back.T), (there, random), (back.T, random)
    for a, b in pairs:
        assert abs(a.multiply(b).sum() - 900) < 6 * 30  # of 9000 each, a tenth by chance


@pytest.mark.parametrize(("n", "k"), [(5, 2), (6, 4)])
@pytest.mark.parametrize("draw", [fixed_in_degree, fixed_out_degree])
def test_every_choice_is_as_likely(draw, n, k):
    rows = 20_000
    csr = draw(rows, n, k) if draw is fixed_out_degree else draw(n, rows, k)
    dense = csr.to_scipy().toarray().reshape(csr.shape)
    chosen = (dense.T if draw is fixed_out_degree else dense) @ (1 << np.arange(n))
    _, counts = np.unique(chosen, return_counts=True)
    expected = rows / math.comb(n, k)
    assert len(counts) == math.comb(n, k)
    assert ((counts - expected) ** 2 / expected).sum() < 2.5 * len(counts)


def test_seeds_differ_and_repeat():
    a, b, c = (bernoulli(100, 100, 0.2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(a.indices, b.indices)
    assert a.nnz != c.nnz or not torch.equal(a.indices, c.indices)


def test_weights():
    each = np.arange(1.0, 21.0)
    csr = bernoulli(20, 30, 0.5, weight=each, dtype=torch.float64)
    assert csr.values.dtype == torch.float64
    dense = csr.to_scipy().toarray()
    assert ((dense == 0) | (dense == each)).all() and (dense != 0).any()
    assert (bernoulli(20, 30, 0.5, weight=3, dtype=torch.int32).values == 3).all()
    assert (bernoulli(20, 30, 0.5, weight=0.1, dtype=torch.float64).values == 0.1).all()


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_weights_are_given_in_parts(monkeypatch, size):
    monkeypatch.setattr(connectivity, "_SPREAD", size)
    each = torch.arange(1.0, 41.0)
    each[3] = 0
    csr = bernoulli(40, 30, 0.3, weight=each)
    assert torch.equal(csr.values, each.repeat_interleave(csr.indptr.diff()))


def test_numbers_of_numpy_do():
    plain = bernoulli(50, 60, 0.25, weight=2.0, seed=3)
    numpy = bernoulli(
        np.int32(50), np.int64(60), np.float32(0.25), weight=np.float32(2), seed=np.uint64(3)
    )
    assert torch.equal(plain.indices, numpy.indices) and torch.equal(plain.values, numpy.values)


def test_from_scipy_and_back():
    matrix = scipy.sparse.random(30, 20, 0.2, rng=np.random.default_rng(0))
    csr = from_scipy(matrix, dtype=torch.float64)
    np.testing.assert_array_equal(csr.to_scipy().toarray(), matrix.toarray())


def test_a_process_takes_it():
    lif = lt.LIF(shape=(40,), bias_mant=0.3, vth=1.0)
    sparse = lt.Sparse(weights=bernoulli(40, 40, 0.3, weight=0.1, seed=1))
    lif.s_out.connect(sparse.s_in)
    sparse.a_out.connect(lif.a_in)
    lif.run(lt.RunSteps(20), run_cfg=lt.Loihi2SimCfg())
    assert sparse.a_buff.get().any()
    lif.stop()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bernoulli(5, 5, 1.5), r"in \[0, 1\]; got 1.5"),
        (lambda: bernoulli(5, 5, float("nan")), r"in \[0, 1\]"),
        (lambda: bernoulli(-1, 5, 0.5), "pre is a number of neurons"),
        (lambda: bernoulli(5, 5, 0.5, weight=np.ones(4)), r"an array \(5,\).*got shape \(4,\)"),
        (lambda: fixed_in_degree(5, 9, 6), r"in \[0, 5\].*got 6"),
        (lambda: fixed_out_degree(5, 5, 5, self_connections=False), r"in \[0, 4\].*got 5"),
        (lambda: bernoulli(5, 5, 0.5, seed=-3), "seed"),
        (lambda: bernoulli(5, 5, 0.5, dtype=torch.bool), "float16.*int64; got torch.bool"),
        (lambda: bernoulli(5, 5, 0.5, weight=1j), "are real.*complex128"),
        (lambda: one_to_one(5, weight=1.5, dtype=torch.int8), "weight 1.5 is not one that"),
        (lambda: one_to_one(2, weight=[1, 300], dtype=torch.int8), "weight 300 is not one that"),
        (lambda: one_to_one(2, weight=1e6, dtype=torch.float16), "weight 1000000.0 is not one"),
        (lambda: one_to_one(2, weight=float("nan"), dtype=torch.int32), "weight nan is not one"),
        (lambda: from_scipy(scipy.sparse.eye(2) * 0.5, dtype=torch.int32), "weight 0.5 is not"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
