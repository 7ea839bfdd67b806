"""Unrolls layer by layer, where it is less than plain: what a fuzzer found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from torch.autograd import forward_ad
from unroll_networks import Leak, lif

import lava_torch as lt
from lava_torch.compiler import unroll_layers
from lava_torch.compiler.network import Network
from lava_torch.core import implements, requires, tag
from lava_torch.proc.dense.models import DenseModelFloat


def small(stepper: str = "auto", trainable=True, **models) -> Network:
    """Dense "dense" of 3 to LIF "lif" of 3."""
    dense = lt.Dense(weights=np.eye(3) + 0.1, name="dense")
    neurons = lt.LIF(shape=(3,), du=0.4, dv=0.2, vth=0.7, bias_mant=0.1, name="lif")
    dense.a_out.connect(neurons.a_in)
    config = lt.Loihi2SimCfg(
        trainable=trainable, dtype="float64", stepper=stepper,
        exception_proc_model_map={getattr(lt, name): model for name, model in models.items()},
    )  # fmt: skip
    return lt.compile(neurons, config)


X = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def both(work) -> None:
    """`work` gives the same of a network that goes layer by layer and of one that is stepped."""
    found = [work(stepper) for stepper in ("auto", "eager")]
    torch.testing.assert_close(*found)
    assert any(bool(x.any()) for x in found[0])


def test_gradients_of_tensors_that_stand_in_for_parameters():
    def work(stepper):
        network = small(stepper, trainable=False)
        w = torch.ones(3, 3, dtype=torch.float64, requires_grad=True)
        del network.dense.weights
        network.dense.weights = w * 0.7
        network({"dense": X})["lif"].sum().backward()
        return [w.grad]

    both(work)


class Outside(lt.TorchProcessModel):
    """A tensor of the user's, which no parameter is."""

    W = torch.full((1,), 0.8, dtype=torch.float64, requires_grad=True)

    def step(self, a_in):
        return a_in * self.W


implements(proc=Leak, protocol=lt.LoihiProtocol)(tag("outside")(requires(lt.CPU)(Outside)))


def test_gradients_of_tensors_outside():
    def work(stepper):
        leak, neurons = Leak(shape=(3,), name="leak"), lif(3, "lif")
        leak.s_out.connect(neurons.a_in)
        config = lt.Loihi2SimCfg(
            dtype="float64", stepper=stepper, exception_proc_model_map={Leak: Outside}
        )
        Outside.W.grad = None
        lt.compile(neurons, config)({"leak": X})["lif"].sum().backward()
        return [Outside.W.grad.clone()]

    both(work)


class Timed(DenseModelFloat):
    def propagate(self, s_in):
        return self.linear(s_in, self.weights) * self.time_step


class Unbatched(DenseModelFloat):
    def linear(self, s_in, weights):
        return weights @ s_in


@pytest.mark.parametrize("model", [Timed, Unbatched])
def test_connections_that_changed_what_arrives_are_stepped(model):
    def work(stepper):
        network = small(stepper, Dense=model)
        result = network({"dense": X})["lif"]
        result.sum().backward()
        return [result.detach(), network.dense.weights.grad]

    both(work)


def test_what_the_gradient_does_not_read_may_be_written_to():
    def work(stepper):
        network = small(stepper, trainable=["lif.bias_mant"])
        data = X.numpy().copy()
        result = network({"dense": torch.from_numpy(data)})["lif"]
        data[:] = 0
        result.sum().backward()
        return [network.lif.bias_mant.grad]

    both(work)


def test_checkpointed():
    def work(stepper):
        network, x = small(stepper), X.clone().requires_grad_()
        run = lambda x: network({"dense": x})["lif"]  # noqa: E731
        torch.utils.checkpoint.checkpoint(run, x, use_reentrant=False).sum().backward()
        return [x.grad, network.dense.weights.grad]

    both(work)


def test_many_gradients_at_once():
    def work(stepper):
        network = small(stepper)
        return [
            torch.autograd.functional.jacobian(
                lambda x: network({"dense": x})["lif"], X, vectorize=True
            )
        ]

    both(work)


def test_forward_mode_goes_step_by_step():
    network = small()
    assert not isinstance(unroll_layers.plan(network, []), str)
    with forward_ad.dual_level():
        assert "transform" in unroll_layers.plan(network, [])


@lt.equation
def doubled(level):
    return (level * 2,)


class Constant(lt.EquationModel):
    """Its equation reads a parameter only."""

    equation, returns, trainable = doubled, ("s_out",), ("level",)


implements(proc=Leak, protocol=lt.LoihiProtocol)(tag("constant")(requires(lt.CPU)(Constant)))


def test_an_equation_of_parameters_only():
    def work(stepper):
        leak, dense = Leak(shape=(3,), name="leak"), lt.Dense(weights=np.eye(3), name="dense")
        leak.s_out.connect(dense.s_in)
        config = lt.Loihi2SimCfg(
            dtype="float64", stepper=stepper, trainable=True,
            exception_proc_model_map={Leak: Constant},
        )  # fmt: skip
        network = lt.compile(dense, config)
        result = network(steps=3)["dense"]
        result.sum().backward()
        return [result.detach(), network.dense.weights.grad]

    both(work)


class Now(lt.TorchProcessModel):
    """It sends in every second step."""

    def step(self, a_in):
        return a_in + 1 if int(self.time_step) % 2 else {}


implements(proc=Leak, protocol=lt.LoihiProtocol)(tag("now")(requires(lt.CPU)(Now)))


def test_a_model_that_does_not_always_send():
    def work(stepper):
        leak, dense = (
            Leak(shape=(3,), name="leak"),
            lt.Dense(weights=np.eye(3), num_message_bits=8, name="dense"),
        )
        leak.s_out.connect(dense.s_in)
        config = lt.Loihi2SimCfg(
            dtype="float64", stepper=stepper, exception_proc_model_map={Leak: Now}
        )
        return [lt.compile(dense, config)({"leak": X})["dense"]]

    both(work)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int16, torch.uint16])
@pytest.mark.parametrize("gradients", [True, False])
def test_inputs_of_any_dtype(dtype, gradients):
    def work(stepper):
        network = small(stepper)
        with torch.set_grad_enabled(gradients):
            inputs = {name: (X * 3).to(dtype) for name in ("lif", "dense")}
            return [network(inputs)["lif"].detach()]

    both(work)


def test_no_items():
    assert small()({"dense": torch.zeros(4, 0, 3)})["lif"].shape == (4, 0, 3)


def test_two_names_of_one_port_are_two_tensors():
    results = small()({"dense": X}, record="lif.s_out")
    results["lif"].data.mul_(2)
    assert torch.equal(results["lif"], 2 * results["lif.s_out"]) and results["lif"].any()


def test_autocast_reaches_a_layers_product():
    def work(stepper):
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            return [small(stepper)({"dense": X}, record="dense.a_buff")["dense.a_buff"].double()]

    both(work)


def test_parameters_that_nothing_depends_on_have_no_gradient():
    network = small(trainable=["lif.bias_mant", "lif.vth"])
    result = network({"dense": X}, record="lif.u")["lif.u"]  # of which neither is a part
    found = torch.autograd.grad(result.sum(), list(network.parameters()), allow_unused=True)
    assert found == (None, None)


def test_an_error_in_a_step_says_the_step():
    class Broken(Now):
        def step(self, a_in):
            if int(self.time_step) == 3:
                raise RuntimeError("enough")
            return a_in

    leak, dense = Leak(shape=(3,), name="leak"), lt.Dense(weights=np.eye(3), name="dense")
    leak.s_out.connect(dense.s_in)
    network = lt.compile(dense, lt.Loihi2SimCfg(exception_proc_model_map={Leak: Broken}))
    with pytest.raises(RuntimeError, match="enough") as raised:
        network({"leak": X})
    assert "Process 'leak', spiking phase, time step 3" in raised.value.__notes__[-1]


def test_conditions_that_meet_are_summed():
    """In torch the sum of two conditions is "or"."""
    neurons = lt.LIF(shape=(3,), vth=1.5, name="lif")
    x = torch.ones(2, 3, dtype=torch.bool)
    for stepper in ("auto", "eager"):
        first, second = (lt.io.source.RingBuffer(data=np.ones((3, 1)), name=n) for n in "ab")
        neurons = lt.LIF(shape=(3,), vth=1.5, name="lif")
        first.s_out.connect(neurons.a_in)
        second.s_out.connect(neurons.a_in)
        network = lt.compile(neurons, lt.Loihi2SimCfg(stepper=stepper))
        assert network({"a": x, "b": x})["lif"][0].all()
