"""The Triton bodies of the row operations agree with the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from spike_cases import CASES, Case
from spike_workers import AHEAD
from torch import Tensor
from triton_worker import work

from lava_torch.kernels import launch as launching
from lava_torch.kernels.spike import COMPACT, DENSE

WORKER = Path(__file__).parent / "spike_workers.py"
EVERY = [
    pytest.param(label, ordered, id=f"{label}-{'in order' if ordered else 'any order'}")
    for label, case in CASES.items()
    for ordered in (False, True)
    if case.has_order or not ordered
]


@pytest.fixture(scope="session")
def interpreted_rows(tmp_path_factory) -> dict[tuple[str, bool], tuple[Tensor, ...]]:
    """Results of the interpreted Triton bodies, by label and whether in order."""
    return work(WORKER, "interpret", tmp_path_factory.mktemp("triton"))


@pytest.fixture(scope="session")
def compiled_rows(tmp_path_factory) -> dict[tuple[str, int | str], list]:
    """Reports of the compiled Triton kernels, by label and GPU."""
    return work(WORKER, "compile", tmp_path_factory.mktemp("triton"))


@pytest.fixture
def ordered_algorithms():
    yield torch.use_deterministic_algorithms
    torch.use_deterministic_algorithms(False)


def agree(case: Case, actual: tuple[Tensor, ...], ordered: bool) -> None:
    """Whole numbers and what is only copied agree exactly, sums of floats with float64's, or bit by
    bit with those taken in the order of the spikes."""
    if case.propagates and ordered:
        assert torch.equal(actual[0], case.in_order())
        return
    expected = case.expected()
    if case.op.name == "compact" and not ordered:
        actual, expected = (_as_a_set(*results) for results in (actual, expected))
    for got, want in zip(actual, expected, strict=True):
        if got.is_floating_point():
            tolerance = 1e-12 if got.dtype == torch.float64 else 1e-5
            got = got.to(want.dtype)
            torch.testing.assert_close(got, want, rtol=tolerance, atol=tolerance * 100)
        else:
            assert torch.equal(got, want)


def _as_a_set(spikes: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    return spikes[: int(count)].sort().values, count


@pytest.mark.parametrize(("label", "ordered"), EVERY)
def test_interpreted_triton_agrees_with_reference(label, ordered, interpreted_rows):
    agree(CASES[label], interpreted_rows[label, ordered], ordered)


@pytest.mark.parametrize("arch", [80, 90, "gfx942"])
@pytest.mark.parametrize("label", AHEAD)
def test_triton_compiles_ahead_without_spills(label, arch, compiled_rows):
    for kernel, registers, spills, fused in compiled_rows[label, arch]:
        assert 0 < registers <= 128, kernel
        assert spills == 0, kernel
        assert not fused, kernel


def test_every_kernel_is_compiled_ahead(compiled_rows):
    """Those of the modules named gpu, found by their decorator."""
    from triton.runtime.jit import JITFunction

    from lava_torch.kernels.message import gpu as message
    from lava_torch.kernels.spike import gpu as spike
    from lava_torch.kernels.spike.propagate import gpu as propagate

    there = {f.__name__ for m in (message, spike, propagate) for f in _kernels(m, JITFunction)}
    compiled = {kernel for reports in compiled_rows.values() for kernel, *_ in reports}
    helpers = {"_lower_bound", "_next_slot", "_row", "_slot", "_weight"}
    assert there - helpers == compiled


def _kernels(module: Any, kind: type) -> list[Any]:
    return [f for f in vars(module).values() if isinstance(f, kind)]


def test_tensors_on_a_cpu_are_refused():
    pytest.importorskip("triton", reason="Triton is there on Linux only")
    case = CASES["ring_send-1x1x1-1"]
    with pytest.raises(ValueError, match="_ring_send is a Triton kernel .* on cpu"):
        case.op.body("gpu")(*case.make())


def test_noted_launches_do_not_run():
    pytest.importorskip("triton", reason="Triton is there on Linux only")
    case = CASES["ring_send-2x3x1030-6"]
    args = case.make()
    before = [a.clone() for a in args]
    with launching.noted() as launches:
        case.op.body("gpu")(*args)
    assert [launch.kernel.__name__ for launch in launches] == ["_ring_send"]
    assert all(map(torch.equal, args, before))


def _on_gpu(args: tuple) -> tuple:
    return tuple(a.cuda() if isinstance(a, Tensor) else a for a in args)


@pytest.mark.gpu
@pytest.mark.parametrize(("label", "ordered"), EVERY)
def test_triton_on_a_gpu_agrees_with_reference(label, ordered, ordered_algorithms):
    case = CASES[label]
    ordered_algorithms(ordered)
    actual = case.run(case.op.body("gpu"), _on_gpu(case.make()))
    ordered_algorithms(False)
    agree(case, tuple(a.cpu() for a in actual), ordered)


@pytest.mark.gpu
def test_a_captured_step_counts_its_spikes_when_it_is_replayed():
    x = torch.zeros(20_000, dtype=torch.uint8, device="cuda")
    spikes = torch.zeros(20_000, dtype=torch.int32, device="cuda")
    count = torch.zeros(1, dtype=torch.int32, device="cuda")
    weights = torch.randint(-9, 9, (20_000, 70), dtype=torch.int32, device="cuda")
    out = torch.zeros(1, 70, dtype=torch.int32, device="cuda")

    def step() -> None:
        COMPACT.body("gpu")(x, spikes, count)
        DENSE.body("gpu")(spikes, count, x, weights, out, False)

    step()  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    for probability in (0.0, 0.01, 0.9):
        x.copy_(torch.rand(len(x), device="cuda") < probability)
        graph.replay()
        assert int(count) == int(x.count_nonzero())
        assert torch.equal(out[0], weights[x != 0].sum(0, dtype=torch.int32))


@pytest.mark.gpu
@pytest.mark.parametrize("ordered", [False, True])
def test_weights_may_be_more_than_32_bits_can_count(ordered, ordered_algorithms):
    m, n = 50_000, 45_000
    weights = torch.zeros(m, n, dtype=torch.int8, device="cuda")
    weights[-1] = torch.arange(n, device="cuda") % 100
    x = torch.zeros(m, dtype=torch.uint8, device="cuda")
    x[-1] = 1
    spikes = torch.zeros(m, dtype=torch.int32, device="cuda")
    count = torch.zeros(1, dtype=torch.int32, device="cuda")
    out = torch.zeros(1, n, device="cuda")
    ordered_algorithms(ordered)
    COMPACT.body("gpu")(x, spikes, count)
    DENSE.body("gpu")(spikes, count, x, weights, out, False)
    assert torch.equal(out[0], weights[-1].float())
