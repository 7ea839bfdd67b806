"""Building the network of `balanced`, measured in a Python of its own."""

from __future__ import annotations

import argparse
import time

import torch

import lava_torch as lt
from lava_torch.bench import memory
from lava_torch.bench.balanced import Case, Network, OurBalanced
from lava_torch.bench.timing import synchronize

MEBIBYTE = 2**20


def measured(wanted: dict, started: float) -> dict[str, float]:
    """Milliseconds of each part of the building, and the memory that it took at most above what
    the imports took (on a GPU: that, and what torch took of the GPU's)."""
    args = argparse.Namespace(**{name: wanted[name] for name in ("device", "stepper")})
    case, before = Case(**wanted["case"]), memory.resident()
    start = time.perf_counter()
    csr = case.connect(wanted["seed"], args.device)
    synchronize(args.device)
    connected = time.perf_counter()
    contender = OurBalanced(Network(case, csr, case.voltages(wanted["seed"])), args)
    contender.process.create_runtime(run_cfg=contender.run_cfg)
    synchronize(args.device)
    compiled = time.perf_counter()
    contender.process.run(condition=lt.RunSteps(num_steps=1), run_cfg=contender.run_cfg)
    synchronize(args.device)
    ended = time.perf_counter()
    contender.close()
    return {
        "connect, ms": (connected - start) * 1e3,
        "compile, ms": (compiled - connected) * 1e3,
        "first step, ms": (ended - compiled) * 1e3,
        **_memory(before, args.device),
    }


def _memory(before: int | None, device: str) -> dict[str, float]:
    peak = memory.peak()
    found = {} if before is None or peak is None else {"peak MiB": (peak - before) / MEBIBYTE}
    if torch.device(device).type == "cuda":
        found["peak MiB on GPU"] = torch.cuda.max_memory_allocated(device) / MEBIBYTE
    return found
