"""Numpy models that wait for what will not come."""

from __future__ import annotations

import pytest
from numpy_nodes import ONES, always, asynchronous, fails, numpy_node, pair, receiver, sender

import lava_torch as lt
from lava_torch.runtime.crew import DeadlockError

CFG = lt.Loihi2SimCfg()
pytestmark = pytest.mark.usefixtures("no_task_is_left")


def _recv_first(self):
    message = self.inp.recv()
    self.out.send(message)


def receive_both_first():
    a, b = (numpy_node(n, ins=["inp"], outs=["out"], run_spk=_recv_first) for n in "ab")
    a.out.connect(b.inp)
    b.out.connect(a.inp)
    return a, ["a message of 'b.out' at 'a.inp'", "a message of 'a.out' at 'b.inp'"]


def silent_in_a_branch():
    def run(self):
        if self.time_step != 3:
            self.out.send(ONES)

    a, b = sender("a", run_spk=run), receiver("b")
    a.out.connect(b.inp)
    return a, ["time step 3", "a message of 'a.out' at 'b.inp'"]


def a_read_in_the_spiking_phase():
    a = numpy_node("a", refs=["ref"], run_spk=lambda self: self.ref.read())
    a.ref.connect_var(numpy_node("b").state)
    return a, ["RefPort 'a.ref' to read Var 'b.state'", "not in other phases"]


def a_read_in_the_learning_phase():
    a = numpy_node("a", refs=["ref"], lrn_guard=always, run_lrn=lambda self: self.ref.read())
    a.ref.connect_var(numpy_node("b").state)
    return a, ["RefPort 'a.ref' to read Var 'b.state'"]


def two_reads_of_each_other():
    def manage(self):
        self.ref.read()

    a, b = (
        numpy_node(n, refs=["ref"], post_guard=always, run_post_mgmt=manage) for n in ("a", "b")
    )
    a.ref.connect_var(b.state)
    b.ref.connect_var(a.state)
    return a, ["RefPort 'a.ref' to read Var 'b.state'", "RefPort 'b.ref' to read Var 'a.state'"]


def an_endless_chain():
    def run(self):
        while True:
            self.out.send(ONES)

    a, b = sender("a", run_spk=run), receiver("b")
    a.out.connect(b.inp)
    return a, ["'b.inp' to receive one of 64 messages of 'a.out'"]


def one_that_never_receives():
    a, b = sender("a"), receiver("b", run_spk=lambda self: None)
    a.out.connect(b.inp)
    return a, ["time step 65", "'b.inp' to receive one of 64 messages of 'a.out'"]


def a_compiled_model_that_waits():
    a, b = sender("a", run_spk=lambda self: None), lt.LIF(shape=(2,), name="lif")
    a.out.connect(b.a_in)
    return a, ["a message of 'a.out' at 'lif.a_in'"]


def a_loop_through_compiled_models():
    lif = lt.LIF(shape=(2,), name="lif")
    a = numpy_node("a", ins=["inp"], outs=["out"], run_spk=_recv_first)
    a.out.connect(lif.a_in)
    lif.s_out.connect(a.inp)
    return a, ["a message of 'lif.s_out' at 'a.inp'", "a message of 'a.out' at 'lif.a_in'"]


def two_async_that_receive_first():
    a, b = (asynchronous(n, ins=["inp"], outs=["out"], run_async=_recv_first) for n in "ab")
    a.out.connect(b.inp)
    b.out.connect(a.inp)
    return a, ["a message of 'b.out' at 'a.inp'", "a message of 'a.out' at 'b.inp'"]


DEADLOCKS = [
    receive_both_first, silent_in_a_branch, a_read_in_the_spiking_phase,
    a_read_in_the_learning_phase, two_reads_of_each_other, an_endless_chain,
    one_that_never_receives, a_compiled_model_that_waits, a_loop_through_compiled_models,
    two_async_that_receive_first,
]  # fmt: skip


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "aside"])
@pytest.mark.parametrize("make", DEADLOCKS, ids=lambda make: make.__name__)
def test_a_deadlock_names_who_waits_for_what(make, blocking) -> None:
    process, words = make()
    for _ in range(2):  # a second run is refused in the same words
        error = fails(process, lt.RunSteps(100, blocking=blocking))
        assert type(error) is RuntimeError and isinstance(error.__cause__, DeadlockError)
        for word in words:
            assert word in str(error)
        assert "Process '" not in str(error).partition("DeadlockError")[0]
    process.stop()


def test_a_guard_that_receives_is_told_that_it_cannot_wait() -> None:
    process, _ = pair(run_spk=lambda self: None, post_guard=lambda self: self.inp.recv().any())
    lonely = receiver("lonely", run_spk=lambda self: None, post_guard=lambda self: self.inp.recv())
    silent = sender("silent", run_spk=lambda self: None)
    silent.out.connect(lonely.inp)
    error = fails(silent)
    assert "Process 'lonely' (LonelyModel), post_guard of the post-management phase" in str(error)
    assert "not in a guard" in str(error)
    silent.stop()
    process.run(lt.RunSteps(2), run_cfg=CFG)  # one whose message is there already does not wait
    process.stop()
