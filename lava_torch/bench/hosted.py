"""`hosted`: Processes with numpy models, in a chain of their own and beside compiled ones."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

import lava_torch as lt
from lava_torch.bench.options import positive
from lava_torch.bench.processes import ProcessRun
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, Row
from lava_torch.bench.timing import build, compare
from lava_torch.core import CPU, LoihiProtocol, implements, requires
from lava_torch.model.hosted import LavaPyType, PyInPort, PyLoihiProcessModel, PyOutPort

STEPS, PERIOD = 5000, 50
NETWORKS = ("chain", "mixed")
#: The tag is of the compiled models.
TAG = "floating_pt"


class Counter(lt.AbstractProcess):
    """Adds what it gets, and 1, to what it sends."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.a_in, self.s_out = lt.InPort((n,)), lt.OutPort((n,))
        self.v = lt.Var((n,), 0)


@implements(Counter, LoihiProtocol)
@requires(CPU)
class CounterModel(PyLoihiProcessModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    v: np.ndarray = LavaPyType(np.ndarray, float)

    def run_spk(self) -> None:
        self.v = self.v + self.a_in.recv() + 1
        self.s_out.send(self.v)


class Chain(ProcessRun):
    """Numpy models, each of which receives from the one before."""

    def __init__(self, n: int, steps: int, args: argparse.Namespace) -> None:
        self.counters = [Counter(n) for _ in range(args.processes)]
        for first, second in zip(self.counters[:-1], self.counters[1:], strict=True):
            first.s_out.connect(second.a_in)
        super().__init__(self.counters[0], steps, args, TAG)


class Calls:
    """The same as plain calls in a loop, with a copy of each message."""

    def __init__(self, n: int, steps: int, args: argparse.Namespace) -> None:
        self.n, self.work, self.processes = n, steps, args.processes

    def reset(self) -> None:
        self.v = [np.zeros(self.n) for _ in range(self.processes)]

    def run(self) -> None:
        for _ in range(self.work):
            message = np.zeros(self.n)
            for i in range(self.processes):
                self.v[i] = self.v[i] + message + 1
                message = self.v[i].copy()

    def start(self) -> None:
        self.reset()


class Compiled(ProcessRun):
    """A source, a Dense and LIF neurons, all compiled; and one numpy model that receives what the
    neurons send, or none."""

    def __init__(self, n: int, steps: int, args: argparse.Namespace, hosted: bool) -> None:
        rng = np.random.default_rng(args.seed)
        source = lt.io.source.RingBuffer(data=(rng.random((n, PERIOD)) < 0.2).astype(int))
        dense = lt.Dense(weights=3 * np.eye(n))
        lif = lt.LIF(shape=(n,), vth=5, dv=0.1)
        source.s_out.connect(dense.s_in)
        dense.a_out.connect(lif.a_in)
        if hosted:
            lif.s_out.connect(Counter(n).a_in)
        super().__init__(lif, steps, args, TAG)


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each size and network."""
    return [run_case(n, network, args) for n in args.n for network in args.network or NETWORKS]


def run_case(n: int, network: str, args: argparse.Namespace) -> Row:
    steps = args.steps or STEPS
    given: dict[str, Any] = {"n": n, "steps": steps, "args": args}
    case: dict[str, Any] = {"network": network, "n": n, "steps": steps}
    if network == "chain":
        makers = {OURS: partial(Chain, **given), "plain calls": partial(Calls, **given)}
        case["processes"] = args.processes
    else:
        makers = {
            OURS: partial(Compiled, **given, hosted=True),
            "compiled alone": partial(Compiled, **given, hosted=False),
        }
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        timings = compare(made, args.repeats, args.device, scale=1000)
    return Row(case, timings, build_ms)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=positive, nargs="+", default=[100], help="%(default)s")
    parser.add_argument("--network", choices=NETWORKS, nargs="+", help="default: both")
    parser.add_argument(
        "--processes", type=positive, default=10, help="length of the chain (%(default)s)"
    )


BENCHMARK = Benchmark(
    name="hosted",
    summary="numpy models in a chain; and one beside source -> Dense(n, n) -> LIF(n), compiled",
    unit="us/step",
    steps=STEPS,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
