"""Runs in a process of its own: the kernels of a step, interpreted (with TRITON_INTERPRET=1) or
compiled for GPUs that are not there (without).

python launches_worker.py interpret|compile FILE
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from networks import NETWORKS
from numpy_nodes import numpy_node
from torch import Tensor

import lava_torch as lt
from lava_torch.compiler.plan import make_plan
from lava_torch.runtime.steppers import crossing
from lava_torch.runtime.steppers.launches import Launches

STEPS = 4


def launched(name: str, tag: str, batch: int | None) -> dict[str, Tensor]:
    """The state after some steps."""
    cfg = lt.Loihi2SimCfg(select_tag=tag, dtype="float64", batch_size=batch)
    network = lt.compile(NETWORKS[name](tag, np.random.default_rng(0)), cfg)
    network.prepare()
    plan = make_plan(network)
    launches = Launches(plan)
    for row in plan.before:
        row.run("gpu")
    for _ in range(STEPS):
        launches.step()
    for row in plan.after:
        row.run("gpu")
    return network.state_dict()


def mixed(tag: str, launches: bool) -> dict[str, Tensor]:
    """The state after some steps of a network that has a numpy model in a loop with neurons;
    `launches`: as kernels on a GPU are launched between those of numpy models."""

    def answer(self):
        self.out.send(self.state * 5)
        self.state = self.inp.recv()

    lif = NETWORKS["recurrent"](tag, np.random.default_rng(0))
    node = numpy_node("node", ins=["inp"], outs=["out"], shape=(12,), run_spk=answer)
    node.out.connect(lif.a_in)
    lif.s_out.connect(node.inp)
    in_table = crossing._TableRun
    if launches:
        crossing._TableRun = lambda _, clock, owned: crossing._Launched([o.row for o in owned])
    lif.run(lt.RunSteps(STEPS), run_cfg=lt.Loihi2SimCfg(select_tag=tag, dtype="float64"))
    crossing._TableRun = in_table
    state = lif.runtime.network.state_dict()
    return {name: x.clone() for name, x in state.items() if isinstance(x, Tensor)}


def cases() -> list[tuple[str, str, int | None, bool]]:
    """Network, precision, batch, and whether the order of sums is to be determined."""
    return [
        (name, tag, batch, ordered)
        for name in NETWORKS
        for tag in ("floating_pt", "fixed_pt")
        for batch, ordered in ((None, False), (2, True))
    ]


def label(name: str, tag: str, batch: int | None, ordered: bool) -> str:
    return f"{name}-{tag}-batch{batch}-{'ordered' if ordered else 'atomic'}"


def interpret() -> dict[str, dict[str, Tensor]]:
    results = {}
    for case in cases():
        torch.use_deterministic_algorithms(case[3])
        results[label(*case)] = launched(*case[:3])
    for tag in ("floating_pt", "fixed_pt"):
        results[f"mixed-{tag}"] = mixed(tag, launches=True)
    return results


def compile_all() -> dict[str, tuple[int, int, bool]]:
    """Registers, spills and whether a product was fused into a sum, of the neurons' kernels."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch
    from lava_torch.kernels.launch import noted

    reports = {}
    for name, tag in ((name, tag) for name in NETWORKS for tag in ("floating_pt", "fixed_pt")):
        cfg = lt.Loihi2SimCfg(select_tag=tag)
        network = lt.compile(NETWORKS[name](tag, np.random.default_rng(0)), cfg)
        network.prepare()
        with noted() as launches:
            Launches(make_plan(network)).step()
        for i, launch in enumerate(launches):
            if launch.kernel.__name__.startswith("row_"):
                for arch in TARGETS:
                    compiled = compile_launch(launch, GPUTarget(*arch))
                    # On AMD a division of 64 bits, to find the row of data, is made of these too.
                    timed = any(name.endswith("_steps") for name in launch.kernel.arg_names)
                    fused = "fma.rn" in compiled.assembly
                    fused |= "v_fma" in compiled.assembly and not timed
                    key = f"{name}-{tag}-{i}-{compiled.name}-{arch[1]}"
                    reports[key] = compiled.registers, compiled.spills, fused
    return reports


TARGETS = (("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64))

if __name__ == "__main__":
    work = {"interpret": interpret, "compile": compile_all}[sys.argv[1]]
    torch.save(work(), sys.argv[2])
