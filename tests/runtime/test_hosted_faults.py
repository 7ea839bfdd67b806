"""Numpy models that raise, or send what they must not."""

from __future__ import annotations

import logging
import re
import sys
import traceback

import numpy as np
import pytest
from numpy_nodes import ONES, always, asynchronous, fails, numpy_node, pair, receiver, sender

import lava_torch as lt
from lava_torch.runtime.crew import DeadlockError

CFG = lt.Loihi2SimCfg()
pytestmark = pytest.mark.usefixtures("no_task_is_left")


class Fault(Exception):
    pass


def _nothing(self) -> None:
    pass


def raises(error: BaseException, step: int = 3, otherwise=_nothing):
    """A method that raises in one step, the first time that it comes to it."""
    raised = []

    def method(self):
        if self.time_step == step and not raised:
            raised.append(True)
            raise error
        return otherwise(self)

    return method


PHASES = {
    "run_spk": ({}, "spiking phase"),
    "run_pre_mgmt": ({"pre_guard": always, "lrn_guard": always}, "pre-management phase"),
    "run_lrn": ({"lrn_guard": always}, "learning phase"),
    "run_post_mgmt": ({"post_guard": always}, "post-management phase"),
    "pre_guard": ({"lrn_guard": always}, "pre_guard of the pre-management phase"),
    "lrn_guard": ({}, "lrn_guard of the learning phase"),
    "post_guard": ({}, "post_guard of the post-management phase"),
}


def _send(self) -> None:
    self.out.send(ONES)


#: What a method does where it does not raise.
SENDS = {method: _send if method == "run_spk" else _nothing for method in PHASES}


class TestExceptions:
    @pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "aside"])
    @pytest.mark.parametrize("method", PHASES)
    def test_name_process_model_and_phase(self, method, blocking) -> None:
        guards, phase = PHASES[method]
        fault = Fault("deliberate")
        other = receiver("other", post_guard=always, lrn_guard=always)
        bad = sender("bad", **{"run_spk": _send, **guards, method: raises(fault, 3, SENDS[method])})
        bad.out.connect(other.inp)
        error = fails(bad, lt.RunSteps(5, blocking=blocking))
        assert type(error) is RuntimeError
        wanted = f"1 Exception(s) occurred: Process 'bad' (BadModel), {phase}, time step 3: "
        assert str(error).startswith(wanted + "Fault: deliberate. ")
        assert error.__cause__ is fault
        frames = traceback.extract_tb(fault.__traceback__)
        assert (frames[-1].name, frames[-1].filename) == ("method", __file__)
        assert bad.runtime.time_step == 2
        # the step is begun again, and the network goes on
        bad.run(lt.RunSteps(3))
        assert bad.runtime.time_step == 5
        bad.stop()

    def test_a_compiled_and_a_numpy_model_each_name_their_own(self) -> None:
        lif = lt.LIF(shape=(2,), name="lif")
        bad = sender("bad", run_spk=lambda self: self.out.send([np.nan, 0]))
        bad.out.connect(lif.a_in)
        good = receiver("good", post_guard=raises(Fault("late")))
        lif.s_out.connect(good.inp)
        error = fails(lif)
        assert "Process 'good' (GoodModel), post_guard" in str(error)
        lif.stop()

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=["exit", "ctrl-c"])
    @pytest.mark.parametrize("kind", ["phases", "async"])
    @pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "aside"])
    def test_what_ends_the_program_reaches_the_caller(self, error, kind, blocking) -> None:
        def run(self):
            if self.proc_params.get("name") == "bad" and not raised:
                raised.append(True)
                raise error

        raised: list[bool] = []
        bad = (
            numpy_node("bad", run_spk=run)
            if kind == "phases"
            else asynchronous("bad", run_async=run)
        )
        assert fails(bad, lt.RunSteps(2, blocking=blocking), type(error)) is error
        bad.run(lt.RunSteps(2))
        assert bad.runtime.time_step == 2
        bad.stop()

    @pytest.mark.parametrize("error", [Fault("made"), SystemExit(3)], ids=["exception", "exit"])
    def test_a_constructor(self, error) -> None:
        def construct(self, proc_params):
            raise error

        bad = numpy_node("bad", __init__=construct)
        assert fails(bad, error=type(error)) is error
        assert bad.runtime is None and not bad.is_compiled

    @pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "aside"])
    def test_numpy_errors_are_as_the_caller_set_them(self, blocking) -> None:
        def divide(self):
            self.state = ONES / self.state

        bad = numpy_node("bad", run_spk=divide)
        with np.errstate(divide="raise"):
            error = fails(bad, lt.RunSteps(1, blocking=blocking))
        assert isinstance(error.__cause__, FloatingPointError)
        with np.errstate(divide="ignore"):
            bad.run(lt.RunSteps(1, blocking=blocking))
            bad.wait()
        assert np.isinf(bad.state.get()).all()
        bad.stop()

    def test_a_var_update(self) -> None:
        bad = numpy_node("bad", on_var_update=lambda self: 1 / 0)
        bad.run(lt.RunSteps(1), run_cfg=CFG)
        with pytest.raises(ZeroDivisionError):
            bad.state.set(3)
        bad.run(lt.RunSteps(1))
        bad.stop()


class TestMessagesOfAFailedStep:
    """The step is done again: what it had sent does not come twice, and nothing is lost."""

    @pytest.mark.parametrize("place", ["before", "after"])
    def test_between_numpy_models(self, place) -> None:
        fault = raises(Fault())

        def run(self):
            if place == "before":
                fault(self)
            self.state = self.inp.recv()
            if place == "after":
                fault(self)

        first, second = pair(run_spk=run)
        fails(second)
        second.run(lt.RunSteps(3))
        assert second.runtime.time_step == 5
        np.testing.assert_array_equal(second.state.get(), ONES * 5)
        second.stop()

    def test_that_was_waiting_before_the_step(self) -> None:
        """The receiver is a step behind, so that a message waits between steps."""
        fault = raises(Fault())

        def run(self):
            fault(self)
            if self.time_step > 1:
                self.state = self.inp.recv()
            fault(self)

        first, second = pair(run_spk=run)
        fails(second)
        second.run(lt.RunSteps(3))
        np.testing.assert_array_equal(second.state.get(), ONES * 4)
        second.stop()

    def test_across_compiled_models(self) -> None:
        first = sender()
        dense = lt.Dense(weights=np.eye(2), num_message_bits=8, name="dense")
        fault = raises(Fault())

        def run(self):
            self.state = self.inp.recv()
            fault(self)

        last = receiver(run_spk=run)
        first.out.connect(dense.s_in)
        dense.a_out.connect(last.inp)
        fails(last)
        last.run(lt.RunSteps(3))
        np.testing.assert_array_equal(last.state.get(), ONES * 4)  # a connection takes a step
        last.stop()

    def test_writes_that_wait(self) -> None:
        def run(self):
            self.ref.write(ONES * self.time_step)
            fault(self)

        fault = raises(Fault())
        writer = numpy_node("writer", refs=["ref"], run_spk=run)
        target = numpy_node("target")
        writer.ref.connect_var(target.state)
        fails(writer)
        assert len(writer.model.hosted.ref.var.server.waiting) == 2
        np.testing.assert_array_equal(target.state.get(), ONES * 0)
        writer.run(lt.RunSteps(1))
        np.testing.assert_array_equal(target.state.get(), ONES * 3)
        writer.stop()


class TestMessages:
    @pytest.mark.parametrize(
        ("message", "words"),
        [
            (np.ones(3), r"sends messages of shape \(2,\).*sent one of shape \(3,\)"),
            (1.0, r"sends messages of shape \(2,\).*sent one of shape \(\)"),
            ("text", "could not convert string"),
            (None, r"shape|NoneType"),
        ],
        ids=["shape", "scalar", "text", "none"],
    )
    def test_of_a_wrong_kind(self, message, words) -> None:
        bad, other = sender("bad", run_spk=lambda self: self.out.send(message)), receiver()
        bad.out.connect(other.inp)
        error = fails(bad)
        assert "Process 'bad' (BadModel), spiking phase, time step 1" in str(error)
        assert re.search(words, str(error)) and isinstance(error.__cause__, (ValueError, TypeError))
        bad.stop()

    def test_a_write_of_a_wrong_shape(self) -> None:
        bad = numpy_node(
            "bad", refs=["ref"], post_guard=always,
            run_post_mgmt=lambda self: self.ref.write(np.ones((2, 2))),
        )  # fmt: skip
        bad.ref.connect_var(numpy_node("target").state)
        assert "RefPort 'bad.ref' has shape (2,); its model wrote an array of shape (2, 2)" in str(
            fails(bad)
        )
        bad.stop()

    def test_a_write_that_a_compiled_model_refuses_names_the_ref_port(self) -> None:
        lif = lt.LIF(shape=(2,), name="lif")
        cfg = lt.Loihi2SimCfg(select_tag="fixed_pt")

        class Writer(lt.AbstractProcess):
            def __init__(self):
                super().__init__(name="writer")
                self.ref = lt.RefPort((2,))

        @lt.core.implements(Writer)
        @lt.core.tag("fixed_pt")
        class WriterModel(lt.PyLoihiProcessModel):
            ref = lt.LavaPyType(lt.PyRefPort.VEC_DENSE, float)

            def run_spk(self):
                self.ref.write([np.nan, 1])

        writer = Writer()
        writer.ref.connect_var(lif.v)
        with pytest.raises(RuntimeError, match="'writer.ref'.*'lif.v'") as caught:
            writer.run(lt.RunSteps(2), run_cfg=cfg)
        assert caught.value.__cause__ is not None
        writer.stop()


def _until_told(self):
    while not self.check_for_stop_cmd():
        self.state = self.state + 1


class TestAsynchronous:
    def test_an_exception_names_process_and_model(self) -> None:
        fault = Fault("deliberate")

        def run(self):
            raise fault

        bad = asynchronous("bad", run_async=run)
        error = fails(bad)
        assert "Process 'bad' (BadModel), asynchronous phase" in str(error)
        assert error.__cause__ is fault
        bad.stop()

    @pytest.mark.parametrize(
        "condition", [lt.RunSteps(5), lt.RunContinuous()], ids=["steps", "continuous"]
    )
    def test_the_others_end_with_the_one_that_raised(self, condition) -> None:
        endless = asynchronous("endless", outs=["out"], run_async=_until_told)
        bad = asynchronous("bad", ins=["inp"], run_async=lambda self: 1 / 0)
        endless.out.connect(bad.inp)
        assert "Process 'bad'" in str(fails(bad, condition))
        bad.stop()

    def test_they_end_when_a_model_with_phases_raised(self) -> None:
        endless = asynchronous("endless", outs=["out"], run_async=_until_told)
        bad = receiver("bad", run_spk=raises(Fault("deliberate")))
        endless.out.connect(bad.inp)
        assert "Process 'bad' (BadModel), spiking phase, time step 3" in str(fails(bad))
        bad.stop()

    def test_an_exception_when_the_steps_are_over(self) -> None:
        fault = Fault("late")

        def run(self):
            for _ in range(self.num_steps):
                self.state = self.inp.recv()
            self.check_for_stop_cmd()
            raise fault

        source, late = sender(), asynchronous("late", ins=["inp"], run_async=run)
        source.out.connect(late.inp)
        error = fails(source, lt.RunSteps(3))
        assert "Process 'late' (LateModel), asynchronous phase" in str(error)
        assert error.__cause__ is fault
        assert source.runtime.time_step == 3
        source.stop()

    def test_they_unwind_where_they_wait(self) -> None:
        unwound = []

        def wait(self):
            try:
                self.inp.recv()
            finally:
                unwound.append(True)

        waiting = asynchronous("waiting", ins=["inp"], run_async=wait)
        source = sender("source", run_spk=lambda self: None)
        source.out.connect(waiting.inp)
        source.run(lt.RunSteps(3), run_cfg=CFG)
        assert unwound == [True]
        source.stop()


class TestUnwinding:
    """What a model does while it is ended where it waits."""

    def run(self, clean_up) -> BaseException:
        def run(self):
            try:
                self.inp.recv()
            except BaseException:
                clean_up(self)
                raise

        stubborn = receiver("stubborn", run_spk=run)
        bad = numpy_node("bad", outs=["out"], run_spk=raises(Fault("first"), 1))
        bad.out.connect(stubborn.inp)
        error = fails(bad)
        bad.stop()
        return error

    def test_an_exception_is_logged_and_the_first_one_raised(self, caplog) -> None:
        with caplog.at_level(logging.ERROR, "lava_torch"):
            error = self.run(lambda self: 1 / 0)
        assert isinstance(error.__cause__, (Fault, DeadlockError))
        assert "raised an exception while it was ended" in caplog.text
        assert "ZeroDivisionError" in caplog.text

    def test_waiting_again_does_not_keep_it(self) -> None:
        assert isinstance(self.run(lambda self: self.inp.recv()).__cause__, (Fault, DeadlockError))

    def test_sys_exit_does_not_hide_the_error(self) -> None:
        error = self.run(lambda self: sys.exit(1))
        assert isinstance(error.__cause__, (Fault, DeadlockError))
