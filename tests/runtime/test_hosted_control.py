"""Ctrl-C, and pause, wait and stop from other threads, while networks with numpy models run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from interrupted_worker import KINDS, WAYS, hosted, mixed, with_asynchronous
from numpy_nodes import ONES, asynchronous, numpy_node, pair, receiver
from waiting import wait_until

import lava_torch as lt

CFG = lt.Loihi2SimCfg(dtype="float64")
WORKER = Path(__file__).with_name("interrupted_worker.py")


@pytest.fixture(scope="module")
def reports() -> dict[tuple[str, str], dict]:
    done = subprocess.run(
        [sys.executable, str(WORKER)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    found = map(json.loads, done.stdout.splitlines())
    return {(one["kind"], one.get("way")): one for one in found}


class TestCtrlC:
    @pytest.mark.parametrize("way", [way.__name__ for way in WAYS])
    @pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
    def test_ends_after_a_whole_step_and_a_run_goes_on(self, reports, kind, way) -> None:
        found = reports[kind, way]
        steps = found["steps"]
        assert found["interrupted"] and 100 < steps < 10**9
        assert found["counted"] == [steps, steps]
        assert found["later"] == steps + 7
        assert found["counted_later"] == [steps + 7, steps + 7]

    def test_the_second_one_breaks_off_a_step_that_does_not_end(self, reports) -> None:
        found = reports["stuck", None]
        assert found["interrupted"] and found["steps"] == 0 and found["later"] == 2

    def test_asynchronous_models_are_told_to_end(self, reports) -> None:
        found = reports["only_asynchronous", None]
        assert found["interrupted"] and found["counted"] > 100 and found["again"]


MADE = [hosted, mixed, with_asynchronous]


@pytest.fixture(params=MADE, ids=lambda make: make.__name__)
def network(request):
    process, var = request.param()
    process.run(lt.RunSteps(1), run_cfg=CFG)
    yield process, var
    process.stop()


def counts(process: lt.AbstractProcess, var: lt.Var) -> int:
    """The time step, which the state must agree with."""
    steps = process.runtime.time_step
    np.testing.assert_array_equal(var.get(), ONES * steps)
    return steps


class TestOtherThreads:
    @pytest.mark.parametrize("end", ["pause", "stop"])
    def test_end_a_blocking_run(self, network, end) -> None:
        process, var = network
        runtime = process.runtime
        ended = []

        def other() -> None:
            wait_until(lambda: runtime.time_step > 50)
            getattr(process, end)()
            ended.append(runtime.time_step)

        thread = threading.Thread(target=other)
        thread.start()
        process.run(lt.RunSteps(10**9))
        thread.join()
        assert 50 < runtime.time_step == ended[0] < 10**9
        assert runtime.is_stopped == (end == "stop")
        if end == "pause":
            steps = counts(process, var)
            process.run(lt.RunSteps(5))
            assert counts(process, var) == steps + 5

    def test_wait_for_a_blocking_run(self, network) -> None:
        process, _ = network
        begun, seen = threading.Event(), []

        def other() -> None:
            wait_until(lambda: process.runtime.time_step > 1)
            begun.set()
            process.wait()
            seen.append(process.runtime.time_step)

        thread = threading.Thread(target=other)
        thread.start()
        process.run(lt.RunSteps(2000))
        thread.join()
        assert begun.is_set() and seen == [2001]

    def test_two_pause_a_run_aside(self, network) -> None:
        process, var = network
        process.run(lt.RunContinuous())
        wait_until(lambda: process.runtime.time_step > 50)
        assert var.get() is None
        threads = [threading.Thread(target=process.pause) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        steps = counts(process, var)
        process.run(lt.RunSteps(5))
        assert counts(process, var) == steps + 5

    def test_runs_on_another_thread_each(self, network) -> None:
        """Tasks belong to the thread that made them; each run makes its own."""
        process, var = network
        for number in range(3):
            thread = threading.Thread(target=process.run, args=(lt.RunSteps(4),))
            thread.start()
            thread.join()
            process.run(lt.RunSteps(2, blocking=False))
            process.wait()
            assert counts(process, var) == 1 + 6 * (number + 1)

    def test_a_second_run_is_refused(self, network) -> None:
        process, var = network
        process.run(lt.RunContinuous())
        with pytest.raises(RuntimeError, match="A run is on already"):
            process.run(lt.RunSteps(1))
        process.pause()
        counts(process, var)


class TestModelsThatEndTheRun:
    """`_req_pause`, `_req_stop`, and the public calls, made by a model within its step."""

    def make(self, method):
        def run(self):
            self.inp.recv()
            self.state = self.state + 1
            if self.time_step == 3:
                method(self)

        return pair(run_spk=run)[1]

    @pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "aside"])
    def test_pause(self, blocking) -> None:
        process = self.make(lambda self: setattr(self, "_req_pause", True))
        process.run(lt.RunSteps(10**9, blocking=blocking), run_cfg=CFG)
        process.wait()
        assert counts(process, process.state) == 3
        process.run(lt.RunSteps(2))
        assert counts(process, process.state) == 5
        process.stop()

    @pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "aside"])
    def test_stop(self, blocking) -> None:
        process = self.make(lambda self: setattr(self, "_req_stop", True))
        process.run(lt.RunSteps(10**9, blocking=blocking), run_cfg=CFG)
        runtime = process.runtime
        wait_until(lambda: runtime.is_stopped)
        process.wait()
        assert runtime.time_step == 3
        process.run(lt.RunSteps(2))  # afresh
        assert counts(process, process.state) == 2
        process.stop()

    @pytest.mark.parametrize("call", ["pause", "stop"])
    def test_the_public_calls(self, call) -> None:
        process = self.make(lambda self: getattr(process, call)())
        process.run(lt.RunSteps(10**9), run_cfg=CFG)
        assert process.runtime.time_step == 3
        process.stop()


def test_a_run_within_a_run_is_refused() -> None:
    process = numpy_node("inner", run_spk=lambda self: process.run(lt.RunSteps(1)))
    with pytest.raises(RuntimeError, match="Process 'inner'.*A run is on already"):
        process.run(lt.RunSteps(1), run_cfg=CFG)
    process.stop()


def test_asynchronous_models_finish_the_step_in_which_a_pause_comes() -> None:
    """Another model may wait for their answer when they are asked to end."""

    def answer(self):
        for _ in range(10**9):
            if self.check_for_stop_cmd():
                return
            self.out.send(self.inp.recv())

    def ask_twice(self):
        for _ in range(2):
            self.out.send(ONES)
            self.inp.recv()
            if self.time_step % 5 == 0:
                process.runtime._control.request()  # what pause() does, in the middle of a step

    first = asynchronous("first", ins=["inp"], outs=["out"], run_async=answer)
    process = numpy_node("process", ins=["inp"], outs=["out"], run_spk=ask_twice)
    first.out.connect(process.inp)
    process.out.connect(first.inp)
    for number in range(1, 5):
        process.run(lt.RunContinuous(), run_cfg=CFG)
        process.wait()
        assert process.runtime.time_step == 5 * number
    process.stop()


@pytest.mark.parametrize("end", ["pause", "stop"])
def test_asynchronous_models_that_never_look_are_ended(end, caplog) -> None:
    def send(self):
        while True:
            self.out.send(ONES)

    def receive(self):
        while True:
            self.state = self.state + self.inp.recv()

    first = asynchronous("first", outs=["out"], run_async=send)
    second = asynchronous("second", ins=["inp"], run_async=receive)
    first.out.connect(second.inp)
    first.run(lt.RunContinuous(), run_cfg=CFG)
    model = first.runtime.network.models["second"].hosted
    wait_until(lambda: model.state[0] > 1000)
    with caplog.at_level("WARNING", "lava_torch"):
        getattr(first, end)()
    assert "'first', 'second'" in caplog.text and "check_for_pause_cmd()" in caplog.text
    first.stop()


def test_asynchronous_models_know_the_steps_of_the_whole_run() -> None:
    """Also where the runtime stops on the way, as it does for a checkpoint or a logger."""
    told = []

    def send(self):
        told.append(self.num_steps)
        for _ in range(self.num_steps):
            self.out.send(ONES)

    first = asynchronous("first", outs=["out"], run_async=send)
    last = receiver("last")
    first.out.connect(last.inp)
    last.create_runtime(CFG)
    last.runtime.stepper.chunk = 10
    last.run(lt.RunSteps(35))
    last.run(lt.RunSteps(5))
    assert last.runtime.time_step == 40 and told == [35, 5]
    last.stop()


def test_an_asynchronous_network_pauses_and_goes_on() -> None:
    def until_told(self):
        while not self.check_for_pause_cmd():
            self.state = self.state + 1

    process = asynchronous("free", run_async=until_told)
    process.run(lt.RunContinuous(), run_cfg=CFG)
    model = process.runtime.network.models["free"].hosted
    wait_until(lambda: model.state[0] > 100)
    process.pause()
    paused = process.state.get()[0]
    assert paused == model.state[0] > 100
    process.run(lt.RunContinuous())
    wait_until(lambda: model.state[0] > paused + 100)
    process.stop()
