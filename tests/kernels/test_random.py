"""Philox, and the synapses drawn by it: the same numbers on every backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from random_cases import BERNOULLI, SAMPLES, SEED
from triton_worker import work

import lava_torch as lt
from lava_torch.kernels.connect import GAPS, IN_DEGREE, OUT_DEGREE, gap_table, reference
from lava_torch.kernels.random import cpu, key
from lava_torch.kernels.random.reference import philox, uniform

WORKER = Path(__file__).parent / "random_workers.py"
# Random123's known answers for Philox4x32-10: counter, key, words.
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.fixture(scope="session")
def interpreted(tmp_path_factory):
    return work(WORKER, "interpret", tmp_path_factory.mktemp("random"))


@pytest.mark.parametrize(("counter", "keys", "words"), KNOWN)
def test_known_answers(counter, keys, words):
    assert tuple(int(w) for w in philox(*map(torch.tensor, counter), *keys)) == words
    assert cpu.philox(*counter, *keys) == words


def test_numba_equals_torch():
    rows = torch.randint(0, 2**32, (200, 4))
    expected = torch.stack(philox(*rows.unbind(1), 77, 2**32 - 3), 1)
    got = [cpu.philox(*row, 77, 2**32 - 3) for row in rows.tolist()]
    assert torch.equal(torch.tensor(got, dtype=torch.int64), expected)


def test_interpreted_triton_equals_torch(interpreted):
    counters = (torch.tensor(c) for c in (7, 3, 1))
    expected = torch.stack(torch.broadcast_tensors(*philox(torch.arange(700), *counters,
                                                           *key(SEED))), 1)  # fmt: skip
    assert torch.equal(interpreted["words"], expected)


def test_uniform_numbers_are_in_range_and_even():
    words = philox(torch.arange(100_000), *(torch.tensor(0),) * 3, 1, 2)[0]
    for dtype in (torch.float32, torch.float64):
        numbers = uniform(words, dtype)
        assert numbers.dtype == dtype and 0 <= numbers.min() and numbers.max() < 1
        counts = torch.histc(numbers, 20, 0, 1)
        assert ((counts - 5000).abs() < 5 * 5000**0.5).all()
    assert uniform(torch.tensor(2**32 - 1)) < 1
    assert np.float32(cpu.uniform(np.uint32(2**32 - 1))) == uniform(torch.tensor(2**32 - 1)).item()


def test_uniform_numbers_are_the_same_everywhere(interpreted):
    words = interpreted["edges"]
    assert torch.equal(interpreted["uniform"], uniform(words))
    assert [cpu.uniform(np.uint32(w)) for w in words.tolist()] == uniform(words).tolist()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_has_64_bits(seed):
    with pytest.raises(ValueError, match="seed must be in"):
        key(seed)


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.05, 0.5, 1.0])
def test_gap_tables_hold_the_geometric_distribution(p):
    table = gap_table(p)
    exact = -np.expm1(np.arange(1, GAPS + 1) * np.log1p(-p)) if p < 1 else np.ones(GAPS)
    assert np.abs(table.limits / 2**32 - exact).max() < 1e-9
    draws = np.random.default_rng(0).integers(0, 2**32, 1000, dtype=np.uint64)
    begin = table.guide[draws >> np.uint64(20)]
    assert (begin <= np.searchsorted(table.limits, draws, side="right")).all()


def test_interpreted_bernoulli_equals_numba(interpreted):
    for (pre, post, p, loops), (indptr, indices) in zip(
        BERNOULLI, interpreted["bernoulli"], strict=True
    ):
        csr = lt.connectivity.bernoulli(pre, post, p, seed=SEED, self_connections=loops)
        assert torch.equal(csr.indptr, indptr) and torch.equal(csr.indices, indices)


def test_interpreted_samples_equal_numba(interpreted):
    for (rows, population, k, loops), chosen in zip(SAMPLES, interpreted["samples"], strict=True):
        csr = lt.connectivity.fixed_out_degree(
            rows, population, k, seed=SEED, self_connections=loops
        )
        assert torch.equal(csr.indices.to(torch.int64), chosen.reshape(-1).to(torch.int64))


def test_interpreted_samples_drawn_in_parts_equal_numba(interpreted):
    matrix = lt.connectivity.fixed_in_degree(33, 70, 9, seed=SEED, self_connections=False)
    expected = matrix.to_scipy().indices.reshape(70, 9)
    np.testing.assert_array_equal(torch.cat(interpreted["parts"]).numpy(), expected)


@pytest.mark.parametrize("p", [0.003, 0.3])
def test_bernoulli_equals_the_reference(p):
    csr = lt.connectivity.bernoulli(9, 60, p, seed=3, self_connections=False)
    for row in range(9):
        expected = reference.bernoulli_row(3, row, 60, p, skipped=row)
        assert csr.indices[csr.indptr[row] : csr.indptr[row + 1]].tolist() == expected


@pytest.mark.parametrize("k", [0, 3, 20, 29])
def test_samples_equal_the_reference(k):
    outgoing = lt.connectivity.fixed_out_degree(5, 30, k, seed=3, self_connections=False)
    incoming = lt.connectivity.fixed_in_degree(30, 5, k, seed=3, self_connections=False)
    for matrix, rule in (
        (outgoing.to_scipy().T.tocsr(), OUT_DEGREE),
        (incoming.to_scipy(), IN_DEGREE),
    ):
        for row in range(5):
            expected = reference.sample_row(3, row, 30, k, rule, skipped=row)
            assert np.flatnonzero(matrix[row].toarray()).tolist() == expected


def test_kernels_compile_ahead_without_spills(tmp_path):
    reports = work(WORKER, "compile", tmp_path)
    assert len(reports) == 12
    for name, (registers, spills) in reports.items():
        assert 0 < registers <= 128 and spills == 0, name


@pytest.mark.gpu
def test_a_gpu_draws_the_same_synapses():
    for pre, post, p, loops in [*BERNOULLI, (3000, 5000, 0.05, True)]:
        here, there = (
            lt.connectivity.bernoulli(pre, post, p, seed=1, self_connections=loops, device=device)
            for device in ("cpu", "cuda")
        )
        assert torch.equal(here.indptr, there.indptr.cpu())
        assert torch.equal(here.indices, there.indices.cpu())
    for draw in (lt.connectivity.fixed_in_degree, lt.connectivity.fixed_out_degree):
        here, there = (draw(700, 900, 30, seed=1, device=device) for device in ("cpu", "cuda"))
        assert torch.equal(here.indptr, there.indptr.cpu())
        assert torch.equal(here.indices, there.indices.cpu())
