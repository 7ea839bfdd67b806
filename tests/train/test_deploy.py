"""Deployment and quantization-aware training: what is trained is what runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.train import Converted, Converter, DeployError


def two_layers(seed: int = 0, bias: float = 0.05) -> lt.Network:
    rng = np.random.default_rng(seed)
    first = lt.Dense(weights=rng.normal(0, 0.6, (12, 8)), name="first")
    hidden = lt.LIF(shape=(12,), du=0.4, dv=0.1, vth=1.0, bias_mant=bias, name="hidden")
    second = lt.Dense(weights=rng.normal(0, 0.6, (3, 12)), name="second")
    output = lt.LIF(shape=(3,), du=0.4, dv=0.1, vth=1.0, name="output")
    first.a_out.connect(hidden.a_in)
    hidden.s_out.connect(second.s_in)
    second.a_out.connect(output.a_in)
    return lt.compile(output, lt.Loihi2SimCfg(trainable=True))


@pytest.fixture
def spikes() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(7).random((40, 16, 8)) < 0.3).float()


def train(network: lt.Network, spikes: torch.Tensor, lr: float, steps: int = 5) -> None:
    target = torch.rand(spikes.shape[1], 3, generator=torch.Generator().manual_seed(0)) * 10
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    for _ in range(steps):
        loss = (network({"first": spikes})["output"].sum(0) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_floating_point_keeps_the_trained_values(spikes) -> None:
    network = two_layers()
    train(network, spikes, 0.05)
    deployment = lt.deploy(network)
    assert not deployment.fixed_point
    again = deployment.compile()
    with torch.no_grad():
        assert torch.equal(network({"first": spikes})["output"], again({"first": spikes})["output"])
    assert deployment.first is not network.graph.nodes["first"].process


def test_fixed_point_behaves_like_floating_point(spikes) -> None:
    network = two_layers()
    fixed = lt.deploy(network, fixed_point=True).compile()
    with torch.no_grad():
        floating = network({"first": spikes})["output"]
        integers = fixed({"first": spikes})["output"]
    assert integers.dtype == torch.int32
    assert (floating.sum(0) - integers.sum(0)).abs().mean() < 0.6
    assert floating.sum(0).mean() > 3


def test_quantized_training_deploys_bit_by_bit(spikes) -> None:
    quantized = lt.quantize(two_layers())
    assert quantized.first.weights.requires_grad
    train(quantized, spikes, 0.7)
    fixed = lt.deploy(quantized, fixed_point=True).compile()
    record = ["hidden.v", "output.u", "output.v", "second.a_out"]
    with torch.no_grad():
        trained = quantized({"first": spikes}, record=record)
        deployed = fixed({"first": spikes.int()}, record=record)
    assert trained["output"].sum() > 0
    for name in ("output", *record):
        assert deployed[name].dtype == torch.int32
        assert torch.equal(trained[name].double(), deployed[name].double()), name


def test_quantized_training_moves_the_weights(spikes) -> None:
    quantized = lt.quantize(two_layers())
    before = quantized.first.weights.detach().clone()
    train(quantized, spikes, 0.7)
    assert (quantized.first.weights - before).abs().mean() > 0.5
    assert torch.isfinite(quantized.first.weights).all()


@pytest.mark.parametrize("bits", [8, 5, 3])
def test_weight_bits(spikes, bits) -> None:
    dense = lt.Dense(
        weights=np.random.default_rng(0).normal(size=(4, 8)), num_weight_bits=bits, name="dense"
    )
    lif = lt.LIF(shape=(4,), vth=1.0, name="lif")
    dense.a_out.connect(lif.a_in)
    deployment = lt.deploy(lif, fixed_point=True)
    weights = deployment.dense.weights.init
    step = 2 ** (9 - bits)
    assert not (weights % step).any()
    assert np.abs(weights).max() == 255 // step * step
    fixed = deployment.compile()
    fixed.prepare()
    np.testing.assert_array_equal(fixed.dense.get_var("weights"), weights)


def test_small_weights_get_an_exponent() -> None:
    rng = np.random.default_rng(0)
    big = lt.Dense(weights=rng.uniform(-1, 1, (4, 4)), name="big")
    small = lt.Dense(weights=rng.uniform(-0.01, 0.01, (4, 4)), name="small")
    lif = lt.LIF(shape=(4,), vth=1.0, name="lif")
    big.a_out.connect(lif.a_in)
    small.a_out.connect(lif.a_in)
    deployment = lt.deploy(lif, fixed_point=True)
    assert deployment.scales["big"] == deployment.scales["small"] == deployment.scales["lif"]
    assert deployment.small.proc_params["weight_exp"] == -6
    want = small.weights.init * deployment.scales["lif"] * 2**6
    assert np.abs(deployment.small.weights.init - want).max() <= 1


def test_scales_respect_threshold_and_bias() -> None:
    lif = lt.LIF(shape=(2,), vth=1000.0, bias_mant=500.0, name="lif")
    dense = lt.Dense(weights=np.full((2, 2), 1e-3), name="dense")
    dense.a_out.connect(lif.a_in)
    deployment = lt.deploy(lif, fixed_point=True)
    assert deployment.lif.vth.init <= 131071
    assert np.abs(deployment.lif.bias_mant.init).max() <= 4095
    lt.compile(deployment.lif, deployment.run_cfg())


def test_virtual_ports_and_sources_are_rebuilt(rng) -> None:
    data = rng.integers(0, 2, (2, 3, 10))
    source = lt.io.source.RingBuffer(data=data, name="source")
    dense = lt.Dense(weights=rng.normal(size=(6, 6)), name="dense")
    lif = lt.LIF(shape=(3, 2), vth=1.0, name="lif")
    sink = lt.io.sink.RingBuffer(shape=(6,), buffer=10, name="sink")
    source.s_out.transpose().flatten().connect(dense.s_in)
    dense.a_out.reshape((3, 2)).connect(lif.a_in)
    a, b = lif.s_out.reshape((6,)), None
    a.connect(sink.a_in)
    network = lt.compile(lif, lt.Loihi2SimCfg())
    again = lt.deploy(network).compile()
    assert b is None and torch.equal(network(steps=10)["sink"], again(steps=10)["sink"])


def test_monitors_are_left_out() -> None:
    lif = lt.LIF(shape=(2,), name="lif")
    monitor = lt.Monitor()
    monitor.probe(lif.v, 5)
    assert list(lt.deploy(lif)) == ["lif"]


def test_scales_are_handed_on(spikes) -> None:
    network = two_layers()
    direct = lt.deploy(network, fixed_point=True).scales
    quantized = lt.quantize(network)
    train(quantized, spikes, 0.7)
    assert direct["hidden"] > 1
    assert lt.deploy(quantized, fixed_point=True).scales == direct


class TestBadInput:
    @pytest.mark.parametrize("decay", ["du", "dv"])
    def test_decays_that_left_their_range(self, decay) -> None:
        lif = lt.LIF(shape=(2,), name="lif")
        network = lt.compile(lif, lt.Loihi2SimCfg(trainable=["lif.d*"]))
        with torch.no_grad():
            getattr(network.lif, decay).fill_(-0.4)
        with pytest.raises(DeployError, match=rf"'{decay}' of 'lif' lies in \[-0.4, 0\].*\[0, 1\]"):
            lt.deploy(network, fixed_point=True)

    def test_source_of_fractions_into_a_connection(self) -> None:
        source = lt.io.source.RingBuffer(data=np.full((2, 3), 0.5), name="source")
        dense = lt.Dense(weights=np.eye(2), name="dense")
        source.s_out.connect(dense.s_in)
        with pytest.raises(DeployError, match="source 'source'.*not whole numbers"):
            lt.deploy(dense, fixed_point=True)

    def test_fixed_point_cannot_become_floating(self) -> None:
        with pytest.raises(DeployError, match="fixed_point=True"):
            lt.deploy(lt.quantize(two_layers()))

    def test_process_without_a_converter(self) -> None:
        neuron = lt.ATRLIF(shape=(2,), name="adaptive")
        with pytest.raises(DeployError, match="'adaptive' \\(ATRLIF\\).*converter"):
            lt.deploy(neuron, fixed_point=True)

    def test_something_else(self) -> None:
        with pytest.raises(TypeError, match="Network or a Process"):
            lt.deploy("network")

    def test_unknown_process_of_a_deployment(self) -> None:
        with pytest.raises(AttributeError, match=r"no Process 'x'.*\['lif'\]"):
            _ = lt.deploy(lt.LIF(shape=(1,), name="lif")).x


def test_a_converter_of_ones_own(monkeypatch) -> None:
    from lava_torch.train import CONVERTERS

    class Whole(Converter):
        receives_scaled = True

        def largest_scale(self, values):
            return 100.0

        def convert(self, values, scale):
            return Converted({"theta_0": np.rint(values.vars["theta_0"] * scale)})

    monkeypatch.setitem(CONVERTERS, lt.ATRLIF, Whole())
    deployment = lt.deploy(lt.ATRLIF(shape=(2,), theta_0=1.5, name="adaptive"), fixed_point=True)
    assert deployment.adaptive.theta_0.init == 150
    assert deployment.scales == {"adaptive": 100.0}
