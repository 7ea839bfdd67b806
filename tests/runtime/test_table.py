"""The table stepper: the same results as the eager one, and addresses that never go stale."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from networks import NETWORKS

import lava_torch as lt
from lava_torch.core import implements, tag
from lava_torch.kernels import message
from lava_torch.kernels.op import RowOp
from lava_torch.kernels.table import Control, Program
from lava_torch.model.rows import rows_of
from lava_torch.proc.io.models import SourceModelFloat
from lava_torch.runtime.steppers.table import TableStepper

STEPS = 30
TAGS = [pytest.param("floating_pt", id="floating"), pytest.param("fixed_pt", id="fixed")]


def observed(stepper: str, name: str, tag: str, batch: int | None, runs=(STEPS,)):
    """All Vars after the last step, and records of what the last neurons sent and held."""
    last = NETWORKS[name](tag, np.random.default_rng(0))
    monitor = lt.Monitor()
    for target in last.out_ports:
        monitor.probe(target, sum(runs))
    for var in last.vars:
        monitor.probe(var, sum(runs))
    cfg = lt.Loihi2SimCfg(select_tag=tag, stepper=stepper, dtype="float64", batch_size=batch)
    for steps in runs:
        last.run(lt.RunSteps(steps), run_cfg=cfg)
    found = {k: v.clone() for k, v in last.runtime.network.state_dict().items()}
    records = {k: torch.from_numpy(v) for k, v in monitor.get_data()[last.name].items()}
    last.stop()
    return {k: v for k, v in found.items() if "Process_" not in k} | records


def assert_same(tag: str, got: dict, expected: dict) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if tag == "fixed_pt":
            assert torch.equal(got[name], value), name
        else:
            torch.testing.assert_close(got[name], value, rtol=1e-12, atol=1e-12, msg=name)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_the_eager_stepper(name, tag, batch):
    got, expected = (observed(s, name, tag, batch) for s in ("table", "eager"))
    assert any(bool((v != 0).any()) for v in expected.values())
    assert_same(tag, got, expected)


@pytest.mark.parametrize("tag", TAGS)
def test_single_steps_equal_one_run(tag):
    whole, single = (observed("table", "recurrent", tag, None, r) for r in ((20,), (1,) * 20))
    assert_same(tag, single, whole)


def test_it_is_what_auto_chooses(chain):
    chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg())
    assert isinstance(chain.lif.runtime.stepper, TableStepper)


def test_training_networks_run_in_floating_point(chain):
    if chain.tag == "fixed_pt":
        with pytest.raises(lt.CompileError, match="trains fixed-point numbers"):
            chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg(trainable=True, stepper="table"))
        return
    chain.lif.run(lt.RunSteps(20), run_cfg=chain.cfg(trainable=True, stepper="table"))
    assert chain.sink.data.get().any()


class TestAddresses:
    """What moves tensors between two runs; the second run must go on from where they are."""

    @pytest.fixture(params=TAGS)
    def pair(self, request, make_chain):
        """The same network twice, on either stepper, after ten steps."""
        fixed = request.param == "fixed_pt"
        pair = {name: make_chain(fixed=fixed, steps=40) for name in ("table", "eager")}
        for name, chain in pair.items():
            chain.lif.run(lt.RunSteps(10), run_cfg=chain.cfg(stepper=name))
        return pair

    def agree(self, pair) -> None:
        before = pair["table"].sink.data.get()
        for chain in pair.values():
            chain.lif.run(lt.RunSteps(20))
        table, eager = pair["table"], pair["eager"]
        assert (table.sink.data.get() != before).any()
        np.testing.assert_allclose(table.sink.data.get(), eager.sink.data.get(), atol=1e-5)
        np.testing.assert_allclose(table.lif.v.get(), eager.lif.v.get(), atol=1e-5)

    def test_set(self, pair):
        for chain in pair.values():
            chain.lif.v.set(np.arange(5.0))
            chain.dense.weights.set(chain.dense.weights.get() * -1)
            chain.dense.num_message_bits.set(np.array([4]))
        self.agree(pair)

    def test_load_state_dict(self, pair):
        for chain in pair.values():
            network = chain.lif.runtime.network
            state = {k: v.clone() for k, v in network.state_dict().items()}
            state["dense.weights"] = -state["dense.weights"]
            network.load_state_dict(state)
        self.agree(pair)

    def test_load_state_dict_that_assigns(self, pair):
        for chain in pair.values():
            network = chain.lif.runtime.network
            state = {k: v.clone().contiguous() for k, v in network.state_dict().items()}
            state["dense.weights"] = -state["dense.weights"]
            network.load_state_dict(state, assign=True)
        self.agree(pair)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
    def test_load_state_dict_that_assigns_other_dtypes(self, pair, dtype):
        for chain in pair.values():
            network = chain.lif.runtime.network
            held = {k: v.dtype for k, v in network.state_dict().items()}
            state = {k: v.to(dtype) for k, v in network.state_dict().items()}
            network.load_state_dict(state, assign=True)
            assert {k: v.dtype for k, v in network.state_dict().items()} == held
        self.agree(pair)

    def test_to(self, pair):
        for chain in pair.values():
            network = chain.lif.runtime.network
            if chain.tag == "floating_pt":
                network.to(torch.float64)
            else:
                network._apply(torch.clone)  # what .to() does where it moves anything
        self.agree(pair)

    def test_rebinding_a_buffer(self, pair):
        for chain in pair.values():
            model = chain.dense.model
            model.weights = -model.weights.clone()
            chain.lif.model.u = torch.ones_like(chain.lif.model.u)
        self.agree(pair)

    def test_a_freed_tensor_is_not_read(self, pair):
        for chain in pair.values():
            chain.lif.model.bias_mant = torch.zeros_like(chain.lif.model.bias_mant)
            torch.rand(1000)
        self.agree(pair)

    def test_in_the_middle_of_a_run(self, make_chain):
        chain = make_chain(steps=10)
        chain.lif.run(lt.RunContinuous(), run_cfg=chain.cfg(stepper="table"))
        chain.lif.pause()
        network = chain.lif.runtime.network
        zeros = {k: torch.zeros_like(v) for k, v in network.state_dict().items()}
        network.load_state_dict(zeros | {"lif.vth": torch.ones(1)}, assign=True)
        chain.lif.run(lt.RunSteps(10))
        assert not chain.lif.v.get().any() and not chain.sink.data.get().any()


@pytest.mark.parametrize("stepper", ["table", "layers"])
@pytest.mark.parametrize("values", [(0.5, 0.5), (1.7, -0.5)], ids=str)
def test_messages_are_summed_before_they_lose_their_fractions(stepper, values):
    def observed(stepper):
        dense = lt.Dense(weights=np.array([[10]]), num_message_bits=24)
        lif, sink = lt.LIF(shape=(1,), vth=100), lt.io.sink.RingBuffer(shape=(1,), buffer=4)
        for value in values:
            source = lt.io.source.RingBuffer(data=np.full((1, 1), value))
            for port in (dense.s_in, lif.a_in, sink.a_in):
                source.s_out.connect(port)
        floats = {lt.io.source.RingBuffer: SourceModelFloat}
        cfg = lt.Loihi2SimCfg(
            select_tag="fixed_pt", exception_proc_model_map=floats, stepper=stepper
        )
        lif.run(lt.RunSteps(4), run_cfg=cfg)
        found = [var.get().ravel() for var in (dense.a_buff, lif.v, sink.data)]
        lif.stop()
        return np.concatenate(found)

    assert observed("eager").all()
    np.testing.assert_array_equal(observed(stepper), observed("eager"))


def test_a_transposed_tensor_at_the_same_address():
    weights = np.array([[0.0, 1.0], [0.0, 0.0]])
    dense = lt.Dense(weights=weights)
    lt.io.source.RingBuffer(data=np.array([[1], [0]])).s_out.connect(dense.s_in)
    dense.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(stepper="table"))
    assert not dense.a_buff.get().any()
    dense.model.weights = dense.model.weights.t()
    dense.run(lt.RunSteps(1))
    np.testing.assert_array_equal(dense.a_buff.get(), [0, 1])
    dense.stop()


@pytest.mark.parametrize("started", [1, 2])
def test_ctrl_c_while_threads_start_leaves_none_behind(monkeypatch, started):
    clock, start = torch.zeros(1, dtype=torch.int64), threading.Thread.start
    row = message.ACCUMULATE.on(torch.ones(64), torch.zeros(64))
    program = Program([row], clock, threads=3)
    before = threading.active_count()
    begun = []

    def interrupted(thread):
        start(thread)
        begun.append(thread)
        if len(begun) == started:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            program.run(5, Control())
    assert threading.active_count() == before and not any(t.is_alive() for t in begun)
    assert program.run(5, Control()) == 5 and int(clock) == 5


def test_half_precision_is_refused():
    x, out = torch.ones(4, dtype=torch.float16), torch.zeros(4)
    with pytest.raises(TypeError, match="copy cannot compute with float16.*'x'"):
        Program([message.COPY.on(x, out)], torch.zeros(1, dtype=torch.int64))


def test_a_clock_of_another_dtype_is_refused():
    with pytest.raises(TypeError, match="int32"):
        Program([], torch.zeros(1, dtype=torch.int32))


class TestWhatDoesNotFit:
    """Tensors put in a Var's place that compiled rows would read or write beyond."""

    @pytest.mark.parametrize(
        ("process", "var", "value", "words"),
        [
            ("dense", "weights", torch.zeros(2, 2), r"'weights' of Process 'dense'.*\(2, 2\)"),
            ("dense", "a_buff", torch.zeros(2), r"'a_buff' of Process 'dense'.*\(2,\)"),
            ("lif", "v", torch.zeros(3), r"'lif': Var 'v' has 3 elements"),
            ("lif", "bias_mant", torch.zeros(4), r"'lif': Var 'bias_mant' has 4 elements"),
            ("sink", "data", torch.zeros(5, 2), r"'data' of Process 'sink'.*\(5, 2\)"),
        ],
    )
    def test_is_refused_before_a_step(self, make_chain, process, var, value, words):
        chain = make_chain()
        chain.lif.run(lt.RunSteps(2), run_cfg=chain.cfg(stepper="table"))
        model = chain.lif.runtime.network.get_submodule(process)
        kept = getattr(model, var)
        model._buffers[var] = value
        with pytest.raises(RuntimeError, match=words):
            chain.lif.run(lt.RunSteps(1))
        model._buffers[var] = kept
        chain.lif.run(lt.RunSteps(1))
        assert chain.lif.runtime.time_step == 3

    def test_delays_beyond_the_ring(self):
        dense = lt.DelayDense(weights=np.ones((3, 3)), delays=1, max_delay=2, name="late")
        lif = lt.LIF(shape=(3,))
        dense.a_out.connect(lif.a_in)
        lif.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(stepper="table"))
        dense.model.delays = torch.full((3, 3), 9, dtype=torch.uint8)
        with pytest.raises(RuntimeError, match="'delays' of Process 'late'"):
            lif.run(lt.RunSteps(1))
        lif.stop()


class TestControl:
    def test_pause_and_resume_lose_nothing(self, make_chain):
        chain, whole = make_chain(fixed=True, steps=7), make_chain(fixed=True, steps=7)
        cfg = chain.cfg(stepper="table")
        chain.lif.run(lt.RunContinuous(), run_cfg=cfg)
        for _ in range(5):
            time.sleep(0.01)
            chain.lif.pause()
            assert not chain.lif.runtime.is_running
            chain.lif.run(lt.RunContinuous())
        chain.lif.pause()
        steps = chain.lif.runtime.time_step
        assert steps > 1000
        whole.lif.run(lt.RunSteps(steps), run_cfg=cfg)
        np.testing.assert_array_equal(chain.lif.v.get(), whole.lif.v.get())

    def test_stop_ends_a_long_blocking_run(self, make_chain):
        chain = make_chain()
        timer = threading.Timer(0.2, chain.lif.stop)
        timer.start()
        chain.lif.run(lt.RunSteps(10**12), run_cfg=chain.cfg(stepper="table"))
        timer.join()
        assert chain.lif.runtime.is_stopped

    def test_ctrl_c_leaves_whole_steps(self, make_chain):
        import _thread

        chain, whole = make_chain(fixed=True), make_chain(fixed=True)
        cfg = chain.cfg(stepper="table")
        chain.lif.run(lt.RunSteps(1), run_cfg=cfg)
        timer = threading.Timer(0.2, _thread.interrupt_main)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            chain.lif.run(lt.RunSteps(10**12))
        timer.join()
        steps = chain.lif.runtime.time_step
        whole.lif.run(lt.RunSteps(steps), run_cfg=cfg)
        np.testing.assert_array_equal(chain.lif.v.get(), whole.lif.v.get())
        chain.lif.run(lt.RunSteps(3))
        assert chain.lif.runtime.time_step == steps + 3


class Counter(lt.AbstractProcess):
    """Counts its steps, in a row that fails at one of them."""

    def __init__(self, fail_at: int = 0, name: str = "counter") -> None:
        super().__init__(fail_at=fail_at, name=name)
        self.count = lt.Var((1,), 0)


COUNT = RowOp(
    "counting", "count", ("count", "t", "fail_at", "error"), ("count", "error"),
    failures=((7, "it was told to fail"),),
)  # fmt: skip


@implements(Counter)
@tag("floating_pt")
class CounterModel(lt.TorchProcessModel):
    dtype = torch.int64

    def manage(self):
        self.count = self.count + 1

    @rows_of("manage")
    def manage_rows(self, rows):
        error = rows.scratch((1,), torch.int64)
        fail_at = int(self.proc_params["fail_at"])
        rows.add(COUNT.on(rows.var("count").view(-1), rows.clock, fail_at, error))


@pytest.fixture
def counting(tmp_path, monkeypatch):
    """A family of kernels outside the package, as a user may have one."""
    import sys
    import types

    text = (
        "from numba import njit\n\n\n@njit(nogil=True)\n"
        "def count(count, t, fail_at, error, thread, threads):\n"
        "    count[0] += 1\n    if t[0] == fail_at:\n        error[0] = 7\n"
    )
    (tmp_path / "cpu.py").write_text(text)
    family = types.ModuleType("lava_torch.kernels.counting")
    family.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "lava_torch.kernels.counting", family)


@pytest.mark.parametrize("fail_at", [1, 2, 50, 20_000])
def test_a_failing_row_names_its_process_and_leaves_the_last_step(counting, fail_at):
    counter = Counter(fail_at=fail_at)
    cfg = lt.Loihi2SimCfg(stepper="table")
    message = f"'counter' .*post-management phase, time step {fail_at}: .*it was told to fail"
    with pytest.raises(RuntimeError, match=message):
        counter.run(lt.RunSteps(30_000), run_cfg=cfg)
    assert counter.runtime.time_step == counter.count.get()[0] == fail_at - 1
    counter.stop()


class Doubled(lt.LIF):
    """An LIF whose model changes what a step does, and says nothing about rows."""


@implements(Doubled)
@tag("floating_pt")
class DoubledModel(lt.EquationModel):
    equation = lt.equation(lambda a_in, u, v, bias_mant, du, dv, vth: (a_in, u, v))
    returns = "s_out", "u", "v"

    def step(self, **inputs):
        return {name: 2 * x for name, x in super().step(**inputs).items()}


def test_a_changed_step_is_not_run_by_the_rows_of_its_base():
    doubled = Doubled(shape=(2,), name="doubled")
    inputs = lt.io.source.RingBuffer(data=np.ones((2, 1)))
    sink = lt.io.sink.RingBuffer(shape=(2,), buffer=1)
    inputs.s_out.connect(doubled.a_in)
    doubled.s_out.connect(sink.a_in)
    with pytest.raises(lt.CompileError, match="'doubled', has no step_rows"):
        doubled.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(stepper="table"))
    doubled.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
    assert (sink.data.get() == 2).all()
    doubled.stop()
