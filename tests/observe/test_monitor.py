"""Monitor: what it records, when, and what it refuses."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import lava_torch as lt
from lava_torch.core import VarNotSharableError, implements, tag


class Learner(lt.AbstractProcess):
    """`w` grows by 1 in the learning phase, `v` in the spiking phase."""

    def __init__(self, name="learner") -> None:
        super().__init__(name=name)
        self.s_out = lt.OutPort((2,))
        self.v = lt.Var((2,), 0)
        self.w = lt.Var((2,), 10)
        self.hidden = lt.Var((2,), 0, shareable=False)


@implements(Learner)
@tag("floating_pt", "fixed_pt")
class LearnerModel(lt.TorchProcessModel):
    def emit(self):
        self.v = self.v + 1
        return self.v * 100

    def learn(self):
        self.w = self.w + 1


class Outer(lt.AbstractProcess):
    """Made of a Learner."""

    def __init__(self) -> None:
        super().__init__(name="outer")
        self.w = lt.Var((2,), 10)
        self.s_out = lt.OutPort((2,))


@implements(Outer)
@tag("floating_pt")
class OuterModel(lt.AbstractSubProcessModel):
    def __init__(self, proc):
        self.inner = Learner(name="inner")
        proc.w.alias(self.inner.w)
        self.inner.s_out.connect(proc.s_out)


CFG = lt.Loihi2SimCfg()


@pytest.fixture
def learner():
    process = Learner()
    yield process
    process.stop()


@pytest.fixture
def monitor():
    return lt.Monitor(name="watch")


class TestRecords:
    def test_rows_are_the_ends_of_the_steps(self, chain, make_chain, monitor) -> None:
        """Against the same network, read after each step."""
        monitor.probe(chain.lif.v, 20)
        monitor.probe(chain.lif.u, 20)
        monitor.probe(chain.lif.s_out, 20)
        chain.lif.run(lt.RunSteps(20), run_cfg=chain.cfg())
        seen = monitor.get_data()["lif"]
        stepped = make_chain(fixed=chain.tag == "fixed_pt")
        for step in range(20):
            stepped.lif.run(lt.RunSteps(1), run_cfg=stepped.cfg())
            np.testing.assert_array_equal(seen["v"][step], stepped.lif.v.get())
            np.testing.assert_array_equal(seen["u"][step], stepped.lif.u.get())
        np.testing.assert_array_equal(seen["s_out"], stepped.sink.data.get().T)
        assert seen["s_out"].any()

    def test_a_var_after_learning_and_a_message_as_sent(self, learner, monitor) -> None:
        for target in (learner.v, learner.w, learner.s_out):
            monitor.probe(target, 3)
        learner.run(lt.RunSteps(3), run_cfg=CFG)
        seen = monitor.get_data()["learner"]
        assert seen["v"][:, 0].tolist() == [1, 2, 3]
        assert seen["w"][:, 0].tolist() == [11, 12, 13]
        assert seen["s_out"][:, 0].tolist() == [100, 200, 300]

    def test_resume_and_rows_not_reached(self, learner, monitor) -> None:
        monitor.probe(learner.v, 6)
        for done, steps in ((2, 2), (5, 3)):
            learner.run(lt.RunSteps(steps), run_cfg=CFG)
            expected = [*range(1, done + 1), *[0] * (6 - done)]
            assert monitor.get_data()["learner"]["v"][:, 1].tolist() == expected

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("select", ["floating_pt", "fixed_pt"])
    def test_under_any_tag_values_are_float64(self, learner, monitor, select, dtype) -> None:
        monitor.probe(learner.v, 2)
        monitor.probe(learner.s_out, 2)
        learner.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(select_tag=select, dtype=dtype))
        for values in monitor.get_data()["learner"].values():
            assert (values.dtype, values.shape) == (np.float64, (2, 2))

    def test_large_integers_are_exact(self, monitor) -> None:
        data = np.array([[(1 << 24) + 1, -(1 << 30) - 1]])
        source = lt.io.source.RingBuffer(data=data, name="in")
        monitor.probe(source.s_out, 2)
        monitor.probe(source.data, 2)
        source.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
        seen = monitor.get_data()["in"]
        source.stop()
        np.testing.assert_array_equal(seen["s_out"].T, data)
        np.testing.assert_array_equal(seen["data"][0], data)

    def test_several_processes_and_shapes(self, monitor, rng) -> None:
        data = rng.integers(0, 9, (2, 3, 4))
        first = lt.io.source.RingBuffer(data=data, name="first")
        second = lt.io.source.RingBuffer(data=data[0, 0], name="second")
        sink = lt.io.sink.RingBuffer(shape=(), buffer=4, name="sink")
        second.s_out.connect(sink.a_in)
        monitor.probe(first.s_out, 4)
        monitor.probe(second.s_out, 4)
        first.run(lt.RunSteps(4), run_cfg=CFG)  # the Monitor ties the two together
        seen = monitor.get_data()
        assert sorted(seen) == ["first", "second"]
        np.testing.assert_array_equal(np.moveaxis(seen["first"]["s_out"], 0, -1), data)
        np.testing.assert_array_equal(seen["second"]["s_out"], data[0, 0])
        assert monitor.data is seen
        first.stop()

    @pytest.mark.parametrize("fixed", [False, True], ids=["floating", "fixed"])
    def test_a_batch_has_its_axis_behind_time(self, make_chain, monitor, fixed) -> None:
        chain, alone = make_chain(fixed=fixed), make_chain(fixed=fixed)
        monitor.probe(chain.lif.v, 8)
        monitor.probe(chain.lif.s_out, 8)
        monitor.probe(chain.dense.weights, 8)
        other = lt.Monitor()
        other.probe(alone.lif.v, 8)
        chain.lif.run(lt.RunSteps(8), run_cfg=chain.cfg(batch_size=3))
        alone.lif.run(lt.RunSteps(8), run_cfg=alone.cfg())
        seen = monitor.get_data()
        assert seen["lif"]["v"].shape == seen["lif"]["s_out"].shape == (8, 3, 5)
        assert seen["dense"]["weights"].shape == (8, 5, 7)
        for item in range(3):
            expected = other.get_data()["lif"]["v"]
            tolerance = 0 if fixed else 1e-5
            np.testing.assert_allclose(seen["lif"]["v"][:, item], expected, tolerance, tolerance)

    def test_aliased_var_and_port_of_a_process_made_of_others(self, monitor) -> None:
        outer = Outer()
        monitor.probe(outer.w, 2)
        monitor.probe(outer.s_out, 2)
        outer.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(select_sub_proc_model=True))
        seen = monitor.get_data()["outer"]
        outer.stop()
        assert seen["w"][:, 0].tolist() == [11, 12]
        assert seen["s_out"][:, 0].tolist() == [100, 200]

    def test_results_stay_as_they_are(self, chain, make_chain, monitor) -> None:
        plain = make_chain(fixed=chain.tag == "fixed_pt")
        for target in (chain.lif.v, chain.lif.s_out, chain.dense.weights):
            monitor.probe(target, 20)
        for network in (chain, plain):
            network.lif.run(lt.RunSteps(20), run_cfg=network.cfg())
        for name, value in plain.lif.runtime.network.state_dict().items():
            assert torch.equal(chain.lif.runtime.network.state_dict()[name], value), name

    def test_two_monitors_on_one_var(self, learner, monitor) -> None:
        other = lt.Monitor()
        for each in (monitor, other):
            each.probe(learner.v, 3)
        learner.run(lt.RunSteps(3), run_cfg=CFG)
        first, second = (each.get_data()["learner"]["v"] for each in (monitor, other))
        np.testing.assert_array_equal(first, second)

    def test_reset_clears_the_record(self, learner, monitor) -> None:
        monitor.probe(learner.v, 3)
        learner.run(lt.RunSteps(3), run_cfg=CFG)
        learner.runtime.reset()
        learner.run(lt.RunSteps(1))
        assert monitor.get_data()["learner"]["v"][:, 0].tolist() == [1, 0, 0]

    def test_a_running_network_can_be_copied(self, learner, monitor) -> None:
        monitor.probe(learner.v, 4)
        learner.run(lt.RunSteps(1), run_cfg=CFG)
        network = learner.runtime.network
        twin = copy.deepcopy(network)
        learner.run(lt.RunSteps(2))
        assert monitor.get_data()["learner"]["v"][:, 0].tolist() == [1, 2, 3, 0]
        assert twin.watch.record_0[:, 0].tolist() == [1, 0, 0, 0]

    def test_an_unroll_leaves_it_out(self, make_chain, monitor) -> None:
        chain = make_chain()
        monitor.probe(chain.lif.v, 2)
        monitor.probe(chain.lif.s_out, 2)
        network = lt.compile(chain.lif, chain.cfg())
        assert list(network(steps=5)) == ["sink"]

    @pytest.mark.gpu
    def test_on_a_gpu(self, chain, make_chain, monitor) -> None:
        twin, other = make_chain(fixed=chain.tag == "fixed_pt"), lt.Monitor()
        monitor.probe(chain.lif.s_out, 20)
        other.probe(twin.lif.s_out, 20)
        chain.lif.run(lt.RunSteps(20), run_cfg=chain.cfg(device="cuda"))
        twin.lif.run(lt.RunSteps(20), run_cfg=twin.cfg())
        np.testing.assert_array_equal(
            monitor.get_data()["lif"]["s_out"], other.get_data()["lif"]["s_out"]
        )


class TestGetData:
    def test_before_a_run_it_is_zeros(self, learner, monitor) -> None:
        assert monitor.get_data() == {}
        monitor.probe(learner.v, 4)
        assert monitor.get_data()["learner"]["v"].tolist() == [[0, 0]] * 4
        learner.create_runtime(CFG)
        assert monitor.get_data()["learner"]["v"].tolist() == [[0, 0]] * 4

    def test_it_is_a_copy(self, learner, monitor) -> None:
        monitor.probe(learner.v, 2)
        learner.run(lt.RunSteps(2), run_cfg=CFG)
        monitor.get_data()["learner"]["v"][:] = 99
        assert monitor.get_data()["learner"]["v"][:, 0].tolist() == [1, 2]

    def test_while_a_run_is_on_or_after_stop_it_is_refused(self, learner, monitor) -> None:
        monitor.probe(learner.v, 5000)
        learner.run(lt.RunSteps(2, blocking=False), run_cfg=CFG)
        with pytest.raises(RuntimeError, match="'watch'.*wait"):
            monitor.get_data()
        learner.wait()
        assert monitor.get_data()["learner"]["v"][:2, 0].tolist() == [1, 2]
        learner.stop()
        with pytest.raises(RuntimeError, match="stop"):
            monitor.get_data()

    def test_no_steps(self, learner, monitor) -> None:
        monitor.probe(learner.v, 0)
        assert monitor.get_data()["learner"]["v"].shape == (0, 2)
        with pytest.raises(RuntimeError, match="0 steps"):
            learner.run(lt.RunSteps(1), run_cfg=CFG)


class TestPlot:
    def test_a_line_for_each_element(self, learner, monitor) -> None:
        monitor.probe(learner.v, 3)
        learner.run(lt.RunSteps(3), run_cfg=CFG)
        ax = Figure().add_subplot()
        monitor.plot(ax, learner.v, "o", color="red")
        assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 2, 3]] * 2
        assert {(line.get_color(), line.get_marker()) for line in ax.lines} == {("red", "o")}
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("time step", "learner.v")

    def test_what_is_not_probed(self, learner, monitor) -> None:
        monitor.probe(learner.v, 3)
        with pytest.raises(ValueError, match=r"'watch' does not probe 'learner\.w'"):
            monitor.plot(Figure().add_subplot(), learner.w)


class TestBadInput:
    def test_too_many_steps_are_refused_before_the_run(self, learner, monitor) -> None:
        monitor.probe(learner.v, 5)
        monitor.probe(learner.w, 4)
        learner.run(lt.RunSteps(3), run_cfg=CFG)
        with pytest.raises(RuntimeError, match=r"'watch' records 4 steps of 'learner\.w'.*step 5"):
            learner.run(lt.RunSteps(2))
        assert learner.runtime.time_step == 3
        learner.run(lt.RunSteps(1))
        assert monitor.get_data()["learner"]["w"][:, 0].tolist() == [11, 12, 13, 14]

    @pytest.mark.parametrize(
        "target",
        [
            lambda learner: lt.LIF(shape=(1,)).a_in,
            lambda learner: learner,
            lambda learner: "v",
            lambda learner: learner.s_out.reshape((2, 1)),
        ],
        ids=["InPort", "process", "str", "view"],
    )
    def test_targets_of_a_wrong_kind(self, learner, monitor, target) -> None:
        with pytest.raises(TypeError, match="'watch' can probe a Var or an OutPort"):
            monitor.probe(target(learner), 3)

    def test_a_var_that_is_not_shareable(self, learner, monitor) -> None:
        with pytest.raises(VarNotSharableError):
            monitor.probe(learner.hidden, 3)
        monitor.probe(learner.v, 1)
        learner.run(lt.RunSteps(1), run_cfg=CFG)
        assert list(monitor.get_data()["learner"]) == ["v"]

    @pytest.mark.parametrize(
        ("num_steps", "error"), [(-1, ValueError), (2.5, TypeError), ("3", TypeError)]
    )
    def test_num_steps(self, learner, monitor, num_steps, error) -> None:
        with pytest.raises(error):
            monitor.probe(learner.v, num_steps)
        assert monitor.get_data() == {}

    def test_the_same_target_again(self, learner, monitor) -> None:
        monitor.probe(learner.v, 3)
        with pytest.raises(ValueError, match=r"'watch' probes 'learner\.v' already"):
            monitor.probe(learner.v, 5)

    def test_after_compile(self, learner, monitor) -> None:
        monitor.probe(learner.v, 3)
        learner.run(lt.RunSteps(1), run_cfg=CFG)
        with pytest.raises(RuntimeError, match=r"'watch' cannot probe 'learner\.w'.*compiled"):
            monitor.probe(learner.w, 3)
        learner.stop()
        monitor.probe(learner.w, 3)


def test_a_run_without_an_end_fills_the_record_and_then_fails(make_chain) -> None:
    chain = make_chain()
    monitor = lt.Monitor()
    monitor.probe(chain.lif.v, 30)
    chain.lif.run(lt.RunContinuous(), run_cfg=chain.cfg())
    chain.lif.runtime._thread.join(timeout=30)
    with pytest.raises(RuntimeError, match="records 30 steps of 'lif.v'.*step 31"):
        chain.lif.wait()
    assert chain.lif.runtime.time_step == 30
    assert monitor.get_data()["lif"]["v"].any()


def test_two_processes_of_one_name_are_refused() -> None:
    monitor = lt.Monitor(name="monitor")
    monitor.probe(lt.LIF(shape=(1,), name="lif").v, 3)
    with pytest.raises(ValueError, match="probes another 'lif.v'.*different names"):
        monitor.probe(lt.LIF(shape=(2,), name="lif").v, 3)


def test_get_data_after_stop_says_when_to_call_it(make_chain) -> None:
    chain = make_chain()
    monitor = lt.Monitor(name="monitor")
    monitor.probe(chain.lif.v, 3)
    chain.lif.run(lt.RunSteps(3), run_cfg=chain.cfg())
    chain.lif.stop()
    with pytest.raises(RuntimeError, match="'monitor' went with stop.*before"):
        monitor.get_data()
