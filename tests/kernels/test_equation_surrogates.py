"""Surrogate gradients, and how one is chosen."""

from __future__ import annotations

import pytest
import torch

from lava_torch.kernels.equation import (
    ArcTan,
    FastSigmoid,
    Smooth,
    Triangle,
    current_surrogate,
    resolve_surrogate,
    spike,
    use_surrogate,
    where,
)

SURROGATES = [ArcTan(), ArcTan(0.7), FastSigmoid(), FastSigmoid(3.0), Triangle(), Triangle(0.4)]
each = pytest.mark.parametrize("surrogate", SURROGATES, ids=str)


@each
def test_gradient_is_the_derivative_of_the_primal(surrogate):
    x = torch.linspace(-2, 2, 97, dtype=torch.float64)[1:-1].requires_grad_()
    (derivative,) = torch.autograd.grad(surrogate.primal(x).sum(), x)
    torch.testing.assert_close(surrogate.gradient(x.detach()), derivative)


@each
def test_primal_rises_through_one_half(surrogate):
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    y = surrogate.primal(x)
    assert surrogate.primal(torch.zeros(1)).item() == 0.5
    assert bool((y.diff() >= 0).all()) and 0 <= y.min() < 0.5 < y.max() <= 1


@each
def test_spike_is_a_step_with_the_surrogates_gradient(surrogate):
    x = torch.tensor([-1.5, -0.2, 0.0, 0.3, 2.0], requires_grad=True)
    scale = torch.tensor([1.0, 2.0, 0.5, 4.0, 0.0], requires_grad=True)
    with use_surrogate(surrogate):
        s = spike(x, scale)
    assert s.tolist() == [0, 0, 0, 1, 1] and s.dtype == x.dtype
    s.sum().backward()
    guarded = torch.tensor([1.0, 2.0, 0.5, 4.0, 1.0])
    torch.testing.assert_close(x.grad, surrogate.gradient(x.detach() / guarded) / guarded)
    assert scale.grad is None


@pytest.mark.parametrize("scale, effective", [(2.0, 2.0), (0.0, 1.0), (-3, 1.0)])
def test_spike_with_a_number_as_scale(scale, effective):
    x = torch.tensor([0.25, -1.0], dtype=torch.float64, requires_grad=True)
    spike(x, scale).sum().backward()
    expected = ArcTan().gradient(x.detach() / effective) / effective
    torch.testing.assert_close(x.grad, expected)


@each
def test_smooth_spikes_by_its_primal(surrogate):
    x = torch.tensor([-0.3, 0.1], dtype=torch.float64)
    with use_surrogate(Smooth(surrogate)):
        torch.testing.assert_close(spike(x, 2), surrogate.primal(x / 2))
    torch.testing.assert_close(Smooth(surrogate).gradient(x), surrogate.gradient(x))


@pytest.mark.parametrize("surrogate", [ArcTan(), Triangle()], ids=str)
def test_gradient_of_a_spike_has_a_gradient(surrogate):
    x = torch.tensor([0.1, -0.2], dtype=torch.float64, requires_grad=True)
    with use_surrogate(surrogate):
        (first,) = torch.autograd.grad(spike(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    step = 1e-6
    with torch.no_grad():
        change = surrogate.gradient(x + step) - surrogate.gradient(x - step)
    torch.testing.assert_close(second, change / (2 * step), rtol=1e-5, atol=1e-7)


def test_spike_under_vmap():
    x = torch.randn(3, 4, dtype=torch.float64)
    gradient = torch.func.vmap(torch.func.grad(lambda row: spike(row, 2.0).sum()))(x)
    torch.testing.assert_close(gradient, ArcTan().gradient(x / 2) / 2)


def test_no_gradient_through_a_condition():
    x = torch.tensor([0.5, -0.5], requires_grad=True)
    where(spike(x), 2 * x, 5 * x).sum().backward()
    assert x.grad.tolist() == [2, 5]


def test_arctan_is_the_default_and_contexts_nest():
    assert current_surrogate() == ArcTan(2.0)
    with use_surrogate("triangle") as outer:
        assert outer == current_surrogate() == Triangle(1.0)
        with pytest.raises(RuntimeError), use_surrogate(FastSigmoid(5.0)):
            assert resolve_surrogate(None) == FastSigmoid(5.0)
            raise RuntimeError
        assert current_surrogate() == Triangle(1.0)
        with use_surrogate(None):
            assert current_surrogate() == Triangle(1.0)
    assert current_surrogate() == ArcTan(2.0)


@pytest.mark.parametrize(
    "name, expected",
    [("arctan", ArcTan()), ("fast_sigmoid", FastSigmoid()), ("triangle", Triangle())],
)
def test_surrogates_by_name(name, expected):
    assert resolve_surrogate(name) == expected
    assert resolve_surrogate(expected) is expected
    assert Smooth(name) == Smooth(expected)


def test_unknown_surrogates():
    with pytest.raises(ValueError, match="no surrogate 'sigmoid'; the names are arctan, fast_"):
        resolve_surrogate("sigmoid")
    with pytest.raises(TypeError, match="is a float; give a name"):
        use_surrogate(2.0).__enter__()


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), "2", True, None])
@pytest.mark.parametrize("kind", [ArcTan, FastSigmoid, Triangle])
def test_surrogates_check_their_parameter(kind, value):
    with pytest.raises(ValueError, match=f"{kind.__name__}\\("):
        kind(value)


def test_a_spike_of_a_number():
    scale = torch.tensor([0.5, 1.0], requires_grad=True)
    assert spike(0.5, scale).tolist() == [1, 1] and spike(-0.5, scale).tolist() == [0, 0]


def test_a_scale_of_more_elements_than_the_value():
    """Each has the gradient that its own scale gives, and the value their sum."""
    x = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    g = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    (spike(x, scale) * g).sum().backward()
    wanted = (g * ArcTan().gradient(0.3 / scale) / scale).sum()
    torch.testing.assert_close(x.grad, wanted.reshape(1))
