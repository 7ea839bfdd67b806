"""Runs in a process of its own with TRITON_INTERPRET=1: the kernels of a step, interpreted.

python launches_worker.py FILE
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from networks import NETWORKS
from torch import Tensor

import lava_torch as lt
from lava_torch.compiler.plan import make_plan
from lava_torch.runtime.steppers.launches import Launches

STEPS = 6


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


def main(file: str) -> None:
    results = {}
    for case in cases():
        torch.use_deterministic_algorithms(case[3])
        results[label(*case)] = launched(*case[:3])
    torch.save(results, file)


if __name__ == "__main__":
    main(sys.argv[1])
