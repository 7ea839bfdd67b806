"""A step is a transaction: what an interruption, a view or a stranger must not do to the state."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import implements
from lava_torch.runtime.state import State

CFG = lt.Loihi2SimCfg()


class Pair(lt.AbstractProcess):
    """y is always twice x."""

    def __init__(self, name: str = "pair") -> None:
        super().__init__(name=name)
        self.x = lt.Var((1,))
        self.y = lt.Var((1,))
        self.s_out = lt.OutPort((1,))


@implements(Pair)
class PairModel(lt.TorchProcessModel):
    exits = False
    pace = 0.0  # seconds a step

    def emit(self):
        if self.exits:
            sys.exit(3)
        time.sleep(self.pace)
        self.x = self.x + 1
        self.y = 2 * self.x
        return self.x


def interrupt(line: int):
    """A trace function that raises KeyboardInterrupt at the n-th line that `State.commit` runs."""
    code, left = State.commit.__wrapped__.__code__, [line]

    def in_commit(frame, event, arg):
        left[0] -= event == "line"
        if left[0] == 0:
            raise KeyboardInterrupt
        return in_commit

    return lambda frame, event, arg: in_commit if frame.f_code is code else None


def test_an_interrupt_leaves_a_whole_step() -> None:
    pair = Pair()
    pair.run(lt.RunSteps(1), run_cfg=CFG)
    runtime = pair.runtime
    interrupted = 0
    for line in range(1, 200):
        previous = sys.gettrace()
        sys.settrace(interrupt(line))
        try:
            pair.run(lt.RunSteps(1))
        except KeyboardInterrupt:
            interrupted += 1
        else:
            break
        finally:
            sys.settrace(previous)
        assert pair.x.get()[0] == runtime.time_step, line
        assert pair.y.get()[0] == 2 * runtime.time_step, line
    assert interrupted > 10
    pair.stop()


class Register(lt.AbstractProcess):
    """Sends what it received a step before."""

    def __init__(self, shape) -> None:
        super().__init__(name="register")
        self.a_in = lt.InPort(shape)
        self.a_out = lt.OutPort(shape)
        self.held = lt.Var(shape)


@implements(Register)
class RegisterModel(lt.TorchProcessModel):
    def emit(self):
        return self.held

    def absorb(self, a_in):
        self.held = a_in


class Last(lt.AbstractProcess):
    """Keeps the message itself, which may be a view of the sender's buffer."""

    def __init__(self, shape) -> None:
        super().__init__(name="last")
        self.a_in = lt.InPort(shape)
        self.seen = lt.Var(shape)


@implements(Last)
class LastModel(lt.TorchProcessModel):
    def absorb(self, a_in):
        self.seen = a_in


@pytest.mark.parametrize("view", [False, True], ids=["buffer", "view"])
def test_a_message_that_is_kept_is_that_of_its_step(view) -> None:
    data = np.arange(1, 7) * np.ones((2, 2, 1))
    source = lt.io.source.RingBuffer(data=data, name="source")
    register, last = Register((2, 2)), Last((4,) if view else (2, 2))
    source.s_out.connect(register.a_in)
    (register.a_out.flatten() if view else register.a_out).connect(last.a_in)
    for step in range(1, 6):
        source.run(lt.RunSteps(1), run_cfg=CFG)
        assert (register.held.get() == step).all()
        assert (last.seen.get() == step - 1).all()
    source.stop()


def test_a_model_that_exits_ends_wait(monkeypatch) -> None:
    pair = Pair()
    pair.run(lt.RunSteps(2), run_cfg=CFG)
    monkeypatch.setattr(PairModel, "exits", True)
    pair.run(lt.RunContinuous())
    with pytest.raises(SystemExit):
        pair.wait()
    monkeypatch.undo()
    pair.run(lt.RunSteps(1))
    assert pair.x.get()[0] == 3
    pair.stop()


def test_a_run_that_begins_shuts_out_others(monkeypatch) -> None:
    pair = Pair()
    pair.run(lt.RunSteps(1), run_cfg=CFG)
    beginning, errors = threading.Event(), []

    def begin_run(self, first, last) -> None:
        if not beginning.is_set():
            beginning.set()
            time.sleep(0.05)

    def run_too() -> None:
        beginning.wait(10)
        try:
            pair.run(lt.RunSteps(40, blocking=False))
        except RuntimeError as error:
            errors.append(str(error))

    monkeypatch.setattr(PairModel, "begin_run", begin_run)
    monkeypatch.setattr(PairModel, "pace", 0.01)
    thread = threading.Thread(target=run_too)
    thread.start()
    pair.run(lt.RunSteps(40))
    thread.join()
    pair.wait()
    assert len(errors) == 1 and "A run is on already" in errors[0]
    assert pair.x.get()[0] == pair.runtime.time_step == 41
    pair.stop()


class Box(lt.AbstractProcess):
    def __init__(self) -> None:
        super().__init__(name="box")
        self.s_out = lt.OutPort((1,))
        self.x = lt.Var((1,))


@implements(Box)
class BoxModel(lt.AbstractSubProcessModel):
    def __init__(self, proc) -> None:
        self.pair = Pair("inside")
        self.pair.s_out.connect(proc.s_out)
        proc.x.alias(self.pair.x)


class TestExecutable:
    def test_of_other_processes(self) -> None:
        other = lt.compile(Pair("other"), CFG)
        pair = Pair()
        with pytest.raises(ValueError, match=r"'pair' does not hold.*'pair'.*\['other'\]"):
            pair.create_runtime(executable=other)
        assert not pair.is_compiled
        pair.run(lt.RunSteps(1), run_cfg=CFG)
        pair.stop()

    def test_of_sub_processes_that_were_replaced(self) -> None:
        box = Box()
        old, new = lt.compile(box, CFG), lt.compile(box, CFG)
        with pytest.raises(ValueError, match="'inside'.*compiled again"):
            box.create_runtime(executable=old)
        box.create_runtime(executable=new)
        box.run(lt.RunSteps(3))
        assert box.x.get()[0] == 3
        box.stop()


def test_runs_in_inference_mode() -> None:
    lif = lt.LIF(shape=(2,), bias_mant=3, name="lif")
    dense = lt.Dense(weights=np.array([[3, -3]]))
    lif.s_out.connect(dense.s_in)
    with torch.inference_mode():
        lif.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    lif.run(lt.RunSteps(2))
    assert (lif.v.get() == 12).all()
    dense.weights.set(np.array([[5, 7]]))
    np.testing.assert_array_equal(dense.weights.get(), [[5, 7]])
    lif.stop()
