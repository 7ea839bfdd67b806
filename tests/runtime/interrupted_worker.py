"""Runs networks in an interpreter of its own, which sends SIGINT to itself.

For each kind of network and way to run it, it prints a line of JSON: see `report`.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable

from numpy_nodes import ONES, asynchronous, pair, receiver, sender
from waiting import wait_until

import lava_torch as lt

ENDLESS = 10**9


def compiled() -> tuple[lt.AbstractProcess, lt.Var]:
    """Neurons that add up a bias of 1, and never spike."""
    lif = lt.LIF(shape=(2,), bias_mant=1, du=0, dv=0, vth=1e9, name="lif")
    return lif, lif.v


def hosted() -> tuple[lt.AbstractProcess, lt.Var]:
    def count(self):
        self.inp.recv()
        self.state = self.state + 1

    _, last = pair(run_spk=count)
    return last, last.state


def mixed() -> tuple[lt.AbstractProcess, lt.Var]:
    """Each step of the neurons waits for a numpy model."""
    first, (lif, v) = sender(run_spk=lambda self: self.out.send(ONES * 0)), compiled()
    first.out.connect(lif.a_in)
    return lif, v


def with_asynchronous() -> tuple[lt.AbstractProcess, lt.Var]:
    """Beside the steps a model runs as many rounds, unless it is told to end."""

    def rounds(self):
        for _ in range(self.num_steps):
            if self.check_for_stop_cmd():
                return

    def count(self):
        self.state = self.state + 1

    free = asynchronous("free", outs=["out"], run_async=rounds)
    last = receiver("last", run_spk=count)
    free.out.connect(last.inp)
    return last, last.state


KINDS = (compiled, hosted, mixed, with_asynchronous)


def interrupt_when(condition: Callable[[], bool]) -> threading.Thread:
    """Send SIGINT to this interpreter, from another thread, once `condition()` is true."""

    def wait() -> None:
        try:
            wait_until(condition)
        finally:  # in any case, or the run would not end
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def run_blocking(process: lt.AbstractProcess) -> None:
    process.run(lt.RunSteps(ENDLESS))


def wait_for_a_continuous_run(process: lt.AbstractProcess) -> None:
    try:
        process.run(lt.RunContinuous())
        process.wait()
    finally:
        process.pause()


WAYS = (run_blocking, wait_for_a_continuous_run)


def report(make: Callable, way: Callable) -> dict:
    """What a run that is interrupted leaves: `interrupted`, whether KeyboardInterrupt came;
    `steps`, the time step then; `counted`, what the network's state says of it; `later`, the time
    step after 7 further steps, and `counted_later`."""
    process, var = make()
    process.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(dtype="float64"))
    sender = interrupt_when(lambda: process.runtime.time_step > 100)
    try:
        way(process)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    sender.join()
    found = {"kind": make.__name__, "way": way.__name__, "interrupted": interrupted}
    found |= {"steps": process.runtime.time_step, "counted": var.get().tolist()}
    process.run(lt.RunSteps(7))
    found |= {"later": process.runtime.time_step, "counted_later": var.get().tolist()}
    process.stop()
    return found


def stuck() -> dict:
    """A step that does not end: the second SIGINT breaks it off, and it can be done again."""
    rounds = []

    def loop(self):
        rounds.append(0)
        while len(rounds) == 1:
            self.state = self.state + 1

    process, _ = pair(run_spk=loop)
    process.create_runtime(lt.Loihi2SimCfg())
    model = process.runtime.network.models["receiver"].hosted
    first = interrupt_when(lambda: model.state[0] > 100)
    state = []

    def later() -> bool:
        if first.is_alive():
            return False
        state.append(model.state[0])
        return state[-1] > state[0] + 1000  # the first one has been seen

    second = interrupt_when(later)
    try:
        process.run(lt.RunSteps(2))
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    first.join()
    second.join()
    found = {"kind": "stuck", "interrupted": interrupted, "steps": process.runtime.time_step}
    process.run(lt.RunSteps(2))
    found["later"] = process.runtime.time_step
    process.stop()
    return found


def only_asynchronous() -> dict:
    """A network without steps."""

    def until_told(self):
        while not self.check_for_stop_cmd():
            self.state = self.state + 1

    process = asynchronous("free", run_async=until_told)
    process.create_runtime(lt.Loihi2SimCfg())
    model = process.runtime.network.models["free"].hosted
    sender = interrupt_when(lambda: model.state[0] > 100)
    try:
        process.run(lt.RunSteps(ENDLESS))
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    sender.join()
    counted = process.state.get()[0]
    found = {"kind": "only_asynchronous", "interrupted": interrupted, "counted": counted}
    sender = interrupt_when(lambda: model.state[0] > counted + 100)
    try:
        process.run(lt.RunSteps(ENDLESS))
    except KeyboardInterrupt:
        found["again"] = True
    sender.join()
    process.stop()
    return found


if __name__ == "__main__":
    # Where it is started in the background, it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for make in KINDS:
        for way in WAYS:
            print(json.dumps(report(make, way)), flush=True)
    for whole in (stuck, only_asynchronous):
        print(json.dumps(whole()), flush=True)
