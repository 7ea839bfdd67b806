"""`chain`: RingBuffer -> LIF(n) -> Dense(n, n) -> LIF(n) -> Monitor, through `process.run`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

import lava_torch as lt
from lava_torch.bench import bandwidth
from lava_torch.bench.eager import EagerLoop, fixed_lif, float_lif
from lava_torch.bench.options import positive
from lava_torch.bench.processes import ProcessRun
from lava_torch.bench.profile import by_row
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Floor, Row
from lava_torch.bench.timing import build, compare

PRECISIONS = ("floating_pt", "fixed_pt")
SIZES = (100, 1000)
LARGE = 10_000
#: Steps of a run: at most this, and fewer for networks of more than a thousand neurons a layer.
STEPS, STEPS_OF_LAVA = 100_000, 1000
ACTIVITY = 0.05
#: The source's spikes come again after this many steps.
PERIOD = 1000
#: An input spike counts 1, and the summed input of a neuron of the second layer varies by about 1.
FIRST_VTH, SECOND_VTH = 2, 5
#: Fixed point: the standard deviation of the weights, in their units of 8 bits.
WEIGHT_SPREAD = 30


@dataclass(frozen=True)
class Network:
    """The numbers of one network: spikes (n, period), weights (n, n), parameters of the LIFs."""

    precision: str
    spikes: np.ndarray
    weights: np.ndarray
    first: dict[str, float]
    second: dict[str, float]

    @property
    def n(self) -> int:
        return len(self.spikes)

    @property
    def fixed(self) -> bool:
        return self.precision == "fixed_pt"


def default_steps(n: int) -> int:
    return max(min(STEPS, 10**11 // n**2), 1)


def draw_network(n: int, precision: str, steps: int, seed: int) -> Network:
    """Random spikes and weights, and thresholds with which both layers spike about as often."""
    rng = np.random.default_rng(seed)
    spikes = (rng.random((n, min(steps, PERIOD))) < ACTIVITY).astype(np.int32)
    spread = 1 / np.sqrt(ACTIVITY * n)
    weights = rng.normal(0, spread, (n, n))
    if precision == "floating_pt":
        lif = {"du": 0.3, "dv": 0.1, "bias_mant": 0.0}
        first, second = {**lif, "vth": FIRST_VTH}, {**lif, "vth": SECOND_VTH}
        return Network(precision, spikes, weights, first, second)
    scale = WEIGHT_SPREAD / spread
    weights = (2 * np.rint(weights * scale / 2)).clip(-254, 254).astype(np.int32)
    lif = {"du": 1229, "dv": 410, "bias_mant": 0, "bias_exp": 0}
    first, second = {**lif, "vth": FIRST_VTH}, {**lif, "vth": round(SECOND_VTH * scale)}
    return Network(precision, spikes, weights, first, second)


OUR_API = SimpleNamespace(
    RingBuffer=lt.io.source.RingBuffer, LIF=lt.LIF, Dense=lt.Dense, Monitor=lt.Monitor,
    RunSteps=lt.RunSteps,
)  # fmt: skip


def lava_api() -> SimpleNamespace:
    """The same names of the real Lava; BenchError if it is not installed."""
    if importlib.util.find_spec("lava") is None:
        raise BenchError("--vs lava: Lava is not installed here (pip install lava-nc).")

    def load(path: str, name: str) -> Any:
        return getattr(importlib.import_module(f"lava.{path}"), name)

    return SimpleNamespace(
        RingBuffer=load("proc.io.source", "RingBuffer"),
        LIF=load("proc.lif.process", "LIF"),
        Dense=load("proc.dense.process", "Dense"),
        Monitor=load("proc.monitor.process", "Monitor"),
        RunSteps=load("magma.core.run_conditions", "RunSteps"),
        Loihi2SimCfg=load("magma.core.run_configs", "Loihi2SimCfg"),
    )


class Processes:
    """The network as Processes, of lava_torch or of Lava: whoever's classes `api` has."""

    def __init__(self, api: SimpleNamespace, network: Network, kept: int):
        self.source = api.RingBuffer(data=network.spikes)
        self.first = api.LIF(shape=(network.n,), **network.first)
        self.dense = api.Dense(weights=network.weights)
        self.second = api.LIF(shape=(network.n,), **network.second)
        self.source.s_out.connect(self.first.a_in)
        self.first.s_out.connect(self.dense.s_in)
        self.dense.a_out.connect(self.second.a_in)
        self.monitor = api.Monitor()
        self.monitor.probe(self.second.s_out, kept)


class OurChain(ProcessRun):
    """lava_torch, each run from time step 0."""

    def __init__(self, network: Network, steps: int, args: argparse.Namespace) -> None:
        self.parts = Processes(OUR_API, network, kept=steps)
        super().__init__(self.parts.second, steps, args, network.precision)

    def spikes(self, steps: int) -> np.ndarray:
        """(steps, n), the first of the last run."""
        return self.buffer(self.parts.monitor, "record_0")[:steps].cpu().numpy()

    def floor(self, network: Network) -> Floor:
        """What a step has to read and write, at least."""
        data, weights, u, record = (
            self.buffer(process, var)
            for process, var in (
                (self.parts.source, "data"),
                (self.parts.dense, "weights"),
                (self.parts.first, "u"),
                (self.parts.monitor, "record_0"),
            )
        )
        number = u.element_size()
        row = network.n * weights.element_size()
        layers = 2 * network.n * (2 * 2 * number + 1)  # u and v in and out, spikes out
        between = network.n * (data.element_size() + 2 * number + 1 + 2 * record.element_size())
        moved = first_layer_spikes(network) * row + layers + between
        return bandwidth.floor(moved, network.n * row + moved, self.device, 1e6)


class LavaChain:
    """Lava, which runs on and on: it cannot be reset."""

    def __init__(
        self, api: SimpleNamespace, network: Network, steps: int, args: argparse.Namespace
    ) -> None:
        self.work = min(steps, STEPS_OF_LAVA)
        self.parts = Processes(api, network, kept=self.work * (args.repeats + 1))
        self.run_cfg = api.Loihi2SimCfg(select_tag=network.precision)
        self.condition = api.RunSteps(num_steps=self.work)

    def reset(self) -> None:
        """Nothing: the next run goes on where this one ended."""

    def run(self) -> None:
        self.parts.second.run(condition=self.condition, run_cfg=self.run_cfg)

    def spikes(self, steps: int) -> np.ndarray:
        return self.parts.monitor.get_data()[self.parts.second.name]["s_out"][:steps]

    def close(self) -> None:
        self.parts.second.stop()


class TorchChain(EagerLoop):
    """The same network as one would write it by hand."""

    def __init__(self, network: Network, steps: int, args: argparse.Namespace) -> None:
        self.network, self.limit, self.device = network, min(steps, PERIOD), args.device
        state = torch.int64 if network.fixed else torch.float32
        self.data = torch.tensor(network.spikes.T, dtype=state, device=args.device).contiguous()
        # In fixed point too: float32 holds every sum of these weights exactly.
        self.weights = torch.tensor(network.weights, dtype=torch.float32, device=args.device)
        self.record = torch.zeros(self.limit, network.n, dtype=state, device=args.device)

    def reset(self) -> None:
        self.state = [torch.zeros_like(self.record[0]) for _ in range(5)]

    def advance(self, steps: int) -> None:
        step = fixed_lif if self.network.fixed else float_lif
        u1, v1, arriving, u2, v2 = self.state
        for t in range(steps):
            s1, u1, v1 = step(self.data[t % len(self.data)], u1, v1, **self.network.first)
            s2, u2, v2 = step(arriving, u2, v2, **self.network.second)
            arriving = (self.weights @ s1.to(self.weights.dtype)).to(u1.dtype)
            self.record[t] = s2
        self.state = [u1, v1, arriving, u2, v2]

    def spikes(self, steps: int) -> np.ndarray:
        return self.record[:steps].cpu().numpy()


def first_layer_spikes(network: Network) -> float:
    """How many neurons of the first layer spike in a step: it depends on the source alone."""
    step = fixed_lif if network.fixed else float_lif
    data = torch.tensor(network.spikes.T, dtype=torch.int64 if network.fixed else torch.float32)
    u = v = torch.zeros_like(data[0])
    total = 0
    for row in data:
        s, u, v = step(row, u, v, **network.first)
        total += int(s.sum())
    return total / len(data)


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each size and precision; BenchError if a contender computes something else."""
    makers: dict[str, Any] = {OURS: OurChain, "torch": TorchChain}
    if "lava" in args.vs:
        makers["lava"] = partial(LavaChain, lava_api())
    sizes = [*(args.n or SIZES), *([LARGE] if args.large else [])]
    return [run_case(makers, n, precision, args) for n in sizes for precision in PRECISIONS]


def run_case(makers: dict[str, Any], n: int, precision: str, args: argparse.Namespace) -> Row:
    steps = args.steps or default_steps(n)
    network = draw_network(n, precision, steps, args.seed)
    given = {"network": network, "steps": steps, "args": args}
    makers = {name: partial(make, **given) for name, make in makers.items()}
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        check_spikes(made, network)
        ours = made[OURS]
        facts = {"spikes/step": float(ours.spikes(steps).sum(dtype=np.int64)) / steps}
        timings = compare(made, args.repeats, args.device, scale=1000)
        facts["run of 1 step, us"] = ours.short_run_us()
        floor, profile = ours.floor(network), by_row(ours)
    case = {"n": n, "precision": precision, "steps": steps}
    return Row(case, timings, build_ms, facts, floor, profile)


def check_spikes(made: dict[str, Any], network: Network) -> None:
    """BenchError unless, in fixed point, all agree on the second layer's spikes in the steps that
    all of them ran. In floating point a sum depends on its order, and in time a spike does too."""
    common = min(contender.work for contender in made.values())
    spikes = {name: contender.spikes(common) for name, contender in made.items()}
    if network.fixed and any(np.any(found != spikes[OURS]) for found in spikes.values()):
        counts = {name: int(found.sum()) for name, found in spikes.items()}
        raise BenchError(
            f"the contenders do not compute the same: spikes in the first {common} steps, {counts}."
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=positive, nargs="+", help=f"sizes (default: {SIZES})")
    parser.add_argument("--large", action="store_true", help=f"n = {LARGE} too")


BENCHMARK = Benchmark(
    name="chain",
    summary="source -> LIF(n) -> Dense(n, n) -> LIF(n) -> Monitor, process.run(RunSteps(steps))",
    unit="us/step",
    steps=None,
    peers=("lava",),
    add_arguments=add_arguments,
    run=run,
)
