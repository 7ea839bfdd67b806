"""Runs: blocking or not, paused, resumed, stopped; Var access; errors."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest
import torch
from waiting import wait_until

import lava_torch as lt
from lava_torch.core import implements, tag


class Counter(lt.AbstractProcess):
    """Counts its steps; its model can be told to fail."""

    def __init__(self, fail_at: int = 0, phase: str = "spiking", name: str = "counter") -> None:
        super().__init__(fail_at=fail_at, phase=phase, name=name)
        self.s_out = lt.OutPort((1,))
        self.count = lt.Var((1,), 0)


@implements(Counter)
@tag("floating_pt", "fixed_pt")
class CounterModel(lt.TorchProcessModel):
    def emit(self):
        self.count = self.count + 1
        self.fail("spiking")
        return self.count

    def learn(self):
        self.fail("learning")

    def manage(self):
        self.fail("post-management")

    def fail(self, phase):
        params = self.proc_params
        if params["phase"] == phase and int(self.time_step) == params["fail_at"]:
            raise KeyError("deliberate")


@pytest.fixture
def counter():
    process = Counter()
    yield process
    process.stop()


CFG = lt.Loihi2SimCfg()


class TestRuns:
    def test_resume_goes_on(self, chain, make_chain) -> None:
        for steps in (3, 1, 16):
            chain.lif.run(lt.RunSteps(steps), run_cfg=chain.cfg())
        whole = make_chain(fixed=chain.tag == "fixed_pt")
        whole.lif.run(lt.RunSteps(20), run_cfg=whole.cfg())
        np.testing.assert_array_equal(chain.sink.data.get(), whole.sink.data.get())
        np.testing.assert_array_equal(chain.lif.u.get(), whole.lif.u.get())

    def test_a_second_run_does_not_compile(self, counter) -> None:
        counter.run(lt.RunSteps(2), run_cfg=CFG)
        network, model = counter.runtime.network, counter.model
        counter.run(lt.RunSteps(2))
        assert counter.runtime.network is network
        assert counter.model is model is network.counter
        assert counter.model_class is CounterModel

    def test_zero_steps_return_at_once(self, counter) -> None:
        counter.run(lt.RunSteps(0), run_cfg=CFG)
        assert counter.runtime.time_step == 0

    def test_time_step_is_on_the_device(self, counter) -> None:
        counter.run(lt.RunSteps(5), run_cfg=CFG)
        assert counter.runtime.network.clock.time_step.dtype == torch.int64
        assert counter.runtime.time_step == int(counter.count.get()[0]) == 5

    def test_after_stop_a_run_starts_afresh(self, counter) -> None:
        counter.run(lt.RunSteps(5), run_cfg=CFG)
        counter.stop()
        with pytest.raises(RuntimeError, match="stopped"):
            counter.count.get()
        counter.run(lt.RunSteps(2))
        assert counter.count.get()[0] == 2

    def test_stop_twice(self, counter) -> None:
        counter.run(lt.RunSteps(1), run_cfg=CFG)
        counter.stop()
        counter.stop()

    def test_reset(self, chain) -> None:
        chain.lif.run(lt.RunSteps(20), run_cfg=chain.cfg())
        first = chain.sink.data.get()
        chain.lif.runtime.reset()
        assert chain.lif.runtime.time_step == 0
        assert not chain.lif.v.get().any() and not chain.sink.data.get().any()
        chain.lif.run(lt.RunSteps(20))
        np.testing.assert_array_equal(chain.sink.data.get(), first)

    def test_reset_keeps_inputs_and_parameters(self, chain) -> None:
        chain.lif.run(lt.RunSteps(2), run_cfg=chain.cfg())
        chain.source.data.set(np.zeros((7, 20)))
        chain.lif.vth.set(3)
        chain.lif.runtime.reset()
        assert not chain.source.data.get().any()
        assert chain.lif.vth.get()[0] == 3

    def test_run_of_a_trained_network(self, make_chain) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg(trainable=True))
        with torch.no_grad():
            network.dense.weights.mul_(0)
        chain.lif.create_runtime(executable=network)
        chain.lif.run(lt.RunSteps(20))
        assert not chain.sink.data.get().any()

    def test_executable_of_another_type(self, make_chain) -> None:
        with pytest.raises(TypeError, match="'lif' needs what compile"):
            make_chain().lif.create_runtime(CFG, executable="network")

    def test_compile_then_create_runtime(self, counter) -> None:
        executable = counter.compile(CFG)
        assert counter.is_compiled and isinstance(executable, lt.Executable)
        counter.create_runtime(executable=executable)
        counter.run(lt.RunSteps(4))
        assert counter.count.get()[0] == 4

    def test_context_manager_stops(self) -> None:
        counter = Counter()
        with counter:
            counter.run(lt.RunSteps(1), run_cfg=CFG)
            runtime = counter.runtime
        assert runtime.is_stopped


class TestNonBlocking:
    def test_run_steps(self, counter) -> None:
        counter.run(lt.RunSteps(50, blocking=False), run_cfg=CFG)
        assert counter.count.get() is None
        counter.count.set(np.array([100]))
        counter.wait()
        assert counter.count.get()[0] == 50

    def test_continuous_pauses_and_resumes(self, counter) -> None:
        counter.run(lt.RunContinuous(), run_cfg=CFG)
        wait_until(lambda: counter.runtime.time_step > 3)
        counter.pause()
        paused = counter.runtime.time_step
        assert counter.count.get()[0] == paused > 3
        time.sleep(0.02)
        assert counter.runtime.time_step == paused
        counter.run(lt.RunSteps(5))
        assert counter.count.get()[0] == paused + 5
        counter.run(lt.RunContinuous())
        wait_until(lambda: counter.runtime.time_step > paused + 10)
        counter.stop()

    def test_pause_of_a_blocking_run_from_another_thread(self, counter) -> None:
        counter.run(lt.RunSteps(1), run_cfg=CFG)
        paused_at = []

        def pause():
            counter.pause()
            paused_at.append(counter.runtime.time_step)

        timer = threading.Timer(0.05, pause)
        timer.start()
        counter.run(lt.RunSteps(10**9))
        timer.join()
        assert 1 < counter.runtime.time_step == paused_at[0] < 10**9

    def test_stop_of_a_blocking_run_from_another_thread(self, counter) -> None:
        counter.run(lt.RunSteps(1), run_cfg=CFG)
        runtime = counter.runtime
        timer = threading.Timer(0.05, counter.stop)
        timer.start()
        counter.run(lt.RunSteps(10**9))
        timer.join()
        assert runtime.is_stopped
        assert 1 < runtime.time_step < 10**9

    def test_wait_and_pause_when_nothing_runs(self, counter) -> None:
        counter.wait()
        counter.run(lt.RunSteps(1), run_cfg=CFG)
        counter.wait()
        counter.pause()
        assert counter.count.get()[0] == 1

    def test_a_second_run_is_refused(self, counter) -> None:
        counter.run(lt.RunContinuous(), run_cfg=CFG)
        with pytest.raises(RuntimeError, match="wait\\(\\) for it or pause"):
            counter.run(lt.RunSteps(1))
        with pytest.raises(RuntimeError, match="reset while a run is on"):
            counter.runtime.reset()

    def test_threads_end_with_stop(self) -> None:
        before = threading.active_count()
        for _ in range(5):
            counter = Counter()
            counter.run(lt.RunContinuous(), run_cfg=CFG)
            counter.stop()
        assert threading.active_count() == before


class TestErrors:
    @pytest.mark.parametrize("phase", ["spiking", "learning", "post-management"])
    def test_name_process_and_phase(self, phase) -> None:
        counter = Counter(fail_at=3, phase=phase, name="bad")
        with pytest.raises(RuntimeError, match=f"Process 'bad'.*{phase}.*time step 3") as caught:
            counter.run(lt.RunSteps(10), run_cfg=CFG)
        assert type(caught.value) is RuntimeError
        assert "1 Exception(s) occurred" in str(caught.value)
        assert isinstance(caught.value.__cause__, KeyError)
        # the state is that of the last finished step, and the network can still be used
        assert counter.count.get()[0] == 2
        assert counter.runtime.time_step == 2
        counter.proc_params.overwrite("fail_at", 0)
        counter.run(lt.RunSteps(3))
        assert counter.count.get()[0] == 5
        counter.stop()

    @pytest.mark.parametrize("end", ["wait", "pause"])
    def test_reach_the_caller_of_wait_and_pause(self, end) -> None:
        counter = Counter(fail_at=3)
        counter.run(lt.RunContinuous(), run_cfg=CFG)
        wait_until(lambda: not counter.runtime._thread.is_alive())
        with pytest.raises(RuntimeError, match="time step 3"):
            getattr(counter, end)()
        counter.stop()

    def test_stop_works_after_an_error_aside(self) -> None:
        counter = Counter(fail_at=1)
        counter.run(lt.RunContinuous(), run_cfg=CFG)
        counter.stop()

    def test_a_state_of_another_shape(self) -> None:
        class Grows(lt.AbstractProcess):
            def __init__(self):
                super().__init__(name="grows")
                self.x = lt.Var((2,), 0)

        @implements(Grows)
        class GrowsModel(lt.TorchProcessModel):
            def absorb(self):
                self.x = torch.zeros(3)

        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Grows: GrowsModel})
        with pytest.raises(RuntimeError, match=r"Var 'x' of Process 'grows'.*\(3,\).*\(2,\)"):
            Grows().run(lt.RunSteps(1), run_cfg=cfg)

    def test_no_run_config(self) -> None:
        with pytest.raises(ValueError, match="needs a run config"):
            Counter().run(lt.RunSteps(1))

    def test_errors_of_construction_reach_the_caller(self) -> None:
        class Broken(lt.AbstractProcess):
            pass

        class BrokenModel(lt.TorchProcessModel):
            def __init__(self, proc_params):
                raise ZeroDivisionError("in the constructor")

            def emit(self):
                return None

        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Broken: implements(Broken)(BrokenModel)})
        process = Broken()
        with pytest.raises(ZeroDivisionError):
            process.run(lt.RunSteps(1), run_cfg=cfg)
        assert not process.is_compiled


class TestVars:
    def test_get_is_float64(self, chain) -> None:
        chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg())
        for var in (chain.lif.v, chain.lif.vth, chain.dense.weights, chain.sink.data):
            assert var.get().dtype == np.float64

    def test_get_is_a_copy(self, chain) -> None:
        chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg())
        chain.lif.v.get()[:] = 99
        assert not (chain.lif.v.get() == 99).any()

    def test_set_between_steps_is_seen(self, chain) -> None:
        chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg())
        chain.lif.v.set(np.full(5, 1e6))
        chain.lif.run(lt.RunSteps(1))
        np.testing.assert_array_equal(chain.sink.data.get()[:, 1], np.ones(5))

    @pytest.mark.parametrize(
        ("value", "idx", "want"),
        [
            (3, None, [3, 3, 3, 3, 3]),
            (np.arange(5), None, [0, 1, 2, 3, 4]),
            (7, 0, [7, 0, 0, 0, 0]),
            ([8, 9], [1, 3], [0, 8, 0, 9, 0]),
            (np.array([5, 6]), slice(2, 4), [0, 0, 5, 6, 0]),
        ],
        ids=["scalar", "array", "index-0", "indices", "slice"],
    )
    def test_set_with_index(self, make_chain, value, idx, want) -> None:
        chain = make_chain()
        chain.lif.create_runtime(chain.cfg())
        chain.lif.v.set(value, idx)
        np.testing.assert_array_equal(chain.lif.v.get(), want)
        np.testing.assert_array_equal(
            chain.lif.v.get(idx), np.asarray(want)[... if idx is None else idx]
        )

    def test_floats_are_truncated_in_fixed_point(self, make_chain) -> None:
        chain = make_chain(fixed=True)
        chain.lif.create_runtime(chain.cfg())
        chain.lif.v.set(np.array([5.7, -5.7, 0, 1, 2]))
        np.testing.assert_array_equal(chain.lif.v.get(), [5, -5, 0, 1, 2])

    @pytest.mark.parametrize(
        ("value", "idx", "error"),
        [
            (np.zeros(4), None, ValueError),
            (np.zeros((5, 5)), None, ValueError),
            (1, 5, IndexError),
            ("five", None, ValueError),
        ],
        ids=["short", "2-d", "index", "str"],
    )
    def test_bad_set_changes_nothing(self, make_chain, value, idx, error) -> None:
        chain = make_chain()
        chain.lif.create_runtime(chain.cfg())
        chain.lif.v.set(np.arange(5))
        with pytest.raises(error, match=r"'v' of Process 'lif'.*\(5,\)"):
            chain.lif.v.set(value, idx)
        np.testing.assert_array_equal(chain.lif.v.get(), np.arange(5))

    def test_get_out_of_range(self, chain) -> None:
        chain.lif.create_runtime(chain.cfg())
        with pytest.raises(IndexError, match=r"'lif.v' of shape \(5,\) at index 9"):
            chain.lif.v.get(9)

    def test_model(self, chain) -> None:
        assert chain.lif.v.model is None
        chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg())
        assert chain.lif.v.model is chain.lif.model is chain.lif.runtime.network.lif


def test_ctrl_c_while_a_run_begins(counter, monkeypatch) -> None:
    """It comes when the thread is known, so that the run can be paused."""
    start = threading.Thread.start

    def interrupted(thread):
        start(thread)
        signal.raise_signal(signal.SIGINT)

    counter.run(lt.RunSteps(1), run_cfg=CFG)
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        counter.run(lt.RunContinuous())
    monkeypatch.undo()
    assert counter.runtime.is_running
    counter.pause()
    reached = counter.runtime.time_step
    counter.run(lt.RunSteps(5))
    assert counter.runtime.time_step == reached + 5


class TestLavaNames:
    """Lava's runtime is asked for Vars by their ids."""

    def test_get_and_set(self, counter) -> None:
        counter.run(lt.RunSteps(3), run_cfg=CFG)
        runtime, var = counter.runtime, counter.count
        np.testing.assert_array_equal(runtime.get_var(var.id), [3])
        runtime.set_var(var.id, np.array([7]))
        assert runtime.get_var(var.id, 0) == counter.count.get()[0] == 7
        with pytest.raises(ValueError, match=r"has the id 12345; its Processes are \['counter'\]"):
            runtime.get_var(12345)

    def test_made_of_an_executable(self, counter) -> None:
        runtime = lt.Runtime(exe=counter.compile(CFG), message_infrastructure_type=None)
        runtime.initialize()
        runtime.start(run_condition=lt.RunSteps(num_steps=4))
        assert counter.count.get() == [4]
        counter.run(lt.RunSteps(2))
        assert runtime.get_var(counter.count.id) == [6]
        runtime.stop()
        counter.run(lt.RunSteps(3), run_cfg=CFG)
        assert counter.count.get() == [3]
        counter.stop()

    def test_made_of_an_executable_in_a_with(self, counter) -> None:
        with lt.Runtime(counter.compile(CFG), None) as runtime:
            runtime.start(lt.RunSteps(2))
            with pytest.raises(RuntimeError, match="'counter' has a runtime already"):
                lt.Runtime(runtime.network).initialize()
        assert runtime.is_stopped and not counter.is_compiled

    def test_made_of_anything_else(self, counter) -> None:
        with pytest.raises(TypeError, match=r"needs what compile\(\) returned, .* got Counter"):
            lt.Runtime(counter)

    def test_of_what_is_on(self, counter) -> None:
        counter.run(lt.RunContinuous(), run_cfg=CFG)
        runtime = counter.runtime
        assert runtime._is_initialized and runtime._is_started and runtime._is_running
        counter.stop()
        assert not runtime._is_running and not runtime._is_started
