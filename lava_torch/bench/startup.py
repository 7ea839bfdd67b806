"""`startup`: from the first Process to the end of a first step, in a Python that just started."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from lava_torch.bench.options import positive
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Row, Timing
from lava_torch.kernels.equation.cache import VARIABLE

#: Processes of the networks, and neurons of each.
SIZES, NEURONS = (10, 200), 50
PRECISIONS = ("floating_pt", "fixed_pt")
#: Where what was compiled is kept: the environment variables that name the folders.
CACHES = (VARIABLE, "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR")


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each size and precision; BenchError if a Python that was started fails."""
    sizes = args.processes or SIZES
    return [run_case(size, precision, args) for precision in PRECISIONS for size in sizes]


def run_case(size: int, precision: str, args: argparse.Namespace) -> Row:
    """One start with empty caches, then as many as wanted with what the first one left there."""
    wanted = {"processes": size, "precision": precision, "steps": args.steps}
    wanted |= {"device": args.device, "stepper": args.stepper, "seed": args.seed}
    with tempfile.TemporaryDirectory() as folder:
        caches = {name: os.path.join(folder, name) for name in CACHES}
        cold, *warm = (run_python("startup", wanted, caches) for _ in range(args.repeats + 1))
    facts = {"first ever": cold["seconds"], "import": min(start["import"] for start in warm)}
    timings = {OURS: Timing(tuple(start["seconds"] for start in warm))}
    return Row({"processes": size, "precision": precision}, timings, {}, facts)


def run_python(module: str, wanted: dict, environment: dict[str, str]) -> dict[str, float]:
    """What `measured(wanted)` of a module of this package returns in a Python of its own."""
    code = (
        "import json, sys, time; start = time.perf_counter(); "
        f"from lava_torch.bench import {module}; "
        f"print(json.dumps({module}.measured(json.loads(sys.argv[1]), start)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(wanted)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"a Python that was started for {wanted} failed: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(wanted: dict, started: float) -> dict[str, float]:
    """In a Python that began to import at `started`: seconds of that, and of all that comes up to
    the end of a first run."""
    import lava_torch as lt

    imported = time.perf_counter()
    process = make_network(
        **{name: wanted[name] for name in ("processes", "precision", "steps", "seed")}
    )
    run_cfg = lt.Loihi2SimCfg(
        select_tag=wanted["precision"], device=wanted["device"], stepper=wanted["stepper"]
    )
    process.run(condition=lt.RunSteps(num_steps=wanted["steps"]), run_cfg=run_cfg)
    ended = time.perf_counter()
    process.stop()
    return {"import": imported - started, "seconds": ended - imported}


def make_network(processes: int, precision: str, steps: int, seed: int):
    """As many Processes: source -> Dense -> LIF -> Dense -> LIF ..., with a Monitor on the last."""
    import lava_torch as lt

    rng = np.random.default_rng(seed)
    fixed = precision == "fixed_pt"
    lif = {"du": 1229, "dv": 410, "vth": 100} if fixed else {"du": 0.3, "dv": 0.1, "vth": 1.0}
    process = lt.io.source.RingBuffer(data=(rng.random((NEURONS, 20)) < 0.1).astype(int))
    for _ in range((processes - 2) // 2):
        weights = rng.normal(0, 1, (NEURONS, NEURONS))
        dense = lt.Dense(weights=np.rint(40 * weights) if fixed else weights)
        process.s_out.connect(dense.s_in)
        process = lt.LIF(shape=(NEURONS,), **lif)
        dense.a_out.connect(process.a_in)
    monitor = lt.Monitor()
    monitor.probe(process.s_out, steps)
    return process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes", type=positive, nargs="+", help=f"of the networks (default: {SIZES})"
    )


BENCHMARK = Benchmark(
    name="startup",
    summary="the first run of a network in a new Python, with compiled code kept or (first ever) "
    "none yet",
    unit="s",
    steps=1,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
