"""Unrolls layer by layer: they give what unrolls step by step give, and the same gradients."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.utils.checkpoint
from scipy import sparse
from torch import Tensor
from torch.autograd import forward_ad

import lava_torch as lt
from lava_torch.compiler import unroll_layers
from lava_torch.compiler.network import Network
from lava_torch.core import implements, requires, tag
from lava_torch.proc.dense.models import DenseModelFloat
from lava_torch.proc.lif.models import LIFModelFloat

RNG = np.random.default_rng(5)
STEPS, BATCH = 9, 3


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(0.1, 0.5, shape)


def lif(n: int | tuple, name: str, **more) -> lt.LIF:
    shape = n if isinstance(n, tuple) else (n,)
    return lt.LIF(shape=shape, **(dict(du=0.4, dv=0.2, vth=0.7) | more), name=name)


def source(n: int) -> lt.io.source.RingBuffer:
    return lt.io.source.RingBuffer(data=RNG.random((n, 7)) < 0.4, name="source")


def chain() -> lt.LIF:
    first, second = source(6), lt.Dense(weights=weights(5, 6), name="dense")
    hidden, last = lif(5, "hidden", bias_mant=0.1), lt.Dense(weights=weights(4, 5), name="last")
    output, sink = lif(4, "output"), lt.io.sink.RingBuffer(shape=(4,), buffer=3, name="sink")
    first.s_out.connect(second.s_in)
    second.a_out.connect(hidden.a_in)
    hidden.s_out.connect(last.s_in)
    last.a_out.connect(output.a_in)
    output.s_out.connect(sink.a_in)
    return output


def several() -> lt.LIF:
    """Two connections meet, one passes a layer by, and one is wired through a virtual port."""
    first, around = source(6), lt.Dense(weights=weights(4, 6), name="around")
    into, hidden = lt.Dense(weights=weights(4, 6), name="into"), lif((2, 2), "hidden")
    on, output = lt.Sparse(weights=sparse.csr_matrix(weights(4, 4)), name="on"), lif(4, "output")
    first.s_out.connect([into.s_in, around.s_in])
    into.a_out.reshape((2, 2)).connect(hidden.a_in)
    hidden.s_out.transpose((1, 0)).flatten().connect(on.s_in)
    on.a_out.connect(output.a_in)
    around.a_out.connect(output.a_in)
    return output


def joined() -> lt.TernaryLIF:
    left, right = source(2), source(3)
    both = lt.Dense(weights=weights(4, 5), name="both")
    neurons = lt.TernaryLIF(shape=(4,), du=0.5, dv=0.1, vth_hi=0.6, vth_lo=-0.4, name="neurons")
    graded = lt.Dense(weights=weights(2, 4), num_message_bits=8, name="graded")
    left.s_out.concat_with([right.s_out], axis=0).connect(both.s_in)
    both.a_out.connect(neurons.a_in)
    neurons.s_out.connect(graded.s_in)
    return neurons


def convolution() -> lt.LIF:
    image = lt.io.source.RingBuffer(data=RNG.random((6, 6, 2, 7)) < 0.5, name="source")
    conv = lt.Conv(weight=weights(3, 3, 3, 2) / 4, input_shape=(6, 6, 2), padding=1, name="conv")
    hidden = lif((6, 6, 3), "hidden", bias_mant=0.1)
    dense, output = (
        lt.Dense(weights=weights(2, 108) / 20, name="dense"),
        lif(2, "output", bias_mant=0.1),
    )
    image.s_out.connect(conv.s_in)
    conv.a_out.connect(hidden.a_in)
    hidden.s_out.flatten().connect(dense.s_in)
    dense.a_out.connect(output.a_in)
    return output


def adaptive() -> lt.ATRLIF:
    first, dense = source(6), lt.Dense(weights=weights(5, 6), name="dense")
    neurons = lt.ATRLIF(shape=(5,), delta_i=0.4, delta_v=0.3, name="neurons")
    first.s_out.connect(dense.s_in)
    dense.a_out.connect(neurons.a_in)
    return neurons


def recurrent() -> lt.LIF:
    neurons = chain()
    back = lt.Dense(weights=weights(4, 4), name="back")
    neurons.s_out.connect(back.s_in)
    back.a_out.connect(neurons.a_in)
    return neurons


class Leak(lt.AbstractProcess):
    def __init__(self, *, shape, name=None):
        super().__init__(shape=shape, name=name)
        self.a_in, self.s_out = lt.InPort(shape), lt.OutPort(shape)
        self.level, self.keep = lt.Var(shape, 0.1), lt.Var((1,), 0.8)


@implements(proc=Leak, protocol=lt.LoihiProtocol)
@requires(lt.CPU)
@tag("floating_pt")
class LeakModel(lt.TorchProcessModel):
    """A user's, which can only step."""

    shared = trainable = ("keep",)

    def step(self, a_in: Tensor) -> Tensor:
        self.level = torch.tanh(self.level * self.keep + a_in) * self.time_step / 10
        return self.level


def unknown() -> lt.LIF:
    first, dense, leak = (
        source(6),
        lt.Dense(weights=weights(5, 6), name="dense"),
        Leak(shape=(5,), name="leak"),
    )
    graded = lt.Dense(weights=weights(4, 5), num_message_bits=8, name="graded")
    first.s_out.connect(dense.s_in)
    dense.a_out.connect(leak.a_in)
    leak.s_out.connect(graded.s_in)
    output = lif(4, "output")
    graded.a_out.connect(output.a_in)
    return output


NETWORKS = {
    f.__name__: f for f in (chain, several, joined, convolution, adaptive, recurrent, unknown)
}
TRAINABLE = ["*.weights", "*.du", "*.dv", "*.vth", "*.bias_mant"]


def compiled(make, stepper: str, **options) -> Network:
    global RNG
    RNG = np.random.default_rng(5)
    found = make()
    options = {"trainable": True, "dtype": "float64"} | options
    network = lt.compile(found, lt.Loihi2SimCfg(stepper=stepper, **options))
    assert isinstance(unroll_layers.plan(network, []), str) == (stepper != "auto")
    return network


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, want in wanted.items():
        assert found[name].shape == want.shape and found[name].dtype == want.dtype, name
        torch.testing.assert_close(found[name], want, msg=lambda text, name=name: f"{name}: {text}")


def trained(network: Network, inputs: dict[str, Tensor], **options) -> dict[str, Tensor]:
    """What a call returns, and the gradients of what it depends on."""
    results = network(inputs, **options)
    generator = torch.Generator().manual_seed(1)
    total = torch.zeros((), dtype=torch.float64)
    for result in results.values():
        if result.requires_grad:
            total = total + (result * torch.randn(result.shape, generator=generator)).sum()
    total.backward()
    parameters = {f"d {name}": p.grad for name, p in network.named_parameters()}
    fed = {f"d {name}": x.grad for name, x in inputs.items() if x.requires_grad}
    known = {name: x for name, x in (parameters | fed).items() if x is not None}
    return {name: result.detach() for name, result in results.items()} | known


@pytest.mark.parametrize("surrogate", ["arctan", "fast_sigmoid", "triangle"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, surrogate):
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(NETWORKS[name], stepper, surrogate=surrogate)
        found[stepper] = trained(network, {}, steps=STEPS)
    assert_same(found["auto"], found["eager"])
    assert any(x.abs().max() > 0 for key, x in found["auto"].items() if key.startswith("d "))


@pytest.mark.parametrize("shape", [(), (BATCH,)], ids=["one", "batch"])
@pytest.mark.parametrize("make", [chain, recurrent])
def test_what_is_fed_takes_the_place_of_a_source_or_is_added(make, shape):
    def inputs() -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(3)
        spikes = (torch.rand(STEPS, *shape, 6, generator=generator) < 0.3).double()
        current = torch.rand(STEPS + 2, *shape, 5, generator=generator, dtype=torch.float64)
        fed = {"source": spikes.requires_grad_(), "hidden.a_in": current.requires_grad_()}
        more = torch.rand(STEPS, *shape, 4, generator=generator, dtype=torch.float64)
        return fed | {"output.a_in": more.requires_grad_()}

    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(make, stepper, trainable=TRAINABLE[:1])
        found[stepper] = trained(network, inputs())
    assert_same(found["auto"], found["eager"])
    assert found["auto"]["sink"].shape == (STEPS, *shape, 4)
    assert found["auto"]["d hidden.a_in"].abs().max() > 0


@pytest.mark.parametrize("make", [chain, recurrent])
@pytest.mark.parametrize("batch", [None, BATCH])
def test_everything_that_can_be_recorded(batch, make):
    record = [
        "source.s_out", "source.data", "dense.a_out", "dense.a_buff", "dense.weights", "hidden.u",
        "hidden.v", "hidden.vth", "hidden.s_out", "sink.data",
    ]  # fmt: skip
    record += ["output.v", "back.a_buff"] if make is recurrent else []
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(make, stepper, batch_size=batch, trainable=TRAINABLE[:1])
        found[stepper] = trained(network, {}, steps=STEPS, record=record)
    assert_same(found["auto"], found["eager"])


def test_parameters_of_neurons_learn_too():
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(chain, stepper, trainable=TRAINABLE, batch_size=2)
        found[stepper] = trained(network, {}, steps=STEPS)
    assert_same(found["auto"], found["eager"])
    assert {"d hidden.du", "d hidden.vth", "d output.dv"} <= found["auto"].keys()


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_few_steps(steps):
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(chain, stepper)
        network(steps=3)
        found[stepper] = {k: v.detach() for k, v in network(steps=steps, record="hidden.v").items()}
    assert_same(found["auto"], found["eager"])


def test_it_starts_where_a_run_has_stopped():
    found = {}
    for stepper in ("auto", "eager"):
        neurons = NETWORKS["chain"]
        network = compiled(neurons, stepper)
        for _ in range(4):
            network.step()
        before = copy.deepcopy(network.state_dict())
        found[stepper] = trained(network, {}, steps=STEPS, record=["hidden.v", "source.s_out"])
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name]), name
    assert_same(found["auto"], found["eager"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_gradients_long_runs_go_in_chunks(dtype, monkeypatch):
    network = compiled(chain, "auto", dtype=dtype)
    whole = {k: v.detach() for k, v in network(steps=40, record="hidden.v").items()}
    monkeypatch.setattr(unroll_layers, "BYTES", 3000)
    lengths = []
    run_chunk = unroll_layers._run_chunk
    monkeypatch.setattr(
        unroll_layers, "_run_chunk",
        lambda chunk, *rest: lengths.append(chunk.steps) or run_chunk(chunk, *rest),
    )  # fmt: skip
    with torch.no_grad():
        assert_same(network(steps=40, record="hidden.v"), whole)
    assert len(lengths) == 3 and sum(lengths) == 40
    lengths.clear()
    network(steps=40)
    assert lengths == [40], "a gradient needs all steps at once"


def test_quantized_networks_agree_bit_by_bit():
    """In training and deployed: whole numbers have one sum, in whatever order."""
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(several, stepper, dtype="float32")
        quantized = lt.quantize(network, stepper=stepper)
        found[stepper] = trained(quantized, {}, steps=STEPS)
        fixed = lt.deploy(quantized, fixed_point=True).compile(stepper=stepper)
        assert torch.equal(fixed(steps=STEPS)["output"], found[stepper]["output"].int())
    for name, want in found["eager"].items():
        got = found["auto"][name]
        if name.startswith("d "):
            torch.testing.assert_close(got, want)
        else:
            assert torch.equal(got, want), name


@pytest.mark.parametrize("gradients", [True, False])
def test_quantized_parameters_are_rounded_with_gradients_and_without(gradients):
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(chain, stepper, dtype="float32")
        network = lt.quantize(network, trainable=TRAINABLE, stepper=stepper)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if not name.endswith("weights"):
                    parameter += 0.4
        with torch.set_grad_enabled(gradients):
            found[stepper] = network(steps=STEPS, record=["hidden.v", "output.v"])
    for name, want in found["eager"].items():
        assert torch.equal(found["auto"][name], want), name


class OnTensors(lt.surrogate.Surrogate):
    def primal(self, x):
        return torch.sigmoid(x)

    def gradient(self, x):
        return torch.sigmoid(x) * torch.sigmoid(-x)


def test_what_can_only_step_says_why_and_steps():
    def why(make, *keys, **options) -> str | None:
        network = lt.compile(make(), lt.Loihi2SimCfg(trainable=True, **options))
        assert network(steps=3)
        found = unroll_layers.plan(network, keys)
        return found if isinstance(found, str) else None

    def alone() -> Leak:
        return Leak(shape=(3,))

    assert why(chain) is None
    assert why(chain, stepper="eager") == "stepper='eager'"
    assert why(alone) == "no Process of it can do all steps at once"


def test_neurons_whose_surrogate_cannot_be_compiled_step_between_layers():
    found = {}
    for stepper in ("auto", "eager"):
        network = compiled(chain, stepper, surrogate=OnTensors())
        found[stepper] = trained(network, {}, steps=STEPS)
    assert_same(found["auto"], found["eager"])
    layered = {
        surrogate: {part.nodes[0] for part in unroll_layers.plan(network, []) if part.layered}
        for surrogate in ("arctan", OnTensors())
        for network in [compiled(chain, "auto", surrogate=surrogate)]
    }
    with_it, without = layered.values()
    assert with_it - without == {"hidden", "output"}


class DoubledModel(LIFModelFloat):
    def step(self, **inputs):
        return super().step(a_in=2 * inputs["a_in"])


def test_a_model_that_changes_its_step_is_stepped():
    neurons = lt.LIF(shape=(3,), vth=1.0, name="neurons")
    network = lt.compile(neurons, lt.Loihi2SimCfg(exception_proc_model_map={lt.LIF: DoubledModel}))
    assert "no Process" in unroll_layers.plan(network, [])
    assert network({"neurons": torch.full((2, 3), 0.6)})["neurons"].sum() == 6


def test_what_is_returned_may_be_written_to():
    network = compiled(chain, "auto")
    x = torch.ones(STEPS, 6, dtype=torch.float64)
    results = network({"source": x}, record=["source.s_out", "hidden.s_out"])
    loss = results["sink"].sum()
    for result in results.values():
        result.detach().mul_(3)
    assert x.max() == 1
    loss.backward()


def test_errors_say_which_process(monkeypatch):
    network = compiled(chain, "auto")

    def broken(s_in, weights):
        raise RuntimeError("no product today")

    monkeypatch.setattr(network.last, "linear", broken)
    with pytest.raises(RuntimeError, match="no product") as raised:
        network(steps=2)
    assert any("Process 'last'" in note for note in raised.value.__notes__)
    monkeypatch.undo()
    assert network(steps=2)


# -- what a fuzzer found ---------------------------------------------------------------------------


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
