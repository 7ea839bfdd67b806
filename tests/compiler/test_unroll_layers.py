"""Unrolls layer by layer: they give what unrolls step by step give, and the same gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from unroll_networks import (
    BATCH,
    NETWORKS,
    STEPS,
    TRAINABLE,
    Leak,
    chain,
    compiled,
    recurrent,
    several,
)

import lava_torch as lt
from lava_torch.compiler import unroll_layers
from lava_torch.compiler.network import Network
from lava_torch.proc.lif.models import LIFModelFloat


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


@pytest.mark.parametrize("name", ["chain", "several", "joined", "convolution", "adaptive"])
def test_without_cycles_every_process_is_a_layer(name):
    assert all(part.layered for part in unroll_layers.plan(compiled(NETWORKS[name], "auto"), []))


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
