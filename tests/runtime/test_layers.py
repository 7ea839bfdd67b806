"""Layer by layer: the same results as stepping, in whole chunks or not at all."""

from __future__ import annotations

import _thread
import threading
import time

import numpy as np
import pytest
import torch
from networks import NETWORKS, neurons, source, weights

import lava_torch as lt
from lava_torch.compiler.parts import divide
from lava_torch.core import implements, tag
from lava_torch.model.layers import layer_of
from lava_torch.model.rows import rows_of
from lava_torch.runtime.steppers import layers as stepper
from lava_torch.runtime.steppers.layers import LayersStepper, chunk_length
from lava_torch.runtime.steppers.table import TableStepper

STEPS = 30
TAGS = [pytest.param("floating_pt", id="floating"), pytest.param("fixed_pt", id="fixed")]
FIXED_LAYERS = lt.Loihi2SimCfg(select_tag="fixed_pt", stepper="layers")
#: Precision, floating dtype and how close results must be; in fixed point they are equal.
PRECISIONS = [
    pytest.param("floating_pt", "float32", 1e-5, id="float32"),
    pytest.param("floating_pt", "float64", 1e-10, id="float64"),
    pytest.param("fixed_pt", "float32", 0.0, id="fixed"),
]


def observed(stepper: str, name: str, tag: str, batch: int | None = None, runs=(STEPS,), **options):
    """All Vars after the last step, and records of what the last neurons sent and held."""
    last = NETWORKS[name](tag, np.random.default_rng(0))
    monitor = lt.Monitor()
    for target in (*last.out_ports, *last.vars):
        monitor.probe(target, sum(runs))
    cfg = lt.Loihi2SimCfg(select_tag=tag, stepper=stepper, batch_size=batch, **options)
    for steps in runs:
        last.run(lt.RunSteps(steps), run_cfg=cfg)
    found = {k: v.clone() for k, v in last.runtime.network.state_dict().items()}
    records = {k: torch.from_numpy(v) for k, v in monitor.get_data()[last.name].items()}
    last.stop()
    return {k: v for k, v in found.items() if "Process_" not in k} | records


def assert_same(tag: str, got: dict, expected: dict, tolerance: float = 1e-10) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if tag == "fixed_pt":
            assert torch.equal(got[name], value), name
        else:
            torch.testing.assert_close(got[name], value, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize(("tag", "dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_the_other_steppers(name, tag, dtype, tolerance, batch):
    steppers = ("layers", "table", "eager")
    got, table, eager = (observed(s, name, tag, batch, dtype=dtype) for s in steppers)
    assert any(bool((v != 0).any()) for v in eager.values())
    assert_same(tag, got, table, tolerance)
    assert_same(tag, got, eager, tolerance)


@pytest.mark.parametrize("length", [1, 7, 16, 1024])
@pytest.mark.parametrize("runs", [(30,), (1, 13, 2, 14)], ids=["one run", "resumed"])
@pytest.mark.parametrize("name", ["several_into_one", "other_neurons", "delayed", "recurrent"])
def test_chunks_of_any_length_give_the_same(name, runs, length, monkeypatch):
    expected = observed("eager", name, "fixed_pt", 2)
    monkeypatch.setattr(stepper, "STEPS", length)
    assert_same("fixed_pt", observed("layers", name, "fixed_pt", 2, runs), expected)


def test_a_sink_that_is_shorter_than_a_chunk_keeps_the_last_steps(make_chain):
    chains = {name: make_chain(fixed=True, steps=7) for name in ("layers", "eager")}
    for name, chain in chains.items():
        chain.lif.run(lt.RunSteps(10), run_cfg=chain.cfg(stepper=name))
        chain.lif.run(lt.RunSteps(20))
    got, expected = (chain.sink.data.get() for chain in chains.values())
    assert expected.any()
    np.testing.assert_array_equal(got, expected)


#: Vars that layers give step by step or that stay, and one whose Process then has to be stepped.
WATCHED = {"dense.a_buff": True, "dense.weights": True, "source.data": True, "sink.data": False}


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("fixed", [False, True], ids=["floating", "fixed"])
@pytest.mark.parametrize("watched", WATCHED)
def test_vars_are_recorded_step_by_step(watched, fixed, batch, make_chain):
    process, var = watched.split(".")
    records = []
    for kind in ("layers", "eager"):
        chain = make_chain(fixed=fixed, steps=6)
        monitor = lt.Monitor()
        monitor.probe(getattr(getattr(chain, process), var), 15)
        cfg = chain.cfg(stepper=kind, dtype="float64", batch_size=batch)
        for steps in (4, 11):
            chain.lif.run(lt.RunSteps(steps), run_cfg=cfg)
        assert LayersStepper.suits(chain.lif.runtime.network) == WATCHED[watched]
        records.append({watched: torch.from_numpy(monitor.get_data()[process][var])})
    assert records[1][watched].any()
    assert_same("fixed_pt" if fixed else "floating_pt", *records)


class TestParts:
    """What is a layer, and what is stepped."""

    def parts(self, name: str, **watched: str) -> dict[tuple[str, ...], bool]:
        last = NETWORKS[name]("fixed_pt", np.random.default_rng(0))
        for var in watched.values():
            lt.Monitor(name="monitor").probe(getattr(last, var), 5)
        network = lt.compile(last, lt.Loihi2SimCfg(select_tag="fixed_pt"))
        return {part.nodes: part.layered for part in divide(network)}

    @pytest.mark.parametrize(
        "name", ["several_into_one", "virtual_ports", "concatenation", "other_neurons", "isolated"]
    )
    def test_all_of_an_acyclic_network_is_layers(self, name):
        assert all(self.parts(name, var="v").values())

    def test_each_part_comes_behind_what_it_receives_from(self):
        parts = [nodes for nodes in self.parts("virtual_ports", var="v")]
        assert parts == [("source",), ("lif",), ("dense",), ("last",), ("monitor",)]

    def test_a_cycle_is_stepped_though_a_connection_in_it_buffers(self):
        parts = self.parts("dense_to_dense")
        assert parts == {("source",): True, ("first", "second"): False, ("lif",): True}

    def test_what_watches_a_cycle_steps_with_it(self):
        assert self.parts("recurrent", var="v") == {
            ("source",): True,
            ("lif", "loop", "monitor"): False,
        }

    def test_a_connection_onto_itself_is_a_cycle(self):
        dense = lt.Dense(weights=np.eye(3), name="dense", num_message_bits=8)
        dense.a_out.connect(dense.s_in)
        network = lt.compile(dense, lt.Loihi2SimCfg())
        assert [part.layered for part in divide(network)] == [False]


def test_a_chunk_holds_as_many_steps_as_fit_its_memory(make_chain, monkeypatch):
    network = lt.compile(make_chain().lif, lt.Loihi2SimCfg(batch_size=2))
    assert chunk_length(network) == 1024
    # source 7, dense 5 floats, lif 5 bytes; two items.
    monkeypatch.setattr(stepper, "BYTES", 2 * (7 * 4 + 5 * 4 + 5) * 10)
    assert chunk_length(network) == 10
    monkeypatch.setattr(stepper, "BYTES", 3)
    assert chunk_length(network) == 1


def test_auto_takes_the_table_on_the_cpu(chain):
    assert LayersStepper.suits(lt.compile(chain.lif, chain.cfg()))
    chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg())
    assert isinstance(chain.lif.runtime.stepper, TableStepper)


@pytest.mark.gpu
@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_gives_what_the_cpu_gives(name, tag):
    expected = observed("table", name, tag, 2, dtype="float64")
    got = observed("layers", name, tag, 2, dtype="float64", device="cuda")
    assert_same(tag, {k: v.cpu() for k, v in got.items()}, expected)


@pytest.mark.gpu
def test_auto_prefers_layers_to_graphs_on_a_gpu_where_all_is_layers():
    for name, layered in {"several_into_one": True, "recurrent": False}.items():
        last = NETWORKS[name]("floating_pt", np.random.default_rng(0))
        last.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(device="cuda"))
        assert isinstance(last.runtime.stepper, LayersStepper) == layered
        last.stop()


class TestState:
    """What moves or replaces tensors between two runs."""

    @pytest.mark.parametrize("name", ["several_into_one", "recurrent"])
    @pytest.mark.parametrize("tag", TAGS)
    def test_vars_that_are_set_loaded_or_rebound_are_seen(self, name, tag):
        states = []
        for kind in ("layers", "eager"):
            last = NETWORKS[name](tag, np.random.default_rng(0))
            cfg = lt.Loihi2SimCfg(select_tag=tag, stepper=kind, dtype="float64")
            last.run(lt.RunSteps(10), run_cfg=cfg)
            network = last.runtime.network
            last.v.set(np.arange(last.v.shape[0]))
            last.run(lt.RunSteps(5))
            negated = {k: -v for k, v in network.state_dict().items() if k.endswith("weights")}
            network.load_state_dict(negated, strict=False, assign=True)
            last.run(lt.RunSteps(5))
            last.model.u = torch.ones_like(last.model.u)
            last.run(lt.RunSteps(5))
            states.append({k: v.clone() for k, v in network.state_dict().items()})
            last.stop()
        assert_same(tag, *states)

    def test_buffers_stay_where_they_are(self, chain):
        chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg(stepper="layers"))
        network = chain.lif.runtime.network
        before = {k: v.data_ptr() for k, v in network.named_buffers()}
        chain.lif.run(lt.RunSteps(3))
        assert {k: v.data_ptr() for k, v in network.named_buffers()} == before

    def test_training_networks_run_in_floating_point(self, chain):
        cfg = chain.cfg(trainable=True, stepper="layers")
        if chain.tag == "fixed_pt":
            with pytest.raises(lt.CompileError, match="trains fixed-point numbers"):
                chain.lif.run(lt.RunSteps(1), run_cfg=cfg)
            return
        chain.lif.run(lt.RunSteps(20), run_cfg=cfg)
        assert chain.sink.data.get().any()


class TestControl:
    def test_pause_and_resume_lose_nothing(self, make_chain):
        chain, whole = make_chain(fixed=True, steps=7), make_chain(fixed=True, steps=7)
        cfg = chain.cfg(stepper="layers")
        chain.lif.run(lt.RunContinuous(), run_cfg=cfg)
        for _ in range(3):
            time.sleep(0.02)
            chain.lif.pause()
            assert not chain.lif.runtime.is_running
            chain.lif.run(lt.RunContinuous())
        chain.lif.pause()
        steps = chain.lif.runtime.time_step
        assert steps > 1000
        whole.lif.run(lt.RunSteps(steps), run_cfg=cfg)
        np.testing.assert_array_equal(chain.lif.v.get(), whole.lif.v.get())
        np.testing.assert_array_equal(chain.sink.data.get(), whole.sink.data.get())

    def test_stop_ends_a_long_blocking_run(self, make_chain):
        chain = make_chain()
        timer = threading.Timer(0.2, chain.lif.stop)
        timer.start()
        chain.lif.run(lt.RunSteps(10**12), run_cfg=chain.cfg(stepper="layers"))
        timer.join()
        assert chain.lif.runtime.is_stopped

    @pytest.mark.parametrize("recurrent", [False, True], ids=["acyclic", "recurrent"])
    def test_ctrl_c_leaves_whole_chunks(self, recurrent, make_chain):

        def make() -> lt.LIF:
            if recurrent:
                return NETWORKS["recurrent"]("fixed_pt", np.random.default_rng(0))
            return make_chain(fixed=True).lif

        lif, whole = make(), make()
        lif.run(lt.RunSteps(1), run_cfg=FIXED_LAYERS)
        timer = threading.Timer(0.2, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            lif.run(lt.RunSteps(10**12))
        timer.join()
        steps = lif.runtime.time_step
        assert steps % 1024 == 0
        whole.run(lt.RunSteps(steps), run_cfg=FIXED_LAYERS)
        np.testing.assert_array_equal(lif.v.get(), whole.v.get())
        lif.run(lt.RunSteps(3))
        assert lif.runtime.time_step == steps + 3
        lif.stop()
        whole.stop()


class Relay(lt.AbstractProcess):
    """Passes messages on, counts its steps, and fails in the chunk that has step `fail_at`."""

    def __init__(self, shape: tuple[int, ...], fail_at: int, name: str = "relay") -> None:
        super().__init__(fail_at=fail_at, name=name)
        self.a_in, self.s_out = lt.InPort(shape=shape), lt.OutPort(shape=shape)
        self.count = lt.Var((1,), 0)


class RelayBase(lt.TorchProcessModel):
    dtype = torch.int32

    def step(self, a_in):
        self.count = self.count + 1
        return a_in

    @rows_of("step")
    def step_rows(self, rows):
        raise ValueError("this model is to run as a layer")

    @layer_of("step")
    def layer(self, layer):
        self.count = self.count + layer.steps
        if layer.first <= self.proc_params["fail_at"] < layer.first + layer.steps:
            raise ValueError("it was told to fail")
        layer.send("s_out", layer.whole("a_in"))


@implements(Relay)
@tag("floating_pt", "fixed_pt")
class RelayModel(RelayBase):
    """As it says."""


class SteppedRelay(Relay):
    """The same by a model that changes what a step is, and says nothing of layers."""


@implements(SteppedRelay)
@tag("floating_pt", "fixed_pt")
class SteppedRelayModel(RelayBase):
    def step(self, a_in):
        return 2 * a_in


def relayed(fail_at: int, recurrent: bool, process: type[Relay] = Relay) -> tuple[Relay, lt.LIF]:
    """neurons, in a loop or not, whose spikes a relay receives."""
    rng = np.random.default_rng(0)
    inputs, lif = source(rng, (6,)), neurons("fixed_pt", (6,), "lif")
    inputs.s_out.connect(lif.a_in)
    if recurrent:
        loop = lt.Dense(weights=weights("fixed_pt", rng, (6, 6)), name="loop")
        lif.s_out.connect(loop.s_in)
        loop.a_out.connect(lif.a_in)
    relay = process((6,), fail_at)
    lif.s_out.connect(relay.a_in)
    return relay, lif


@pytest.mark.parametrize("recurrent", [False, True], ids=["acyclic", "recurrent"])
def test_an_error_names_the_process_and_leaves_the_last_chunk(recurrent):
    (relay, lif), (_, whole) = relayed(1500, recurrent), relayed(10**9, recurrent)
    match = r"'relay' \(RelayModel\), .*time step 1025: ValueError: it was told to fail.*1024"
    with pytest.raises(RuntimeError, match=match):
        relay.run(lt.RunSteps(3000), run_cfg=FIXED_LAYERS)
    assert relay.runtime.time_step == relay.count.get()[0] == 1024
    whole.run(lt.RunSteps(1024), run_cfg=FIXED_LAYERS)
    for name in ("u", "v"):
        np.testing.assert_array_equal(getattr(lif, name).get(), getattr(whole, name).get())
    relay.run(lt.RunSteps(100))  # up to a step before the one that fails
    assert relay.count.get()[0] == 1124
    relay.stop()
    whole.stop()


def test_a_changed_step_is_not_run_by_the_layer_of_its_base():
    relay, _ = relayed(10**9, False, SteppedRelay)
    with pytest.raises(lt.CompileError, match="'relay', has no step_rows"):
        relay.run(lt.RunSteps(1), run_cfg=FIXED_LAYERS)
    relay.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    relay.stop()


def test_a_cycle_that_cannot_be_stepped_is_named():
    relay, lif = relayed(10**9, False, SteppedRelay)
    loop = lt.Dense(weights=np.eye(6), name="loop")
    relay.s_out.connect(loop.s_in)
    loop.a_out.connect(lif.a_in)
    with pytest.raises(lt.CompileError, match="'relay'.* in a cycle .* with 'lif', 'loop'"):
        relay.run(lt.RunSteps(1), run_cfg=FIXED_LAYERS)


class Wrong(Relay):
    """Sends a sequence of another shape than it should."""


@implements(Wrong)
@tag("floating_pt", "fixed_pt")
class WrongModel(RelayBase):
    @layer_of("step")
    def layer(self, layer):
        layer.send("s_out", layer.whole("a_in")[1:])


def test_a_sequence_of_a_wrong_shape_is_refused():
    relay, _ = relayed(0, False, Wrong)
    with pytest.raises(RuntimeError, match=r"OutPort 'relay.s_out': WrongModel .* \(4, 1, 6\).* 5"):
        relay.run(lt.RunSteps(5), run_cfg=FIXED_LAYERS)
    assert relay.runtime.time_step == 0
    relay.stop()


class Biased(lt.AbstractProcess):
    """Sums its bias, which may have fewer axes than the neurons."""

    def __init__(self, shape: tuple[int, ...], bias: np.ndarray, name: str = "biased") -> None:
        super().__init__(name=name)
        self.s_out = lt.OutPort(shape=shape)
        self.v, self.bias = lt.Var(shape, 0), lt.Var((1,), bias)


@implements(Biased)
@tag("floating_pt")
class BiasedModel(lt.EquationModel):
    equation = lt.equation(lambda v, bias: (v, v + bias))
    returns = "s_out", "v"


@pytest.mark.parametrize("kind", ["table", "layers"])
def test_a_parameter_that_is_broadcast_is_not_read_as_memory(kind):
    process = Biased((2, 3), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(lt.CompileError, match="'bias' has 3 elements, the neurons are 6"):
        process.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(stepper=kind))
    process.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg())
    np.testing.assert_array_equal(process.v.get(), [[2, 4, 6]] * 2)
    process.stop()


@pytest.mark.parametrize(("activity", "expected"), [(0.1, "table"), (0.9, "layers")])
def test_auto_goes_by_the_activity_that_sources_are_known_to_have(activity, expected):
    rng = np.random.default_rng(0)
    inputs = lt.io.source.RingBuffer(data=(rng.random((20, 50)) < activity).astype(float))
    dense = lt.Dense(weights=rng.normal(0, 1, (5, 20)), num_message_bits=8)
    lif = lt.LIF(shape=(5,))
    inputs.s_out.connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg())
    assert lif.runtime.stepper.name == expected
    lif.stop()
