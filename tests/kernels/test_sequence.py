"""Equations over many steps at once: all bodies agree with each other and with single steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from equation_cases import lif, lif_fixed
from sequence_cases import CASES, LARGE, SIZES, Run, assert_agree, combinations, label
from torch import Tensor
from triton_worker import work

from lava_torch.kernels.equation.row import FULL, SCALAR, Source, equation_row
from lava_torch.kernels.op import Row
from lava_torch.kernels.sequence import SEQUENCE, State, run_sequence
from lava_torch.kernels.table import Control, Program

WORKER = Path(__file__).parent / "sequence_workers.py"
EVERY = [pytest.param(*case, id=label(*case)) for case in combinations((*SIZES, *LARGE))]
INTERPRETED = [pytest.param(*case, id=label(*case)) for case in combinations(SIZES)]
COMPILED = [
    f"{name}-{str(dtype).removeprefix('torch.')}-{arch}"
    for name, case in CASES.items()
    for dtype in case.dtypes
    for arch in (80, 90, "gfx942")
]


@pytest.fixture(scope="session")
def interpreted_sequences(tmp_path_factory) -> dict[str, tuple[Tensor, ...]]:
    return work(WORKER, "interpret", tmp_path_factory.mktemp("triton"))


@pytest.fixture(scope="session")
def compiled_sequences(tmp_path_factory) -> dict[str, tuple[int, int, bool, bool]]:
    return work(WORKER, "compile", tmp_path_factory.mktemp("triton"))


@pytest.mark.parametrize("name, dtype, steps, batch, size", EVERY)
def test_numba_agrees_with_the_reference(name, dtype, steps, batch, size):
    case, sizes = CASES[name], (steps, batch, size)
    expected = Run(case, dtype, *sizes).run("reference")
    assert_agree(case, Run(case, dtype, *sizes).run("cpu"), expected)


@pytest.mark.parametrize("name, dtype, steps, batch, size", INTERPRETED)
def test_interpreted_triton_agrees_with_the_reference(
    name, dtype, steps, batch, size, interpreted_sequences
):
    expected = Run(CASES[name], dtype, steps, batch, size).run("reference")
    got = interpreted_sequences[label(name, dtype, steps, batch, size)]
    assert_agree(CASES[name], got, expected)


@pytest.mark.parametrize("key", COMPILED)
def test_triton_compiles_ahead_without_spills(key, compiled_sequences):
    registers, spills, fused, general = compiled_sequences[key]
    assert 0 < registers <= 128
    assert spills == 0
    assert general, "a run of another length would compile the kernel anew"
    if not key.startswith("adaptive"):  # exp and sin are made of fused steps, everywhere alike
        assert not fused


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_triton_on_a_gpu_agrees_with_numba(name):
    case = CASES[name]
    for _, *drawn in (c for c in combinations((*SIZES, *LARGE)) if c[0] == name):
        run = on_gpu(Run(case, *drawn))
        actual = tuple(tensor.cpu() for tensor in run.run("gpu"))
        assert_agree(case, actual, Run(case, *drawn).run("cpu"))


def on_gpu(run: Run) -> Run:
    moved: dict[int, Tensor] = {}

    def cuda(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else moved.setdefault(id(tensor), tensor.cuda())

    run.sources = [[Source(cuda(s.tensor), s.layout) for s in group] for group in run.sources]
    for j, result in run.results.items():
        if isinstance(result, State):
            tensors = cuda(result.tensor), cuda(result.trajectory)
            run.results[j] = State(tensors[0], result.argument, tensors[1])
        else:
            run.results[j] = cuda(result)
    return run


def rows_one_by_one(equation, dtype, values: dict, x: Tensor) -> dict[str, Tensor]:
    """Spikes and states after each step, by the row of a table."""
    spikes = torch.zeros(x.shape[1:], dtype=torch.uint8)
    now = torch.zeros(x.shape[1:], dtype=dtype)
    sources = [
        [Source(now, FULL) if name == "a_in" else Source(values[name], FULL)]
        if name in ("a_in", "u", "v")
        else [Source(values[name], SCALAR)]
        for name in equation.arguments
    ]
    clock = torch.zeros(1, dtype=torch.int64)
    row: Row = equation_row(equation, dtype, sources, [spikes, 1, 2], clock)
    program = Program([row], clock, threads=1)
    found = {"s": [], "u": [], "v": []}
    for message in x:
        now.copy_(message)
        program.run(1, Control())
        for name, value in (("s", spikes), ("u", values["u"]), ("v", values["v"])):
            found[name].append(value.clone())
    return {name: torch.stack(list_of) for name, list_of in found.items()}


@pytest.mark.parametrize(
    ("equation", "dtype", "parameters"),
    [
        (lif, torch.float32, {"bias_mant": 0.03, "du": 0.3, "dv": 0.1, "vth": 1.0}),
        (lif, torch.float64, {"bias_mant": 0.03, "du": 0.3, "dv": 0.1, "vth": 1.0}),
        (lif_fixed, torch.int32, dict(bias_mant=300, bias_exp=2, du=999, dv=300, vth=40)),
    ],
    ids=["float32", "float64", "fixed"],
)  # fmt: skip
def test_it_is_what_the_rows_of_a_table_do(equation, dtype, parameters):
    steps, batch, size = 50, 2, 37
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((steps, batch, size), generator=generator)
    x = (x * 40).round().to(dtype) if dtype == torch.int32 else x.to(dtype)
    values = {name: torch.tensor([value], dtype=dtype) for name, value in parameters.items()}
    zeros = {name: torch.zeros(batch, size, dtype=dtype) for name in ("u", "v")}
    expected = rows_one_by_one(
        equation, dtype, values | {k: v.clone() for k, v in zeros.items()}, x
    )
    sources = [
        [Source(x, SEQUENCE)] if name == "a_in"
        else [Source(zeros[name], FULL)] if name in zeros
        else [Source(values[name], SCALAR)]
        for name in equation.arguments
    ]  # fmt: skip
    traces = {name: torch.empty(x.shape, dtype=dtype) for name in zeros}
    spikes = torch.empty(x.shape, dtype=torch.uint8)
    states = [State(zeros[name], i, traces[name]) for i, name in ((1, "u"), (2, "v"))]
    run_sequence(equation, dtype, sources, [spikes, *states], steps)
    assert spikes.any() and not spikes.all()
    for name, got in {"s": spikes, **traces}.items():
        assert torch.equal(got, expected[name]), name


def test_what_does_not_fit_is_refused_before_anything_is_written():
    run = Run(CASES["lif"], torch.float32, 4, 2, 5)
    run.sources[0] = [Source(torch.zeros(3, 2, 5), SEQUENCE)]
    with pytest.raises(ValueError, match=r"'lif' over 4 steps: p0 has shape \(3, 2, 5\)"):
        run.run("cpu")
    run.sources[0] = [Source(torch.zeros(4, 5, 2).movedim(1, 2), SEQUENCE)]
    with pytest.raises(ValueError, match="contiguous"):
        run.run("cpu")
    assert not run.results[0].any()


def test_a_device_without_a_kernel_is_refused():
    run = Run(CASES["lif"], torch.float32, 4, 1, 5)
    sources = [[Source(s.tensor.to("meta"), s.layout) for s in g] for g in run.sources]
    with pytest.raises(ValueError, match="no sequence kernel for meta"):
        run_sequence(lif, torch.float32, sources, list(run.results.values()), 4)
