"""What is deployed equals what was trained, whatever the network is made of."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import implements
from lava_torch.train import DeployError


def spikes(size: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((20, 3, size)) < 0.4).float()


def dense(name: str, size: float = 1.0, **options) -> lt.Dense:
    rng = np.random.default_rng(len(name))
    return lt.Dense(weights=rng.uniform(-size, size, (4, 4)), name=name, **options)


def into(neuron: lt.AbstractProcess, *connections: lt.Dense) -> lt.AbstractProcess:
    for connection in connections:
        connection.a_out.connect(neuron.a_in)
    return neuron


def two_sizes() -> lt.AbstractProcess:
    return into(lt.LIF(shape=(4,), vth=1.0, name="out"), dense("first"), dense("second", 0.01))


def initial_state() -> lt.AbstractProcess:
    lif = lt.LIF(shape=(4,), vth=1.0, u=0.3, v=[0.9, 0.1, 0.5, -0.5], name="out")
    return into(lif, dense("first"))


def recurrent() -> lt.AbstractProcess:
    lif = into(lt.LIF(shape=(4,), vth=1.0, du=0.5, dv=0.1, name="out"), dense("first"))
    back = dense("back", 0.5)
    lif.s_out.connect(back.s_in)
    back.a_out.connect(lif.a_in)
    return lif


def ternary() -> lt.AbstractProcess:
    hidden = lt.TernaryLIF(shape=(4,), vth_hi=1.0, vth_lo=-1.0, name="hidden")
    between = dense("between")
    into(hidden, dense("first", 2.0)).s_out.connect(between.s_in)
    return into(lt.LIF(shape=(4,), vth=1.0, name="out"), between)


def two_sources() -> lt.AbstractProcess:
    between = dense("between")
    for name in ("first", "second"):
        lif = lt.LIF(shape=(4,), vth=0.5, name=f"hidden_{name}")
        into(lif, dense(name)).s_out.connect(between.s_in)
    return into(lt.LIF(shape=(4,), vth=1.0, name="out"), between)


def graded() -> lt.AbstractProcess:
    lif = lt.LIF(shape=(4,), vth=100.0, dv=0.1, name="out")
    return into(lif, dense("first", 0.001, num_message_bits=24))


NETWORKS = [two_sizes, initial_state, recurrent, ternary, two_sources, graded]


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_deployed_equals_quantized(make) -> None:
    out = make()
    network = lt.quantize(lt.compile(out, lt.Loihi2SimCfg(trainable=True)))
    names = [name for name in ("first", "second") if name in network.models]
    scale = 30000 if make is graded else 1
    inputs = {name: torch.round(spikes(seed=i) * scale) for i, name in enumerate(names)}
    record = ["out.u", "out.v", "out.s_out", *(f"{name}.a_out" for name in names)]
    loss = network(inputs, record=record)["out.s_out"].sum(0).sub(5).square().mean()
    loss.backward()
    torch.optim.Adam(network.parameters(), lr=0.7).step()
    trained = network(inputs, record=record)
    with torch.no_grad():
        evaluated = network(inputs, record=record)
        fixed = lt.deploy(network, fixed_point=True).compile()
        deployed = fixed({name: x.int() for name, x in inputs.items()}, record=record)
    assert trained["out.s_out"].any()
    for name in record:
        assert torch.equal(trained[name].double(), deployed[name].double()), name
        assert torch.equal(evaluated[name].double(), deployed[name].double()), name


@pytest.mark.parametrize("make", [ternary, two_sources], ids=lambda make: make.__name__)
def test_a_gradient_does_not_change_the_messages(make) -> None:
    network = lt.compile(make(), lt.Loihi2SimCfg(trainable=True))
    inputs = {n: spikes(seed=3) for n in ("first", "second") if n in network.models}
    trained = network(inputs, record=["between.a_out"])["between.a_out"]
    with torch.no_grad():
        evaluated = network(inputs, record=["between.a_out"])["between.a_out"]
    assert trained.requires_grad and evaluated.any()
    assert torch.equal(trained, evaluated)


def test_a_source_of_currents_is_scaled_once() -> None:
    source = lt.io.source.RingBuffer(data=np.random.default_rng(0).random((4, 20)), name="source")
    lif = lt.LIF(shape=(4,), vth=1.0, name="lif")
    source.s_out.connect(lif.a_in)
    floating = lt.compile(lif, lt.Loihi2SimCfg())
    quantized = lt.quantize(floating, trainable=["lif.vth"])
    fixed = lt.deploy(quantized, fixed_point=True).compile()
    want = floating(steps=20)["lif"].sum()
    assert want > 10
    assert quantized(steps=20)["lif"].sum() == fixed(steps=20)["lif"].sum()
    assert abs(fixed(steps=20)["lif"].sum() - want) <= 2


def test_many_small_weights_do_not_wrap_the_current() -> None:
    lif = lt.LIF(shape=(1,), du=1.0, dv=1.0, vth=1.0, name="lif")
    connection = lt.Dense(weights=np.full((1, 800), 0.01), name="dense")
    connection.a_out.connect(lif.a_in)
    inputs = {"dense": torch.ones(4, 800)}  # a current of 8 thresholds
    fixed = lt.deploy(lif, fixed_point=True).compile()
    assert lt.compile(lif, lt.Loihi2SimCfg())(inputs)["lif"].flatten().tolist() == [0, 1, 1, 1]
    assert fixed(inputs)["lif"].flatten().tolist() == [0, 1, 1, 1]


class Reader(lt.AbstractProcess):
    def __init__(self, shape, name: str = "reader") -> None:
        super().__init__(shape=shape, name=name)
        self.ref = lt.RefPort(shape)
        self.seen = lt.Var(shape)


@implements(Reader)
class ReaderModel(lt.TorchProcessModel):
    def manage(self):
        self.seen = self.read("ref") * 1


@pytest.mark.parametrize("view", [False, True], ids=["plain", "view"])
@pytest.mark.parametrize("batch", [None, 2], ids=["single", "batch"])
def test_ref_ports_are_connected_again(view, batch) -> None:
    bias = np.arange(6.0).reshape(2, 3)
    lif = lt.LIF(shape=(2, 3), bias_mant=bias, vth=100.0, name="lif")
    reader = Reader((6,) if view else (2, 3))
    if view:
        opened = lt.VarPort(lif.v)
        lif.opened = opened
        lif._post_init()
        reader.ref.reshape((3, 2)).transpose().connect(opened)
    else:
        reader.ref.connect_var(lif.v)
    network = lt.compile(lif, lt.Loihi2SimCfg(batch_size=batch))
    got = network(steps=3, record=["reader.seen"])["reader.seen"]
    want = torch.from_numpy(bias.T.ravel() if view else bias).float()
    for step in range(3):
        assert torch.equal(got[step], ((step + 1) * want).expand_as(got[step]))
    again = lt.deploy(network).compile(batch_size=batch)
    assert torch.equal(again(steps=3, record=["reader.seen"])["reader.seen"], got)


def test_a_checkpoint_of_quantized_training() -> None:
    network = lt.quantize(into(lt.LIF(shape=(4,), vth=1.0, name="lif"), dense("first")))
    with torch.no_grad():
        network.first.weights.mul_(1.5)  # training may pass the range
    assert network.first.weights.abs().max() > 256
    again = copy.deepcopy(network)
    with torch.no_grad():
        again.first.weights.zero_()
    again.load_state_dict(network.state_dict())
    x = {"first": spikes()}
    assert torch.equal(again(x)["lif"], network(x)["lif"])


class TestScalesThatDiffer:
    def test_spikes_straight_into_neurons(self) -> None:
        a, b = lt.LIF(shape=(2,), name="a"), lt.LIF(shape=(2,), name="b")
        a.s_out.connect(b.a_in)
        with pytest.raises(DeployError, match="'b' gets what 'a' sends.*Dense"):
            lt.deploy(b, fixed_point=True)
        assert list(lt.deploy(b)) == ["a", "b"]

    def test_values_into_graded_messages(self) -> None:
        first, second = dense("first"), dense("second", num_message_bits=8)
        first.a_out.connect(second.s_in)
        lif = into(lt.LIF(shape=(4,), name="lif"), second)
        with pytest.raises(DeployError, match="'first' sends values times.*'second' passes"):
            lt.deploy(lif, fixed_point=True)
