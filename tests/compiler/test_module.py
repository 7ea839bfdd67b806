"""A network as a torch.nn.Module: state that goes from one to another, and bad arguments."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import implements


@pytest.fixture
def spikes() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 2, (20, 3, 7)))


def make(chain, **options) -> lt.Network:
    return lt.compile(chain.lif, chain.cfg(**options))


@pytest.mark.parametrize("fixed", [False, True], ids=["floating", "fixed"])
@pytest.mark.parametrize("ran", [False, True], ids=["new", "ran"])
def test_state_dict_into_a_network_of_other_weights(make_chain, spikes, fixed, ran) -> None:
    network = make(make_chain(fixed=fixed))
    if ran:
        network(steps=2)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    blank = make_chain(fixed=fixed)
    blank.dense.weights.init = np.zeros((5, 7))
    again = make(blank)
    again.load_state_dict(torch.load(file, weights_only=True))
    want = network({"source": spikes})["sink"]
    assert want.any()
    assert torch.equal(again({"source": spikes})["sink"], want)


def test_state_of_a_later_step_goes_on(rng) -> None:
    def neurons() -> lt.ATRLIF:
        return lt.ATRLIF(shape=(4,), bias_mant=np.array([100, 200, 300, 400]), name="neurons")

    cfg = lt.Loihi2SimCfg(select_tag="fixed_pt")
    first, second = neurons(), neurons()
    first.run(lt.RunSteps(30), run_cfg=cfg)
    state = copy.deepcopy(first.runtime.network.state_dict())
    assert (state["neurons.theta"] != 5 * 64).any()
    first.run(lt.RunSteps(10))
    network = lt.compile(second, cfg)
    network.load_state_dict(state)
    second.create_runtime(executable=network)
    second.run(lt.RunSteps(10))
    assert second.runtime.time_step == 40
    for var in ("i", "v", "theta", "r"):
        np.testing.assert_array_equal(getattr(second, var).get(), getattr(first, var).get())
    first.stop()
    second.stop()


def test_deepcopy_is_independent(make_chain, spikes) -> None:
    network = make(make_chain(fixed=True))
    want = network({"source": spikes})["sink"]
    other = copy.deepcopy(network)
    other.dense.weights.zero_()
    assert torch.equal(network({"source": spikes})["sink"], want)
    assert not other({"source": spikes})["sink"].any()


def test_functional_call_with_other_weights(make_chain) -> None:
    network = make(make_chain(fixed=True, n=200, m=300))
    network.prepare()
    spikes = torch.ones(2, 300, dtype=torch.int32)
    for value in (1, 2, 3, 4):
        weights = {"dense.weights": torch.full((200, 300), value, dtype=torch.int32)}
        arguments = {"inputs": {"source": spikes}, "record": ["dense.a_out"]}
        out = torch.func.functional_call(network, weights, kwargs=arguments)
        assert (out["dense.a_out"][1] == 300 * value).all()


@pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
def test_gradients_by_torch_func(make_chain, spikes, tag) -> None:
    chain = make_chain(fixed=tag == "fixed_pt")
    network = make(chain, trainable=["*.weights", "lif.vth"])

    def loss(parameters):
        inputs = ({"source": spikes},)
        return torch.func.functional_call(network, parameters, inputs)["sink"].sum()

    parameters = dict(network.named_parameters())
    got = torch.func.grad(loss)(parameters)["dense.weights"]
    loss(parameters).backward()
    assert got.abs().sum() > 0
    torch.testing.assert_close(got, network.dense.weights.grad)


@pytest.mark.parametrize("batch", [None, 3], ids=["single", "batch"])
def test_no_steps(make_chain, spikes, batch) -> None:
    network = make(make_chain())
    inputs = {"source": spikes[:0] if batch else spikes[:0, 0]}
    out = network(inputs, record="lif.v")
    lead = (0,) if batch is None else (0, batch)
    assert out["sink"].shape == out["lif.v"].shape == (*lead, 5)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (torch.zeros(3, 7), "dict of tensors by Process name; got Tensor"),
        ({"source": np.zeros((3, 7))}, r"inputs\['source'\] must be a torch.Tensor.*ndarray"),
    ],
    ids=["tensor", "numpy"],
)
def test_inputs_of_a_wrong_type(make_chain, inputs, message) -> None:
    network = make(make_chain())
    with pytest.raises(TypeError, match=message):
        network(inputs)


@pytest.mark.parametrize("name", ["type", "time_step", "reset"])
def test_a_var_of_a_name_that_is_taken(name) -> None:
    class Thing(lt.AbstractProcess):
        def __init__(self):
            super().__init__(name="thing")
            self.a_in = lt.InPort((1,))
            setattr(self, name, lt.Var((1,)))

    @implements(Thing)
    class ThingModel(lt.TorchProcessModel):
        def absorb(self, a_in):
            pass

    cfg = lt.Loihi2SimCfg(exception_proc_model_map={Thing: ThingModel})
    with pytest.raises(lt.CompileError, match=f"Var '{name}' of Process 'thing'.*Rename"):
        lt.compile(Thing(), cfg)


class Counter(lt.AbstractProcess):
    def __init__(self, way: str = "assigned") -> None:
        super().__init__(name="counter", way=way)
        self.s_out = lt.OutPort((1,))
        self.count = lt.Var((1,))


@implements(Counter)
class CounterModel(lt.TorchProcessModel):
    def emit(self):
        match self.proc_params["way"]:
            case "in place":
                self.count += 1
            case "assigned":
                self.count = self.count + 1
            case "None":
                self.count = None
            case "array":
                return np.ones(1)
        return torch.ones(1)


def test_an_unroll_refuses_state_that_is_changed_in_place() -> None:
    network = lt.compile(Counter("in place"), lt.Loihi2SimCfg())
    with pytest.raises(RuntimeError, match="CounterModel changed Var 'count'.*'counter'.*assign"):
        network(steps=3)
    assert torch.equal(
        lt.compile(Counter(), lt.Loihi2SimCfg())(steps=3)["counter"], torch.ones(3, 1)
    )


@pytest.mark.parametrize(
    ("way", "message"),
    [("None", "'count' of Process 'counter' None"), ("array", "'counter' returned ndarray")],
)
def test_models_that_give_no_tensor(way, message) -> None:
    counter = Counter(way)
    with pytest.raises(RuntimeError, match=message):
        counter.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
    counter.stop()


@pytest.mark.parametrize("key", ["class", "instance"])
def test_a_model_named_for_a_process_that_has_none(key) -> None:
    class Neuron(lt.LIF):
        pass

    neuron = Neuron(shape=(1,), bias_mant=2)
    model = lt.compile(lt.LIF(shape=(1,), name="lif"), lt.Loihi2SimCfg()).lif
    models = {Neuron if key == "class" else neuron: type(model)}
    neuron.run(lt.RunSteps(3), run_cfg=lt.Loihi2SimCfg(exception_proc_model_map=models))
    assert neuron.v.get()[0] == 6
    neuron.stop()
