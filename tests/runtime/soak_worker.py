"""Compiles, runs and stops many networks in an interpreter of its own, and prints as JSON what it
held before and after: see `Held`. Then it lets each of as many rounds leak 100 kB, to show what
that looks like.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import sys
import threading
import warnings
from dataclasses import asdict, dataclass

import numpy as np
from interrupted_worker import with_asynchronous
from networks import NETWORKS
from numpy_nodes import ONES, always, asynchronous, numpy_node, pair, receiver, sender
from waiting import wait_until

import lava_torch as lt
from lava_torch.compiler import Network
from lava_torch.model.hosted.tasks import Task
from lava_torch.runtime import Runtime

LEAK = 100_000


def memory() -> int:
    """Bytes that the interpreter holds, without its garbage."""
    for _ in range(3):
        gc.collect()
    with contextlib.suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@dataclass
class Held:
    """What the interpreter holds; `memory` in bytes."""

    threads: int
    tasks_of_system: int
    files: int
    processes: int
    networks: int
    runtimes: int
    greenlets: int
    memory: int

    @classmethod
    def now(cls) -> Held:
        held = memory()
        kinds = (lt.AbstractProcess, Network, Runtime, Task)
        counts = dict.fromkeys(kinds, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some objects warn when they are looked at
            for found in gc.get_objects():
                for kind in kinds:
                    if issubclass(type(found), kind) and not getattr(found, "dead", False):
                        counts[kind] += 1
        return cls(
            threading.active_count(),
            len(os.listdir("/proc/self/task")),
            len(os.listdir("/proc/self/fd")),
            *counts.values(),
            held,
        )


def expect(error: type[BaseException], process: lt.AbstractProcess, condition, cfg) -> None:
    try:
        process.run(condition, run_cfg=cfg)
        process.wait()
    except error:
        return
    raise AssertionError(f"{error.__name__} did not come.")


# -- kinds of networks and of runs ----------------------------------------------------------------

CFG = lt.Loihi2SimCfg()


def compiled(name: str, tag: str, stepper: str = "auto"):
    def run(round: int) -> None:
        last = NETWORKS[name](tag, np.random.default_rng(round))
        monitor = lt.Monitor()
        for target in (*last.out_ports, *last.vars):
            monitor.probe(target, 30)
        last.run(lt.RunSteps(30), run_cfg=lt.Loihi2SimCfg(select_tag=tag, stepper=stepper))
        assert monitor.get_data()
        last.stop()

    return run


def aside(round: int) -> None:
    last = NETWORKS["recurrent"]("fixed_pt", np.random.default_rng(round))
    last.run(lt.RunSteps(50, blocking=False), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    last.wait()
    last.run(lt.RunContinuous())
    last.pause()
    last.stop()


def forgotten(round: int) -> None:
    """Neither stopped nor waited for."""
    last = NETWORKS["recurrent"]("floating_pt", np.random.default_rng(round))
    last.run(lt.RunSteps(50, blocking=False), run_cfg=CFG)


def run_twice(round: int) -> None:
    last = NETWORKS["recurrent"]("floating_pt", np.random.default_rng(round))
    for _ in range(2):
        last.run(lt.RunSteps(5), run_cfg=CFG)
        last.stop()


def refused_by_the_compiler(round: int) -> None:
    a, b = lt.LIF(shape=(2,)), lt.LIF(shape=(2,))
    a.s_out.connect(b.a_in)
    b.s_out.connect(a.a_in)
    expect(lt.CompileError, a, lt.RunSteps(1), CFG)


def numpy_models(round: int) -> None:
    first, second = pair()
    monitor = lt.Monitor()
    monitor.probe(first.out, 20)
    monitor.probe(second.state, 20)
    first.run(lt.RunSteps(20), run_cfg=CFG)
    assert monitor.get_data()["sender"]["out"][19].any()
    first.stop()


def mixed(round: int) -> None:
    first, lif = sender(), lt.LIF(shape=(2,), vth=0.5)
    last = numpy_node(
        "last", ins=["inp"], refs=["ref"], run_spk=lambda self: self.inp.recv(),
        post_guard=always, run_post_mgmt=lambda self: self.ref.write(self.ref.read() / 2),
    )  # fmt: skip
    first.out.connect(lif.a_in)
    lif.s_out.connect(last.inp)
    last.ref.connect_var(lif.v)
    lif.run(lt.RunSteps(10), run_cfg=CFG)
    lif.run(lt.RunContinuous())
    wait_until(lambda: lif.runtime.time_step > 15)
    lif.pause()
    lif.stop()


def asynchronous_beside_steps(round: int) -> None:
    process, _ = with_asynchronous()
    process.run(lt.RunSteps(10), run_cfg=CFG)
    process.run(lt.RunContinuous())
    process.stop()


def asynchronous_alone(round: int) -> None:
    def send(self):
        for _ in range(self.num_steps):
            self.out.send(ONES)

    def receive(self):
        while True:  # it is ended where it waits
            self.state = self.inp.recv()

    first = asynchronous("first", outs=["out"], run_async=send)
    second = asynchronous("second", ins=["inp"], run_async=receive)
    first.out.connect(second.inp)
    expect(RuntimeError, first, lt.RunSteps(200), CFG)
    first.stop()


def raises_in_a_numpy_model(round: int) -> None:
    first, second = pair(run_spk=lambda self: 1 / (self.time_step - 3))
    for blocking in (True, False):
        expect(RuntimeError, first, lt.RunSteps(5, blocking=blocking), CFG)
    first.stop()


def deadlock(round: int) -> None:
    first, second = sender(run_spk=lambda self: None), receiver()
    first.out.connect(second.inp)
    expect(RuntimeError, first, lt.RunSteps(5, blocking=bool(round % 2)), CFG)
    first.stop()


def raises_in_a_constructor(round: int) -> None:
    def construct(self, proc_params):
        raise ZeroDivisionError

    bad, lif = sender("bad", __init__=construct), lt.LIF(shape=(2,))
    bad.out.connect(lif.a_in)
    expect(ZeroDivisionError, lif, lt.RunSteps(5), CFG)


def logs(round: int) -> None:
    def run(self):
        self.log.info("step %d", self.time_step)

    node = numpy_node("logs", run_spk=run)
    node.run(lt.RunSteps(2), run_cfg=CFG)
    node.log.info("run")
    node.stop()


KINDS = [
    compiled("recurrent", "floating_pt"),
    compiled("sparse", "fixed_pt"),
    compiled("convolved", "floating_pt"),
    compiled("delayed", "fixed_pt"),
    compiled("learning", "floating_pt"),
    compiled("learning_sparse_delays", "fixed_pt"),
    compiled("recurrent", "floating_pt", "eager"),
    compiled("virtual_ports", "floating_pt", "layers"),
    aside, forgotten, run_twice, refused_by_the_compiler, numpy_models, mixed,
    asynchronous_beside_steps, asynchronous_alone, raises_in_a_numpy_model, deadlock,
    raises_in_a_constructor, logs,
]  # fmt: skip


def main(networks: int, warm_up: int) -> None:
    for number in range(warm_up):
        KINDS[number % len(KINDS)](number)
    before = Held.now()
    for number in range(networks):
        KINDS[number % len(KINDS)](number)
    after = Held.now()
    leaked = [np.ones(LEAK, np.uint8) for _ in range(networks)]
    with_leak = Held.now()
    assert len(leaked) == networks
    print(json.dumps([asdict(before), asdict(after), asdict(with_leak)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
