"""What a checkpoint says about Processes: arguments, members, connections, classes, run configs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
import user_module
from checkpoint_cases import assert_same, resumed, state_of
from user_module import Built, Config, Counter, CounterModel, Layer, Mode, Reader, SecondModel

import lava_torch as lt
from lava_torch.io.checkpoint.build import same
from lava_torch.kernels.equation.surrogate import Triangle

CFG = lt.Loihi2SimCfg(select_tag="floating_pt")
RULE = {"x1_tau": 5, "x1_impulse": 8, "y1_tau": 4, "y1_impulse": 3, "t_epoch": 2}


def again(process, path, **kwargs):
    process.save(path)
    return lt.io.checkpoint.load(path, **kwargs)


def two_f():
    return lt.Loihi2FLearningRule(dw="x1*y0 - y1*x0", **RULE)


W, D = np.arange(12.0).reshape(3, 4), np.arange(12).reshape(3, 4) % 5
KINDS = {
    "LIF": lambda: lt.LIF(shape=(3,), vth=np.array([1, 2, 3]), name="n"),
    "TernaryLIF": lambda: lt.TernaryLIF(shape=(2, 2), vth_lo=-3.5),
    "ATRLIF": lambda: lt.ATRLIF(shape=(3,), delta_i=0.25),
    "LearningLIF": lambda: lt.LearningLIF(shape=(3,), learning_rule=two_f()),
    "Dense": lambda: lt.Dense(weights=torch.arange(6).reshape(2, 3), num_message_bits=8),
    "DelayDense": lambda: lt.DelayDense(weights=W, delays=D, max_delay=9),
    "Sparse": lambda: lt.Sparse(weights=scipy.sparse.coo_array(W)),
    "Sparse of CSR": lambda: lt.Sparse(weights=lt.CSR.from_scipy(scipy.sparse.csr_matrix(W))),
    "DelaySparse": lambda: lt.DelaySparse(weights=scipy.sparse.csr_matrix(W), delays=2),
    "Conv": lambda: lt.Conv(weight=np.ones((2, 3, 3, 1)), input_shape=(5, 5, 1), padding=1),
    "LearningDense": lambda: lt.LearningDense(weights=W, learning_rule=two_f(), tag_1=W),
    "LearningSparse": lambda: lt.LearningSparse(
        weights=scipy.sparse.csr_matrix(W), learning_rule=two_f()
    ),
    "LearningDelayDense": lambda: lt.LearningDelayDense(
        weights=W, delays=D, max_delay=6, learning_rule=two_f()
    ),
    "LearningDelaySparse": lambda: lt.LearningDelaySparse(
        weights=scipy.sparse.csr_matrix(W), delays=1, max_delay=3, learning_rule=two_f()
    ),
    "LearningConv": lambda: lt.LearningConv(
        weight=np.ones((2, 3, 3, 1)), input_shape=(5, 5, 1), learning_rule=two_f()
    ),
    "source": lambda: lt.io.source.RingBuffer(data=W > 3),
    "sink": lambda: lt.io.sink.RingBuffer(shape=(3,), buffer=4),
    "Monitor": lambda: lt.Monitor(name="watch"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_process(kind, tmp_path):
    process = KINDS[kind]()
    loaded = again(process, tmp_path / "x").process
    assert type(loaded) is type(process) and loaded.name == process.name
    assert loaded.vars.member_names == process.vars.member_names
    for var in process.vars:
        other = getattr(loaded, var.name)
        assert other.shape == var.shape and type(other.init) is type(var.init)
    if kind == "Monitor":
        return
    for one in (process, loaded):
        one.run(lt.RunSteps(3), run_cfg=CFG)
    assert_same(state_of(loaded), state_of(process))
    resumed(process, tmp_path / "y", 2).stop()
    loaded.stop()


VALUES = [
    None, True, 2**70, -1.5, float("inf"), 1 + 2j, "text", b"\x00\xff", (1, [2, {"a": (3,)}]),
    {1, 2}, frozenset("a"), {(1, 2): None, "b": [1]}, range(1, 9, 2), slice(None, 3), float,
    np.float32(1.5), np.int8(-3), np.str_("x"), np.complex64(1j), np.bool_(True), np.float16,
    np.arange(6, dtype=np.uint16).reshape(2, 3), np.array(3.5), np.zeros((0, 2)), np.arange(3) + 2j,
    np.array([["ab", "c"]]), np.arange(4)[::-2], np.arange(3, dtype=">i4"), np.dtype("float32"),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    torch.arange(3), torch.ones(2, 2, dtype=torch.bfloat16), torch.tensor([1 + 2j]), torch.float16,
    torch.ones(2, requires_grad=True), Mode.DOWN, lt.SignMode.MIXED, lt.LogConfig(level=3), Counter,
    CounterModel,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_each_kind_of_argument(value, tmp_path):
    got = again(Counter((1,), others=value), tmp_path / "x").process.others
    assert type(got) is type(value)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(got, value)
    elif isinstance(value, torch.Tensor):
        assert torch.equal(got, value.detach()) and got.dtype == value.dtype
    else:
        assert got == value


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_each_kind_of_sparse_argument(form, kind, tmp_path):
    value = getattr(scipy.sparse, f"{form}_{kind}")(W * (W > 4))
    got = again(Counter((1,), others=value), tmp_path / "x").process.others
    assert type(got) is type(value)
    np.testing.assert_array_equal(got.toarray(), value.toarray())


def cyclic():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [lambda: 0, object(), np.array([object()]), np.array(["2020"], "M8[Y]"), [{"a": iter(())}],
     cyclic(), [lt.LIF(shape=(1,))], dict, np.ma.ones(2), type("Local", (float,), {})(1.0)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_cannot_be_saved_is_named(value, tmp_path):
    process = Counter((1,), others=value, name="odd")
    with pytest.raises(lt.CheckpointError, match=r"Process 'odd' \(Counter\).*argument 'others'"):
        process.save(tmp_path / "x")
    with pytest.raises(lt.CheckpointError, match="argument 'others'"):
        process.run(lt.RunSteps(1), run_cfg=CFG, checkpoint_every=1, checkpoint=tmp_path / "folder")
    process.stop()
    assert not list(tmp_path.iterdir())


def test_references_and_what_is_shared(tmp_path):
    rule, lif = two_f(), lt.LIF(shape=(2,), name="lif")
    counter = Counter((2,), others=[lif, (lif.v,), lif.s_out, rule], name="counter")
    dense = lt.LearningDense(weights=np.ones((2, 2)), learning_rule=rule, name="dense")
    lif.s_out.connect([counter.a_in, dense.s_in, dense.s_in_bap])
    rule.x1_tau = 9
    system = again(lif, tmp_path / "x")
    got, new = system.processes["counter"], system.processes
    assert got.others[0] is new["lif"] is system.process
    assert got.others[1][0] is new["lif"].v and got.others[2] is new["lif"].s_out
    assert got.others[3] is new["dense"].proc_params["learning_rule"]
    assert got.others[3].x1_tau == 9 and type(got.others[3]) is type(rule)
    assert got.others[3].rng_seed == rule.rng_seed


def test_a_user_model_goes_on_with_its_extra_state(tmp_path):
    counter = Counter((3,), mode=Mode.DOWN)
    lt.io.source.RingBuffer(data=np.arange(6).reshape(3, 2)).s_out.connect(counter.a_in)
    counter.run(lt.RunSteps(5), run_cfg=CFG)
    counter.text.set("after")
    loaded = resumed(counter, tmp_path / "x", 3)
    assert loaded.text.get() == "after" and loaded.proc_params["mode"] is Mode.DOWN
    assert loaded.model.steps == 8
    loaded.stop()


def test_hierarchies(tmp_path, rng):
    layers = [Layer(rng.normal(size=(5, 4))), Layer(rng.normal(size=(3, 5)))]
    source = lt.io.source.RingBuffer(data=rng.integers(0, 2, (4, 12)))
    source.s_out.connect(layers[0].s_in)
    layers[0].s_out.reshape((5,)).connect(layers[1].s_in)
    config = lt.Loihi2SimCfg(select_tag="floating_pt", select_sub_proc_model=True)
    layers[1].run(lt.RunSteps(6), run_cfg=config)
    layers[1].save(tmp_path / "x")
    v, weights = layers[1].v.get(), layers[0].weights.get()
    layers[1].run(lt.RunSteps(6))
    system = lt.io.checkpoint.load(tmp_path / "x")
    assert len(system.processes) == 3  # the others are made by models
    loaded = system.process
    np.testing.assert_array_equal(loaded.v.get(), v)
    first = next(p for p in system.processes.values() if p.name == layers[0].name)
    np.testing.assert_array_equal(first.weights.get(), weights)
    loaded.run(lt.RunSteps(6))
    ours, theirs = state_of(loaded), state_of(layers[1])
    for got, want in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_array_equal(got, want)
    loaded.stop()
    loaded.run(lt.RunSteps(2))  # compiled afresh
    for one in (layers[1], loaded):
        one.stop()


def test_processes_that_a_constructor_made(tmp_path):
    built = Built(4)  # draws its weights anew each time
    sink = lt.io.sink.RingBuffer(shape=(4,), buffer=9)
    built.s_out.connect(sink.a_in)
    system = again(sink, tmp_path / "x")
    assert len(system.processes) == 5
    new = next(p for p in system.processes.values() if isinstance(p, Built))
    np.testing.assert_array_equal(new.rest[0].weights.init, built.rest[0].weights.init)
    assert new.lif.parent_proc is new and new.rest[0].in_ports.s_in.in_connections
    built.lif.run(lt.RunSteps(4), run_cfg=CFG)
    resumed(built.lif, tmp_path / "y", 5).stop()


def test_monitors_and_their_records(tmp_path):
    lif = lt.LIF(shape=(2,), bias_mant=0.3, vth=1.0, name="lif")
    monitor = lt.Monitor(name="monitor")
    monitor.probe(lif.v, 20)
    monitor.probe(lif.s_out, 20)
    lif.run(lt.RunSteps(8), run_cfg=lt.Loihi2SimCfg(select_tag="floating_pt", batch_size=2))
    lif.save(tmp_path / "x")
    lif.run(lt.RunSteps(8))
    want = monitor.get_data()
    lif.stop()
    system = lt.io.checkpoint.load(tmp_path / "x")
    system.process.run(lt.RunSteps(8))
    got = system.processes["monitor"].get_data()
    assert want["lif"]["s_out"].any() and same(got, want)
    system.process.stop()


def test_loggers_are_left_out(tmp_path):
    lif = lt.LIF(shape=(2,), bias_mant=0.3, name="lif")
    with lt.TensorBoardLogger(tmp_path / "logs") as logger:
        logger.probe(lif.v)
        logger.probe(lif.s_out, kind="raster")
        lif.run(lt.RunSteps(3), run_cfg=CFG)
        lif.save(tmp_path / "x")
        want = lif.v.get()
        lif.stop()
    system = lt.io.checkpoint.load(tmp_path / "x")
    assert list(system.processes) == ["lif"] and system.time_step == 3
    np.testing.assert_array_equal(system.process.v.get(), want)
    system.process.stop()


def test_the_order_of_connections(tmp_path):
    """Sums of floats depend on it."""
    lif = lt.LIF(shape=(1,))
    sources = [lt.io.source.RingBuffer(data=np.ones((1, 1)), name=f"s{i}") for i in range(5)]
    for i in (3, 0, 4, 1, 2):
        sources[i].s_out.reshape((1, 1)).flatten().connect(lif.a_in)
    loaded = again(lif, tmp_path / "x").process
    order = [port.process.name for port in loaded.a_in.get_src_ports()]
    assert order == ["s3", "s0", "s4", "s1", "s2"]


@pytest.mark.parametrize("view", [None, (3, 2)], ids=["plain", "a view"])
def test_ports_that_are_made_when_they_are_connected(view, tmp_path):
    lif = lt.LIF(shape=(2, 3), bias_mant=0.3, name="lif")
    readers = [Reader(name="one"), Reader(name="two")]
    for reader in readers:
        reader.connect_var(lif.v, view)
    lif.run(lt.RunSteps(4), run_cfg=CFG)
    loaded = resumed(lif, tmp_path / "x", 3)
    assert loaded.var_ports.member_names == lif.var_ports.member_names
    two = lt.io.checkpoint.load(tmp_path / "x").processes["two"]
    assert two.ref.shape == (view or (2, 3)) and two.proc_params["rate"] == {"factor": [2.5]}
    for one in (two, loaded):
        one.stop()


def test_connection_configs_and_pipes(tmp_path):
    source, lif = lt.io.source.RingBuffer(data=np.ones((2, 1)), name="source"), lt.LIF(shape=(2,))
    config = lt.core.ConnectionConfig(num_probes=9, spike_io_port=lt.core.SpikeIOPort.PIO_UP)
    source.s_out.connect(lif.a_in, config)
    lif.s_out.flag_external_pipe(12)
    loaded = again(lif, tmp_path / "x").process
    assert list(loaded.a_in.connection_configs.values()) == [config]
    assert loaded.s_out.external_pipe_flag and loaded.s_out.external_pipe_buffer_size == 12


def test_run_configs(tmp_path):
    counter, other = Counter((2,), name="counter"), Counter((2,), name="other")
    counter.s_out.connect(other.a_in)
    elsewhere = Counter((2,))
    config = Config(
        "none of them",
        exception_proc_model_map={
            counter: SecondModel, lt.LIF: CounterModel, elsewhere: CounterModel,
        },
        surrogate=Triangle(2.0), seed=7, dtype="float64", loglevel=10,
        custom_sync_domains=[lt.core.SyncDomain("d", lt.LoihiProtocol(), [counter])],
    )  # fmt: skip
    counter.run(lt.RunSteps(2), config, {"pypy_channel_size": 32})
    counter.save(tmp_path / "x")
    system = lt.io.checkpoint.load(tmp_path / "x")
    got, new = system.run_cfg, system.processes
    assert type(got) is Config and got.preferred == "none of them" and got.seed == 7
    assert got.exception_proc_model_map == {new["counter"]: SecondModel, lt.LIF: CounterModel}
    assert got.surrogate == Triangle(2.0) and got.dtype == "float64" and got.log.level == 10
    assert got.custom_sync_domains[0].processes == [new["counter"]]
    assert isinstance(got.custom_sync_domains[0].protocol, lt.LoihiProtocol)
    assert type(new["counter"].model) is SecondModel and type(new["other"].model) is CounterModel
    assert new["counter"]._setup == (got, {"pypy_channel_size": 32})
    for one in (counter, system.process):
        one.stop()
    counter.run(lt.RunSteps(1), run_cfg=CFG, compile_config={"f": print})
    with pytest.raises(lt.CheckpointError, match="compile_config"):
        counter.save(tmp_path / "x")
    counter.stop()


def test_changed_rules_and_vars(tmp_path):
    """What was set but not yet taken over, and what is truncated once only."""
    rule = two_f()
    dense = lt.LearningDense(weights=np.full((2, 3), 21.0), learning_rule=rule)
    lt.io.source.RingBuffer(data=np.eye(3)).s_out.connect(dense.s_in)
    lt.io.source.RingBuffer(data=np.eye(2)).s_out.connect(dense.s_in_bap)
    dense.run(lt.RunSteps(4), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    dense.weights.set(np.full((2, 3), 33))
    dense.dw.set("x1*y0")
    rule.x1_impulse = 100
    loaded = resumed(dense, tmp_path / "x", 6)
    assert loaded.x1_impulse.get() == 100 and loaded.dw.get() == "x1*y0"
    loaded.stop()


def test_a_trained_network(tmp_path, make_chain):
    chain = make_chain()
    network = lt.compile(chain.lif, chain.cfg(trainable=["dense.weights"]))
    network.scales["lif"] = 3.0
    with torch.no_grad():
        network.dense.weights += 1
    chain.lif.create_runtime(executable=network)
    loaded = resumed(chain.lif, tmp_path / "x", 5)
    compiled = loaded.runtime.network
    assert isinstance(compiled.dense.weights, torch.nn.Parameter) and compiled.scales == {
        "lif": 3.0
    }
    loaded.stop()


def test_deployed_processes(tmp_path, make_chain):
    """They hold other values than their constructors gave them."""
    deployed = lt.deploy(make_chain().lif, fixed_point=True)
    loaded = again(deployed.lif, tmp_path / "x").process
    for one in (deployed.lif, loaded):
        one.run(lt.RunSteps(9), run_cfg=deployed.run_cfg())
    assert_same(state_of(loaded), state_of(deployed.lif))
    for one in (deployed.lif, loaded):
        one.stop()


SCRIPT = """
import sys
import lava_torch as lt
try:
    lt.AbstractProcess.load(sys.argv[1])
except lt.CheckpointError as error:
    assert "classes=[Counter]" in str(error) and "'user_module'" in str(error), error
else:
    sys.exit("loaded")
assert "user_module" not in sys.modules
import user_module
counter = lt.AbstractProcess.load(sys.argv[1])
assert type(counter) is user_module.Counter and counter.runtime.time_step == 2
"""


def test_a_module_is_not_imported(tmp_path):
    counter = Counter((3,))
    counter.run(lt.RunSteps(2), run_cfg=CFG)
    counter.save(tmp_path / "x")
    counter.stop()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "x")],
        cwd=Path(__file__).parent, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_classes_that_are_given(tmp_path):
    class Local(Counter):
        pass

    process = Local((2,))
    process.save(tmp_path / "x")
    with pytest.raises(lt.CheckpointError, match=r"classes=\[Local\]"):
        lt.AbstractProcess.load(tmp_path / "x")
    assert type(lt.LIF.load(tmp_path / "x", classes=[Local])) is Local
    with pytest.raises(TypeError, match="classes"):
        lt.LIF.load(tmp_path / "x", classes=["Local"])


def test_a_class_must_be_of_its_kind(tmp_path, monkeypatch):
    counter = Counter((2,))
    counter.save(tmp_path / "x")
    monkeypatch.setattr(user_module, "Counter", subprocess.Popen)
    with pytest.raises(lt.CheckpointError, match="is no AbstractProcess"):
        lt.AbstractProcess.load(tmp_path / "x")


def test_a_device(tmp_path, make_chain):
    chain = make_chain()
    chain.lif.run(lt.RunSteps(2), run_cfg=chain.cfg())
    chain.lif.save(tmp_path / "x")
    loaded = lt.io.checkpoint.load(tmp_path / "x", device=torch.device("cpu"))
    assert loaded.run_cfg.device == "cpu"
    loaded.process.stop()
    if not torch.cuda.is_available():
        with pytest.raises(lt.CheckpointError, match="cuda.*not available.*device="):
            lt.AbstractProcess.load(tmp_path / "x", device="cuda")


def test_when_nothing_can_be_saved(tmp_path):
    lif = lt.LIF(shape=(1,))
    lif.run(lt.RunContinuous(), run_cfg=CFG)
    with pytest.raises(RuntimeError, match="while a run is on"):
        lif.save(tmp_path / "x")
    lif.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        lif.save(tmp_path / "x")
    with pytest.raises(lt.CheckpointError, match="is a folder"):
        lt.LIF(shape=(1,)).save(tmp_path)
    with pytest.raises(FileNotFoundError):
        lt.LIF.load(tmp_path / "none")
    assert not list(tmp_path.iterdir())
