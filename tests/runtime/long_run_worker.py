"""Runs of many steps in an interpreter of their own; prints as JSON, by kind, the steps and by how
many bytes the memory grew, from the end of a first tenth of them."""

from __future__ import annotations

import json

import numpy as np
from networks import NETWORKS
from numpy_nodes import ONES, always, asynchronous, numpy_node, receiver, sender
from soak_worker import memory

import lava_torch as lt

CFG = lt.Loihi2SimCfg(select_tag="floating_pt")


def compiled() -> lt.AbstractProcess:
    """With a sink that keeps the last ten steps."""
    lif = NETWORKS["recurrent"]("floating_pt", np.random.default_rng(0))
    sink = lt.io.sink.RingBuffer(shape=lif.s_out.shape, buffer=10)
    lif.s_out.connect(sink.a_in)
    return lif


def mixed() -> lt.AbstractProcess:
    """Numpy models before and after neurons."""
    first, lif, last = sender(), lt.LIF(shape=(2,), vth=0.5, name="lif"), receiver()
    first.out.connect(lif.a_in)
    lif.s_out.connect(last.inp)
    return lif


def mixed_with_reads() -> lt.AbstractProcess:
    """A numpy model before and one after neurons, of which it also reads and writes a Var."""
    first, lif = sender(), lt.LIF(shape=(2,), vth=0.5, name="lif")
    last = numpy_node(
        "last", ins=["inp"], refs=["ref"], run_spk=lambda self: self.inp.recv(),
        post_guard=always, run_post_mgmt=lambda self: self.ref.write(self.ref.read() / 2),
    )  # fmt: skip
    first.out.connect(lif.a_in)
    lif.s_out.connect(last.inp)
    last.ref.connect_var(lif.v)
    return lif


def mixed_asynchronous() -> lt.AbstractProcess:
    """A model without phases sends to one with phases, which keeps it at its pace."""

    def send(self):
        for _ in range(self.num_steps):
            self.out.send(ONES)

    first, last = asynchronous("first", outs=["out"], run_async=send), receiver()
    first.out.connect(last.inp)
    return last


def leaking() -> lt.AbstractProcess:
    """A model that keeps what it receives, to show what that looks like."""
    kept = []
    first = sender()
    last = receiver(run_spk=lambda self: kept.append(self.inp.recv()))
    first.out.connect(last.inp)
    return first


def run(process: lt.AbstractProcess, steps: int) -> None:
    process.run(lt.RunSteps(steps), run_cfg=CFG)


def run_aside(process: lt.AbstractProcess, steps: int) -> None:
    process.run(lt.RunSteps(steps, blocking=False), run_cfg=CFG)
    process.wait()


def access(process: lt.AbstractProcess, steps: int) -> None:
    """As many runs of one step, with the host's access between them."""
    for _ in range(steps):
        process.run(lt.RunSteps(1), run_cfg=CFG)
        process.v.set(process.v.get() * 0.5)


def grown(make, steps: int, way=run) -> dict[str, int]:
    process = make()
    way(process, steps // 10)
    before = memory()
    way(process, steps - steps // 10)
    found = {"steps": process.runtime.time_step, "bytes": memory() - before}
    process.stop()
    return found


if __name__ == "__main__":
    found = {
        "compiled": grown(compiled, 10**6),
        "compiled_aside": grown(compiled, 10**6, run_aside),
        "mixed": grown(mixed, 10**5),
        "mixed_with_reads": grown(mixed_with_reads, 5000),
        "mixed_asynchronous": grown(mixed_asynchronous, 50_000),
        "host_access": grown(mixed, 5000, access),
        "leaking": grown(leaking, 50_000),
    }
    print(json.dumps(found))
