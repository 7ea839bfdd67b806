"""The phases of numpy models, their guards, and their requests to pause or stop."""

from __future__ import annotations

import pytest

import lava_torch as lt
from lava_torch.core import CPU, LoihiProtocol, implements, requires
from lava_torch.model.hosted import PyLoihiProcessModel

CFG = lt.Loihi2SimCfg()
P = PyLoihiProcessModel.Phase


class Logged(lt.AbstractProcess):
    """Logs its phases. `guards` maps "pre", "lrn" and "post" to the steps that have the phase."""

    def __init__(self, calls, name="one", ask=None, **guards):
        super().__init__(calls=calls, guards=guards, name=name, ask=ask)
        self.s_out = lt.OutPort((1,))
        self.a_in = lt.InPort((1,))


@implements(Logged, LoihiProtocol)
@requires(CPU)
class LoggedModel(PyLoihiProcessModel):
    s_out: lt.PyOutPort = lt.LavaPyType(lt.PyOutPort.VEC_DENSE, float)
    a_in: lt.PyInPort = lt.LavaPyType(lt.PyInPort.VEC_DENSE, float)

    def log_call(self, phase):
        params = self.proc_params
        params["calls"].append((self.time_step, params["name"], phase, self.phase))
        if params["ask"] == (phase, self.time_step):
            self._req_pause = True
        if params["ask"] == ("stop in " + phase, self.time_step):
            self._req_stop = True

    def guarded(self, phase):
        return self.time_step in self.proc_params["guards"].get(phase, ())

    def run_spk(self):
        self.log_call("spk")

    def pre_guard(self):
        return self.guarded("pre")

    def lrn_guard(self):
        return self.guarded("lrn")

    def post_guard(self):
        return self.guarded("post")

    def run_pre_mgmt(self):
        self.log_call("pre")

    def run_lrn(self):
        self.log_call("lrn")

    def run_post_mgmt(self):
        self.log_call("post")


def phases_of(calls, step):
    return [(name, phase) for t, name, phase, _ in calls if t == step]


class TestGuards:
    @pytest.mark.parametrize(
        ("guards", "phases"),
        [
            ({}, ["spk"]),
            ({"post": [1]}, ["spk", "post"]),
            ({"lrn": [1]}, ["spk", "lrn"]),
            ({"pre": [1]}, ["spk"]),  # pre-management is a part of learning
            ({"pre": [1], "lrn": [1]}, ["spk", "pre", "lrn"]),
            ({"pre": [1], "lrn": [1], "post": [1]}, ["spk", "pre", "lrn", "post"]),
        ],
    )
    def test_of_one(self, guards, phases):
        process = Logged(calls := [], **guards)
        process.run(lt.RunSteps(2), run_cfg=CFG)
        process.stop()
        assert phases_of(calls, 1) == [("one", phase) for phase in phases]
        assert phases_of(calls, 2) == [("one", "spk")]
        names = {"spk": P.SPK, "pre": P.PRE_MGMT, "lrn": P.LRN, "post": P.POST_MGMT}
        assert all(phase == names[word] for _, _, word, phase in calls)

    def test_a_phase_is_over_before_the_next_begins(self):
        calls = []
        one = Logged(calls, "one", pre=[1], lrn=[1], post=[1])
        two = Logged(calls, "two", lrn=[1], pre=[1])
        one.s_out.connect(two.a_in)
        one.run(lt.RunSteps(1), run_cfg=CFG)
        one.stop()
        found = [phase for _, phase in phases_of(calls, 1)]
        assert found == ["spk", "spk", "pre", "pre", "lrn", "lrn", "post"]

    def test_pre_management_of_one_follows_the_learning_of_another_only_if_that_asks_for_both(self):
        calls = []
        one, two = Logged(calls, "one", lrn=[1]), Logged(calls, "two", pre=[1])
        one.s_out.connect(two.a_in)
        one.run(lt.RunSteps(1), run_cfg=CFG)
        one.stop()
        assert ("two", "pre") not in phases_of(calls, 1)


class TestRequests:
    @pytest.mark.parametrize("phase", ["spk", "post"])
    def test_pause(self, phase):
        process = Logged(calls := [], ask=(phase, 3), post=range(100))
        process.run(lt.RunSteps(10), run_cfg=CFG)
        assert process.runtime.time_step == 3
        assert ("one", "post") in phases_of(calls, 2)
        # It asks for no further phase in that step.
        assert (("one", "post") in phases_of(calls, 3)) == (phase == "post")
        process.run(lt.RunSteps(10), run_cfg=CFG)
        assert process.runtime.time_step == 13
        process.stop()

    def test_others_finish_the_step(self):
        calls = []
        one, two = Logged(calls, "one", ask=("spk", 2)), Logged(calls, "two", post=[2])
        one.s_out.connect(two.a_in)
        one.run(lt.RunSteps(10), run_cfg=CFG)
        one.stop()
        assert phases_of(calls, 2) == [("one", "spk"), ("two", "spk"), ("two", "post")]

    def test_stop(self):
        process = Logged([], ask=("stop in spk", 4))
        process.run(lt.RunSteps(10), run_cfg=CFG)
        assert process.runtime.is_stopped or process.runtime is None

    def test_pause_of_a_run_without_an_end(self):
        process = Logged([], ask=("spk", 500))
        process.run(lt.RunContinuous(), run_cfg=CFG)
        process.wait()
        assert process.runtime.time_step == 500
        process.stop()


def test_time_step_goes_on_over_runs():
    process = Logged(calls := [])
    for steps in (2, 1, 3):
        process.run(lt.RunSteps(steps), run_cfg=CFG)
    process.stop()
    assert [t for t, *_ in calls] == [1, 2, 3, 4, 5, 6]
