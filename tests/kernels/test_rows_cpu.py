"""The numba bodies of the row operations, called as a table calls them, against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch

from lava_torch.kernels import message, spike
from lava_torch.kernels.op import Row, RowOp
from lava_torch.kernels.spike import CSR
from lava_torch.kernels.table import Control, Program

SIZES = [(0, 3, 1), (1, 1, 1), (7, 5, 1), (64, 131, 1), (33, 20, 3), (200, 300, 2)]  # pre, post, B
SIZE_IDS = [f"{m}x{n}-batch{b}" for m, n, b in SIZES]
ACTIVITIES = [0.0, 0.1, 1.0]
F32, F64, I32 = torch.float32, torch.float64, torch.int32
U8, I64 = torch.uint8, torch.int64


def run(row: Row, threads: int) -> None:
    """Once, from a table."""
    Program([row], torch.zeros(1, dtype=I64), threads).run(1, Control())


def copies(args: tuple) -> tuple:
    return tuple(a.clone() if isinstance(a, torch.Tensor) else a for a in args)


def check(op: RowOp, *args, exact: bool = True) -> None:
    """One and two threads give what the reference gives; the two the same bit by bit."""
    expected = op.on(*copies(args))
    expected.run("reference")
    results = []
    for threads in (1, 2):
        row = op.on(*copies(args))
        run(row, threads)
        results.append(row)
        for got, want in zip(row.written, expected.written, strict=True):
            if exact or not got.is_floating_point():
                assert torch.equal(got, want), op.name
            else:
                torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    for one, two in zip(results[0].written, results[1].written, strict=True):
        assert torch.equal(one, two), f"{op.name} depends on the number of threads"


class Draw:
    """Random tensors for one size."""

    def __init__(self, pre: int, post: int, batch: int, activity: float, dtype: torch.dtype):
        self.rng = np.random.default_rng(pre + 7 * post)
        self.pre, self.post, self.batch, self.dtype = pre, post, batch, dtype
        self.active = self.rng.random(batch * pre) < activity

    def numbers(self, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        dtype = dtype or self.dtype
        if dtype.is_floating_point:
            return torch.from_numpy(self.rng.normal(0, 1, shape)).to(dtype)
        return torch.from_numpy(self.rng.integers(-100, 100, shape)).to(dtype)

    def input(self, graded: bool) -> torch.Tensor:
        if not graded:
            return torch.from_numpy(self.active).to(U8)
        return self.numbers(len(self.active)) * torch.from_numpy(self.active).to(self.dtype)

    def events(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        places = x.nonzero().reshape(-1).to(I32)
        spikes = torch.full((len(x),), -1, dtype=I32)
        spikes[: len(places)] = places
        return spikes, torch.tensor([len(places)], dtype=I32), x

    def csr(self, dtype: torch.dtype | None = None) -> CSR:
        matrix = scipy.sparse.random(self.post, self.pre, 0.3, "csc", rng=self.rng)
        synapses = CSR.from_scipy(matrix)
        return synapses.with_values(self.numbers(synapses.nnz, dtype=dtype))


GRADED = [pytest.param(False, id="spikes"), pytest.param(True, id="graded")]
DTYPES = [pytest.param(d, id=str(d).removeprefix("torch.")) for d in (F32, I32)]
every_size = pytest.mark.parametrize(("pre", "post", "batch"), SIZES, ids=SIZE_IDS)


@pytest.mark.parametrize("dtype", [U8, F32, I32, F64, torch.bool], ids=str)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 64, 1001])
def test_compact(size, dtype):
    for activity in ACTIVITIES:
        x = (torch.rand(size) < activity).to(dtype)
        for before in (0, size):  # which must not matter
            spikes, count = torch.zeros(size, dtype=I32), torch.tensor([before], dtype=I32)
            run(spike.COMPACT.on(x, spikes, count), 1)
            assert torch.equal(spikes[: int(count)], x.nonzero().reshape(-1).to(I32))


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("size", [9, 64, 100])
def test_compact_takes_minus_zero_for_zero_and_nan_for_a_spike(size, dtype):
    x = torch.full((size,), -0.0, dtype=dtype)
    x[1::4] = torch.nan
    spikes, count = torch.zeros(size, dtype=I32), torch.zeros(1, dtype=I32)
    run(spike.COMPACT.on(x, spikes, count), 1)
    assert spikes[: int(count)].tolist() == list(range(1, size, 4))


@pytest.mark.parametrize("graded", GRADED)
@pytest.mark.parametrize("dtype", DTYPES)
@every_size
def test_dense(pre, post, batch, dtype, graded):
    for activity in ACTIVITIES:
        draw = Draw(pre, post, batch, activity, dtype)
        events = draw.events(draw.input(graded))
        out = draw.numbers(batch, post)
        check(spike.DENSE, *events, draw.numbers(pre, post), out, graded, exact=False)


@pytest.mark.parametrize("graded", GRADED)
@pytest.mark.parametrize("dtype", DTYPES)
@every_size
def test_sparse(pre, post, batch, dtype, graded):
    for activity in ACTIVITIES:
        draw = Draw(pre, post, batch, activity, dtype)
        csr, events = draw.csr(), draw.events(draw.input(graded))
        out = draw.numbers(batch, post)
        check(spike.SPARSE, *events, csr.indptr, csr.indices, csr.values, out, graded, exact=False)


def test_sparse_with_wide_indices_and_narrow_weights():
    draw = Draw(50, 70_000, 1, 0.3, F32)
    draw.active[0] = True
    matrix = scipy.sparse.random(70_000, 50, 0.01, "csc", rng=draw.rng)
    csr = CSR.from_scipy(matrix)
    assert csr.indices.dtype == I32
    events, out = draw.events(draw.input(False)), draw.numbers(1, 70_000)
    values = draw.numbers(csr.nnz, dtype=torch.int8)
    check(spike.SPARSE, *events, csr.indptr, csr.indices, values, out, False, exact=False)
    out = draw.numbers(1, 70_000, dtype=I32)
    check(spike.SPARSE, *events, csr.indptr, csr.indices, values, out, False)


@pytest.mark.parametrize("graded", GRADED)
def test_weights_of_16_bits(graded):
    draw = Draw(40, 50, 2, 0.4, F32)
    events = draw.events(draw.input(graded))
    subnormal = torch.full((40, 50), 2.0**-24, dtype=torch.float16)
    for weights in (draw.numbers(40, 50, dtype=torch.float16), subnormal, -subnormal):
        check(spike.DENSE, *events, weights, draw.numbers(2, 50), graded, exact=False)
    csr, out = draw.csr(dtype=torch.float16), draw.numbers(2, 50)
    assert csr.values.dtype == torch.float16
    check(spike.SPARSE, *events, csr.indptr, csr.indices, csr.values, out, graded, exact=False)


@pytest.mark.parametrize("graded", GRADED)
@pytest.mark.parametrize("dtype", DTYPES)
@every_size
def test_delays(pre, post, batch, dtype, graded):
    slots, t = 5, torch.tensor([13])
    for activity in ACTIVITIES:
        draw = Draw(pre, post, batch, activity, dtype)
        events = draw.events(draw.input(graded))
        late = torch.from_numpy(draw.rng.integers(0, slots, (pre, post))).to(U8)
        ring = draw.numbers(batch, slots, post)
        check(
            spike.DENSE_DELAY, *events, draw.numbers(pre, post), late, ring, t, graded, exact=False
        )
        csr = draw.csr()
        late = torch.from_numpy(draw.rng.integers(0, slots, csr.nnz)).to(U8)
        synapses = csr.indptr, csr.indices, csr.values, late
        check(spike.SPARSE_DELAY, *events, *synapses, ring, t, graded, exact=False)


@every_size
def test_rings(pre, post, batch):
    for step in (0, 4, 12):
        draw, t = Draw(pre, post, batch, 0.5, I32), torch.tensor([step])
        ring, columns = draw.numbers(batch, 4, post), draw.numbers(batch, post, 4)
        check(spike.RING_SEND, ring, t, draw.numbers(batch, post))
        check(spike.RING_LOAD, columns, ring, t)
        check(spike.RING_STORE, ring, columns, t)
        for exponent in (-2, 0, 3):
            check(spike.RING_FLUSH, draw.numbers(batch, 4, post), ring, t, exponent)


@pytest.mark.parametrize("graded", GRADED)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("padding", "stride", "dilation", "groups"),
    [((0, 0), (1, 1), (1, 1), 1), ((1, 2), (2, 1), (1, 1), 2), ((2, 1), (1, 2), (2, 1), 4)],
)
def test_conv(padding, stride, dilation, groups, dtype, graded):
    sizes, kernel, channels, outputs, batch = (9, 8), (3, 2), 4, 8, 2
    for activity in ACTIVITIES:
        draw = Draw(sizes[0] * sizes[1] * channels, 1, batch, activity, dtype)
        out = [
            (sizes[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
            for i in range(2)
        ]
        weights = draw.numbers(*kernel, channels // groups, outputs)
        check(
            spike.CONV, *draw.events(draw.input(graded)), weights,
            draw.numbers(batch, *out, outputs), *sizes, channels, *padding, *stride, *dilation,
            groups, graded, exact=False,
        )  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 7, 1001])
def test_elementwise(size):
    draw, t = Draw(size, size, 1, 0.5, I32), torch.tensor([9])
    x, y = draw.numbers(size), draw.numbers(size)
    check(message.COPY, x, draw.numbers(size, dtype=F64))
    check(message.COPY, (x > 0).to(U8), draw.numbers(size, dtype=F32))
    check(message.ACCUMULATE, x, y)
    check(message.FILL_ZERO, y)
    check(message.WRAP24, draw.numbers(size) * (1 << 20))
    for exponent in (-3, 0, 5):
        check(message.SHIFT, x, exponent)
    check(message.RECORD, x, draw.numbers(4, size, dtype=F64), t)


@pytest.mark.parametrize("batch", [1, 3])
def test_gather_and_source_rows(batch):
    draw, t = Draw(6, 9, batch, 0.5, F32), torch.tensor([9])
    index = torch.tensor([0, 5, -1, 2, 2, -1, 3], dtype=I32)
    check(message.GATHER, draw.numbers(batch, 6), index, draw.numbers(batch, 7))
    for items in {1, batch}:
        check(message.SOURCE_ROW, draw.numbers(4, items, 6), t, draw.numbers(batch, 6))


def test_probes():
    draw = Draw(6, 9, 1, 0.5, F32)
    index = torch.tensor([5, 0, 3], dtype=I32)
    for step in (2, 4, 10):
        t, steps = torch.tensor([step]), torch.zeros(4, dtype=I64)
        check(message.PROBE, draw.numbers(6), index, draw.numbers(4, 3), steps, t, 2)
        check(message.PROBE_MEAN, draw.numbers(6), draw.numbers(4, 1), steps, t, 2, exact=False)


def test_a_row_refuses_what_no_adapter_can_read():
    with pytest.raises(TypeError, match="contiguous tensors"):
        Program([message.FILL_ZERO.on(torch.zeros(4, 4)[:, 0])], torch.zeros(1, dtype=I64))
    with pytest.raises(TypeError, match="takes"):
        message.COPY.on(torch.zeros(2))
