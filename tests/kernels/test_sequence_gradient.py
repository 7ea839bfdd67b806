"""Gradients of equations over many steps: all bodies agree with autograd through single steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from equation_cases import lif
from gradient_cases import (
    CASES,
    FLOATS,
    LARGE,
    SIZES,
    assert_agree,
    combinations,
    label,
    run,
    tensors,
)
from triton_worker import work

from lava_torch.kernels.equation import ArcTan, Smooth, Surrogate, equation, exp
from lava_torch.kernels.equation.gradient import has_gradient
from lava_torch.kernels.sequence import SEQUENCE
from lava_torch.kernels.sequence.gradient import Unrolled, unroll

WORKER = Path(__file__).parent / "gradient_workers.py"
EVERY = [pytest.param(*case, id=label(*case)) for case in combinations((*SIZES, *LARGE))]
INTERPRETED = [pytest.param(*case, id=label(*case)) for case in combinations(SIZES)]
COMPILED = [
    f"{name}-{str(dtype).removeprefix('torch.')}-{arch}"
    for name in CASES
    for dtype in FLOATS
    for arch in (80, 90, "gfx942")
]


@pytest.fixture(scope="session")
def interpreted_gradients(tmp_path_factory) -> dict[str, tuple]:
    return work(WORKER, "interpret", tmp_path_factory.mktemp("triton"))


@pytest.fixture(scope="session")
def compiled_gradients(tmp_path_factory) -> dict[str, tuple[int, int, bool]]:
    return work(WORKER, "compile", tmp_path_factory.mktemp("triton"))


@pytest.mark.parametrize("name, dtype, steps, batch, size", EVERY)
def test_numba_agrees_with_autograd(name, dtype, steps, batch, size):
    expected = run(CASES[name], dtype, steps, batch, size, "reference")
    assert_agree(run(CASES[name], dtype, steps, batch, size, "cpu"), expected)


@pytest.mark.parametrize("name, dtype, steps, batch, size", INTERPRETED)
def test_interpreted_triton_agrees_with_autograd(
    name, dtype, steps, batch, size, interpreted_gradients
):
    expected = run(CASES[name], dtype, steps, batch, size, "reference")
    assert_agree(interpreted_gradients[label(name, dtype, steps, batch, size)], expected)


@pytest.mark.parametrize("key", COMPILED)
def test_triton_compiles_ahead_without_spills(key, compiled_gradients):
    registers, spills, general = compiled_gradients[key]
    assert 0 < registers <= 128
    # Six transcendental functions in float64 at once do not fit everywhere.
    assert spills <= (8 if key.startswith("curved-float64") else 0)
    assert general, "a run of another length would compile the kernel anew"


@pytest.mark.gpu
@pytest.mark.parametrize("name, dtype, steps, batch, size", EVERY)
def test_triton_on_a_gpu_agrees_with_autograd(name, dtype, steps, batch, size):
    expected = run(CASES[name], dtype, steps, batch, size, "reference")
    assert_agree(run(CASES[name], dtype, steps, batch, size, "gpu", "cuda"), expected)


@pytest.mark.parametrize("name", CASES)
def test_the_cases_have_gradients_to_compare(name):
    _, gradients = run(CASES[name], torch.float64, 9, 1, 130, "reference")
    moved = [g for g in gradients if g is not None and g.abs().max() > 0]
    assert len(moved) >= (2 if name == "kinks" else 1)


@pytest.mark.parametrize("name", ["lif", "kinks", "curved"])
def test_gradients_of_gradients(name):
    """They are asked for behind the kernel's results, and computed by plain torch."""
    case, found = CASES[name], {}
    for backend in ("reference", "cpu"):
        values = tensors(case, torch.float64, 5, 2, 7)
        wanted = [v for v in values if v.requires_grad]
        results = unroll(case.unrolled(torch.float64), values, 5, backend)
        first = torch.autograd.grad((results[0] * results[1]).sum(), wanted, create_graph=True)
        sum((g**2).sum() for g in first).backward()
        found[backend] = [v.grad for v in wanted]
    for got, want in zip(found["cpu"], found["reference"], strict=True):
        torch.testing.assert_close(got, want)
    assert any(g.abs().max() > 0 for g in found["cpu"])


def test_an_unused_result_costs_no_gradient():
    values = tensors(CASES["lif"], torch.float32, 3, 1, 4)
    results = unroll(CASES["lif"].unrolled(torch.float32), values, 3)
    assert torch.autograd.grad(results[1].sum(), values[4], allow_unused=True)[0] is not None


@equation
def smooth(x, y):
    return (y + exp(-x * x) / (1 + y * y),)


def test_it_is_the_derivative():
    """By finite differences, of an equation without spikes."""
    layouts = (SEQUENCE, "full")
    unrolled = Unrolled(smooth, torch.float64, ArcTan(), layouts, (1,))
    x = torch.rand(4, 2, 3, dtype=torch.float64, requires_grad=True)
    y = torch.rand(2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: unroll(unrolled, [x, y], 4, "cpu"), (x,))


class OnTensors(Surrogate):
    """One that only tensors can follow."""

    def primal(self, x):
        return torch.sigmoid(x)

    def gradient(self, x):
        return torch.sigmoid(x) * torch.sigmoid(-x)


@dataclass(frozen=True)
class OfOperators(OnTensors):
    width: float = 1.0

    def gradient(self, x):
        return 1 / (1 + exp(-x * self.width)) * (1 / (1 + exp(x * self.width)))


@dataclass
class Annealed(OfOperators.__base__):
    """Whose width may change while it is in use."""

    width: float = 1.0
    gradient = OfOperators.gradient


@dataclass(frozen=True)
class OnTensorsFrozen(OnTensors):
    pass


class Scaled(ArcTan):
    """Its own class is no dataclass: what it adds is no part of it."""

    gain = 1.0

    def gradient(self, x):
        return super().gradient(x) * self.gain


@dataclass(frozen=True)
class Hidden(OfOperators):
    extra: float = field(default=1.0, compare=False)


@dataclass(frozen=True)
class Picky(OfOperators):
    def gradient(self, x):
        assert isinstance(x, torch.Tensor)
        return x


@dataclass(frozen=True)
class OfAList(OfOperators):
    width: list[float] = field(default_factory=lambda: [1.0])


def test_which_surrogates_can_be_compiled():
    assert has_gradient(lif, torch.float32, OfOperators())
    others = (
        OnTensors(), OnTensorsFrozen(), Annealed(), OfAList(), Scaled(), Hidden(), Picky(),
    )  # fmt: skip
    for other in others:
        assert not has_gradient(lif, torch.float32, other)
    assert not has_gradient(lif, torch.float32, Smooth("arctan"))  # its spikes are others
