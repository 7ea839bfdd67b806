"""The reference of the row operations against what they mean, by numpy, scipy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spike_cases import CASES
from torch import Tensor

from lava_torch.kernels.message import reference as message
from lava_torch.kernels.spike import CSR
from lava_torch.kernels.spike import reference as spike
from lava_torch.kernels.table import Control, Program

NUMBERS = [
    pytest.param(torch.float64, torch.float64, id="float64"),
    pytest.param(torch.int8, torch.int32, id="int8 in int32"),
    pytest.param(torch.float16, torch.float32, id="float16 in float32"),
]
SIZES = [(1, 1, 1), (1, 7, 5), (3, 6, 4), (2, 0, 3), (2, 3, 0)]


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Whole numbers, of which every dtype holds the sums exactly."""
    return torch.from_numpy(rng.integers(-9, 10, shape)).to(dtype)


def spikes_of(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    spikes = torch.full((x.numel(),), -1, dtype=torch.int32)
    count = torch.zeros(1, dtype=torch.int32)
    spike.compact(x.flatten(), spikes, count)
    return spikes, count, x.flatten()


def some_spikes(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Whole numbers, most of them 0."""
    return torch.from_numpy(rng.integers(-3, 4, shape) * (rng.random(shape) < 0.4)).to(torch.int32)


def message_of(x: Tensor, graded: bool) -> np.ndarray:
    """What counts of x."""
    return (x if graded else x != 0).numpy().astype(np.int64)


def csr_of(weights: np.ndarray) -> CSR:
    """Of weights (post, pre)."""
    return CSR.from_scipy(scipy.sparse.csc_matrix(weights))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.int32, torch.float32])
@pytest.mark.parametrize("size", [0, 1, 50])
def test_compact_lists_what_is_not_zero(size, dtype, rng):
    x = torch.from_numpy(rng.integers(0, 3, size)).to(dtype)
    spikes, count, _ = spikes_of(x)
    expected = np.flatnonzero(x.numpy())
    assert int(count) == len(expected)
    assert spikes.tolist() == [*expected, *[-1] * (size - len(expected))]


@pytest.mark.parametrize("graded", [False, True], ids=["counted", "graded"])
@pytest.mark.parametrize(("small", "dtype"), NUMBERS)
@pytest.mark.parametrize(("batch", "m", "n"), SIZES)
def test_dense_is_a_matrix_product(batch, m, n, small, dtype, graded, rng):
    x, weights = some_spikes(rng, (batch, m)), draw(rng, (m, n), small)
    out = torch.full((batch, n), 7, dtype=dtype)
    spike.dense(*spikes_of(x), weights, out, graded)
    np.testing.assert_array_equal(out, message_of(x, graded) @ weights.numpy().astype(np.int64))


@pytest.mark.parametrize("graded", [False, True], ids=["counted", "graded"])
@pytest.mark.parametrize(("small", "dtype"), NUMBERS)
@pytest.mark.parametrize(("batch", "m", "n"), SIZES)
def test_sparse_is_the_product_of_scipy(batch, m, n, small, dtype, graded, rng):
    x = some_spikes(rng, (batch, m))
    weights = rng.integers(-9, 10, (n, m)) * (rng.random((n, m)) < 0.5)
    csr = csr_of(weights)
    out = torch.full((batch, n), 7, dtype=dtype)
    values = csr.values.to(small)
    spike.sparse(*spikes_of(x), csr.indptr, csr.indices, values, out, graded)
    expected = (scipy.sparse.csr_matrix(weights) @ message_of(x, graded).T).T
    np.testing.assert_array_equal(out, expected)


def test_whole_numbers_wrap_in_the_output():
    x = torch.tensor([1, 1], dtype=torch.uint8)
    weights = torch.full((2, 1), 2**31 - 1, dtype=torch.int32)
    out = torch.zeros(1, 1, dtype=torch.int32)
    spike.dense(*spikes_of(x), weights, out, False)
    assert out.item() == -2


class ShiftRegister:
    """Delays as columns (n, slots): column 0 is sent, and all move one to the left."""

    def __init__(self, weights: np.ndarray, delays: np.ndarray, slots: int, exponent: int = 0):
        self.weights, self.delays = weights, delays
        self.columns = np.zeros((len(weights), slots), dtype=np.int64)
        self.exponent = exponent

    def step(self, s: np.ndarray) -> np.ndarray:
        sent = self.columns[:, 0].copy()
        self.columns = np.concatenate([self.columns[:, 1:], 0 * self.columns[:, :1]], axis=1)
        for k in range(self.columns.shape[1]):
            total = np.where(self.delays == k, self.weights, 0) @ s
            left, right = max(self.exponent, 0), max(-self.exponent, 0)
            self.columns[:, k] += (total << left) >> right
        return sent


class Delayed:
    """Weights and delays (post, pre), and a ring in which the rows of a table step them."""

    def __init__(self, weights: np.ndarray, delays: np.ndarray, slots: int, sparse: bool):
        # Of small dtypes, and a weight of 0 is a synapse.
        self.weights = torch.from_numpy(weights.T.copy()).to(torch.int16)
        self.delays = torch.from_numpy(delays.T.copy()).to(torch.uint8)
        self.sparse, shape = sparse, weights.shape
        if sparse:
            csr = csr_of(np.ones(shape))
            self.weights, self.delays = self.weights.flatten(), self.delays.flatten()
            self.pattern = csr.indptr, csr.indices
        self.ring = torch.zeros(1, slots, shape[0], dtype=torch.int32)
        self.out = torch.zeros(1, shape[0], dtype=torch.int32)

    def step(self, x: Tensor, t: Tensor, exponent: int | None, graded: bool) -> np.ndarray:
        spike.ring_send(self.ring, t, self.out)
        ring = self.ring if exponent is None else torch.zeros_like(self.ring)
        if self.sparse:
            args = *self.pattern, self.weights, self.delays, ring, t, graded
            spike.sparse_delay(*spikes_of(x), *args)
        else:
            spike.dense_delay(*spikes_of(x), self.weights, self.delays, ring, t, graded)
        if exponent is not None:
            spike.ring_flush(ring, self.ring, t, exponent)
            assert not ring.any()
        return self.out[0].numpy()


@pytest.mark.parametrize("exponent", [None, 2, -2])
@pytest.mark.parametrize("graded", [False, True], ids=["counted", "graded"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("slots", [1, 4])
def test_a_ring_is_a_shift_register(slots, sparse, graded, exponent, rng):
    n, m = 5, 6
    weights, delays = rng.integers(-9, 10, (n, m)), rng.integers(0, slots, (n, m))
    register = ShiftRegister(weights, delays, slots, exponent or 0)
    delayed = Delayed(weights, delays, slots, sparse)
    columns = torch.zeros(1, n, slots, dtype=torch.int32)
    for step in range(1, 14):
        t, x = torch.tensor([step]), some_spikes(rng, (m,))
        expected = register.step(message_of(x, graded))
        np.testing.assert_array_equal(delayed.step(x, t, exponent, graded), expected)
        spike.ring_store(delayed.ring, columns, t)
        np.testing.assert_array_equal(columns[0], register.columns)
        restored = torch.full_like(delayed.ring, 99)
        spike.ring_load(columns, restored, t)
        assert torch.equal(restored, delayed.ring)


def test_items_of_a_batch_have_rings_of_their_own(rng):
    weights, delays = draw(rng, (4, 3), torch.int32), torch.tensor([[0, 1, 2]] * 4)
    x, t = some_spikes(rng, (2, 4)), torch.tensor([5])
    both = torch.zeros(2, 3, 3, dtype=torch.int32)
    spike.dense_delay(*spikes_of(x), weights, delays, both, t, True)
    for b in range(2):
        alone = torch.zeros(1, 3, 3, dtype=torch.int32)
        spike.dense_delay(*spikes_of(x[b]), weights, delays, alone, t, True)
        assert torch.equal(both[b], alone[0])


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(
    kernel=pairs,
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    stride=pairs,
    dilation=pairs,
    extra=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    groups=st.integers(1, 2),
    batch=st.integers(1, 2),
    graded=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_conv_is_conv2d_with_a_flipped_kernel(
    kernel, padding, stride, dilation, extra, groups, batch, graded, seed
):
    rng = np.random.default_rng(seed)
    size = [max(d * (k - 1) + 1 - 2 * p, 1) + e
            for k, p, d, e in zip(kernel, padding, dilation, extra, strict=True)]  # fmt: skip
    channels = 2 * groups
    x = some_spikes(rng, (batch, *size, channels))
    weights = draw(rng, (*kernel, 2, 3 * groups), torch.int8)
    expected = torch.nn.functional.conv2d(
        torch.from_numpy(message_of(x, graded)).permute(0, 3, 1, 2).double(),
        weights.double().flip(0, 1).permute(3, 2, 0, 1),
        stride=stride, padding=padding, dilation=dilation, groups=groups,
    ).permute(0, 2, 3, 1)  # fmt: skip
    out = torch.full(expected.shape, 7, dtype=torch.int32)
    numbers = *size, channels, *padding, *stride, *dilation, groups, graded
    spike.conv(*spikes_of(x), weights, out, *numbers)
    assert torch.equal(out.double(), expected)


def test_gather_gives_zero_for_negative_places():
    x = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.uint8)
    out = torch.full((2, 4), 9.0)
    message.gather(x, torch.tensor([2, -1, 0, 2], dtype=torch.int32), out)
    assert out.tolist() == [[3, 0, 1, 3], [6, 0, 4, 6]]


@pytest.mark.parametrize("items", [1, 2])
def test_source_begins_anew_after_its_last_row(items):
    data = torch.arange(3 * items * 2).reshape(3, items, 2)
    out = torch.zeros(2, 2)
    for t, row in ((1, 0), (3, 2), (4, 0), (8, 1)):
        message.source_row(data, torch.tensor([t]), out)
        assert torch.equal(out, data[row].expand(2, 2).float())


def test_record_begins_anew_after_its_last_row():
    record = torch.zeros(2, 1)
    for t in (1, 2, 3):
        message.record(torch.tensor([t]), record, torch.tensor([t]))
    assert record.tolist() == [[3], [2]]


@pytest.mark.parametrize("every", [1, 3])
def test_probes_fill_a_ring_in_turn(every):
    x, index = torch.zeros(3, dtype=torch.int32), torch.tensor([2, 0], dtype=torch.int32)
    ring, mean = torch.zeros(5, 2), torch.zeros(5, 1)
    steps, mean_steps = torch.zeros(5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    for t in range(1, 14):
        x.copy_(torch.tensor([t, 2 * t, 6 * t]))
        now = torch.tensor([t])
        message.probe(x, index, ring, steps, now, every)
        message.probe_mean(x, mean, mean_steps, now, every)
    seen = [t for t in range(1, 14) if t % every == 0][-4:]
    assert sorted(steps[:4].tolist()) == seen and torch.equal(steps, mean_steps)
    for slot, t in enumerate(steps[:4].tolist()):
        assert slot == t // every % 4
        assert ring[slot].tolist() == [6 * t, t] and mean[slot].item() == 3 * t


@pytest.mark.parametrize(("exponent", "expected"), [(0, -7), (2, -28), (-1, -4), (-5, -1)])
def test_shift_rounds_down(exponent, expected):
    x = torch.tensor([-7], dtype=torch.int32)
    message.shift(x, exponent)
    assert x.item() == expected


def test_wrap24_is_twos_complement(rng):
    edges = [0, 2**23 - 1, 2**23, -(2**23), -(2**23) - 1, 2**31 - 1, -(2**31)]
    numbers = np.r_[edges, rng.integers(-(2**31), 2**31, 1000)]
    x = torch.from_numpy(numbers).to(torch.int32)
    message.wrap24(x)
    np.testing.assert_array_equal(x, (numbers + 2**23) % 2**24 - 2**23)


def test_values_are_cast_to_what_they_are_written_to():
    out = torch.tensor([1, 1, 1], dtype=torch.int32)
    message.accumulate(torch.tensor([1.9, -1.9, 0.0]), out)
    assert out.tolist() == [2, 0, 1]
    message.copy(torch.tensor([True, False, True]), out)
    assert out.tolist() == [1, 0, 1]
    message.fill_zero(out)
    assert out.tolist() == [0, 0, 0]


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("label", [label for label in CASES if "-own-" in label])
def test_weights_of_its_own_for_each_item(label, backend):
    """An item with its own weights gets what it gets alone."""
    case = CASES[label]
    args = dict(zip(case.op.arguments, case.make(), strict=True))
    together = {name: a.clone() if isinstance(a, torch.Tensor) else a for name, a in args.items()}
    run(case.op, together, backend)
    out = "ring" if "ring" in args else "out"
    batch = len(args[out])
    for b in range(batch):
        alone = {**args, out: args[out][b : b + 1].clone()}
        own = args["x"].view(batch, -1)[b].contiguous()
        at = own.nonzero().flatten().to(torch.int32)
        alone |= {"x": own, "spikes": torch.zeros(len(own), dtype=torch.int32)}
        alone["spikes"][: len(at)] = at
        alone["count"] = torch.tensor([len(at)], dtype=torch.int32)
        for name in {"weights", "values", "delays"} & args.keys():
            alone[name] = args[name].view(batch, -1, *args[name].shape[1:])[b].contiguous()
        run(case.op, alone, "reference")
        torch.testing.assert_close(together[out][b], alone[out][0], rtol=1e-5, atol=1e-5)


def run(op, args, backend):
    row = op.on(*(args[name] for name in op.arguments))
    if backend == "reference":
        row.run(backend)
    else:
        Program([row], torch.zeros(1, dtype=torch.int64), 1).run(1, Control())
