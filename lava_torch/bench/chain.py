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
from torch import Tensor

import lava_torch as lt
from lava_torch.bench.options import positive
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Row
from lava_torch.bench.timing import build, compare

PRECISIONS = ("floating_pt", "fixed_pt")
SIZES = (100, 1000)
LARGE = 10_000
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


class ProcessChain:
    """The network as Processes, of lava_torch or of Lava: whoever's classes `api` has."""

    def __init__(self, api: SimpleNamespace, network: Network, run_cfg: Any, steps: int, kept: int):
        self.steps = steps
        self.run_cfg = run_cfg
        self.condition = api.RunSteps(num_steps=steps)
        source = api.RingBuffer(data=network.spikes)
        first = api.LIF(shape=(network.n,), **network.first)
        dense = api.Dense(weights=network.weights)
        self.second = api.LIF(shape=(network.n,), **network.second)
        source.s_out.connect(first.a_in)
        first.s_out.connect(dense.s_in)
        dense.a_out.connect(self.second.a_in)
        self.monitor = api.Monitor()
        self.monitor.probe(self.second.s_out, kept)

    def run(self) -> None:
        self.second.run(condition=self.condition, run_cfg=self.run_cfg)

    def spikes(self) -> np.ndarray:
        """(steps, n), of the first run."""
        return self.monitor.get_data()[self.second.name]["s_out"][: self.steps]

    def close(self) -> None:
        self.second.stop()


class OurChain(ProcessChain):
    """lava_torch, each run from time step 0."""

    def __init__(self, network: Network, args: argparse.Namespace) -> None:
        run_cfg = lt.Loihi2SimCfg(
            select_tag=network.precision, device=args.device, stepper=args.stepper
        )
        super().__init__(OUR_API, network, run_cfg, args.steps, kept=args.steps)

    def reset(self) -> None:
        self.second.runtime.reset()


class LavaChain(ProcessChain):
    """Lava, which runs on and on: it cannot be reset."""

    def __init__(self, api: SimpleNamespace, network: Network, args: argparse.Namespace) -> None:
        run_cfg = api.Loihi2SimCfg(select_tag=network.precision)
        super().__init__(api, network, run_cfg, args.steps, kept=args.steps * (args.repeats + 1))

    def reset(self) -> None:
        """Nothing: the next run goes on where this one ended."""


class TorchChain:
    """The peer: the same network as a loop of eager torch, as one would write it by hand."""

    def __init__(self, network: Network, args: argparse.Namespace) -> None:
        self.network = network
        self.steps = args.steps
        state = torch.int64 if network.fixed else torch.float32
        self.data = torch.tensor(network.spikes.T, dtype=state, device=args.device).contiguous()
        # In fixed point too: float32 holds every sum of these weights exactly.
        self.weights = torch.tensor(network.weights, dtype=torch.float32, device=args.device)
        self.record = torch.zeros(self.steps, network.n, dtype=state, device=args.device)
        self.reset()

    def reset(self) -> None:
        self.state = [torch.zeros_like(self.record[0]) for _ in range(5)]

    @torch.no_grad()
    def run(self) -> None:
        step = fixed_lif if self.network.fixed else float_lif
        u1, v1, arriving, u2, v2 = self.state
        for t in range(self.steps):
            s1, u1, v1 = step(self.data[t % len(self.data)], u1, v1, **self.network.first)
            s2, u2, v2 = step(arriving, u2, v2, **self.network.second)
            arriving = (self.weights @ s1.to(self.weights.dtype)).to(u1.dtype)
            self.record[t] = s2
        self.state = [u1, v1, arriving, u2, v2]

    def spikes(self) -> np.ndarray:
        return self.record.cpu().numpy()


def float_lif(
    a_in: Tensor, u: Tensor, v: Tensor, du: float, dv: float, bias_mant: float, vth: float
) -> tuple[Tensor, Tensor, Tensor]:
    u = u * (1 - du) + a_in
    v = v * (1 - dv) + u + bias_mant
    s = v > vth
    return s.to(v.dtype), u, torch.where(s, 0, v)


def fixed_lif(
    a_in: Tensor, u: Tensor, v: Tensor, du: int, dv: int, bias_mant: int, bias_exp: int, vth: int
) -> tuple[Tensor, Tensor, Tensor]:
    u = _decay(u, 4095 - du) + (a_in << 6)
    u = torch.where(u > 2**23, u - 2**24, u)
    u = torch.where(u <= -(2**23), u + 2**24, u)
    v = _decay(v, 4096 - dv) + u + (bias_mant << bias_exp)
    v = v.clamp(1 - 2**23, 2**23 - 1)
    s = v > vth << 6
    return s.to(v.dtype), u, torch.where(s, 0, v)


def _decay(x: Tensor, factor: int) -> Tensor:
    return x.sign() * ((x.abs() * factor) >> 12)


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each size and precision; BenchError if a contender computes something else."""
    makers: dict[str, Any] = {OURS: OurChain, "torch": TorchChain}
    if "lava" in args.vs:
        makers["lava"] = partial(LavaChain, lava_api())
    sizes = [*(args.n or SIZES), *([LARGE] if args.large else [])]
    return [run_case(makers, n, precision, args) for n in sizes for precision in PRECISIONS]


def run_case(makers: dict[str, Any], n: int, precision: str, args: argparse.Namespace) -> Row:
    network = draw_network(n, precision, args.steps, args.seed)
    makers = {name: partial(make, network=network, args=args) for name, make in makers.items()}
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        counts = check_spikes(made, network)
        timings = compare(made, args.repeats, args.device, per_ms=1000 / args.steps)
    facts = {"spikes/step": counts[OURS] / args.steps}
    return Row({"n": n, "precision": precision}, timings, build_ms, facts)


def check_spikes(made: dict[str, Any], network: Network) -> dict[str, int]:
    """How often the second layer spiked, by contender; in fixed point all must agree."""
    counts = {name: int(contender.spikes().sum()) for name, contender in made.items()}
    if network.fixed and len(set(counts.values())) > 1:
        raise BenchError(f"the contenders do not compute the same: spikes in all, {counts}.")
    return counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=positive, nargs="+", help=f"sizes (default: {SIZES})")
    parser.add_argument("--large", action="store_true", help=f"n = {LARGE} too")


BENCHMARK = Benchmark(
    name="chain",
    summary="source -> LIF(n) -> Dense(n, n) -> LIF(n) -> Monitor, process.run(RunSteps(steps))",
    unit="us/step",
    steps=1000,
    peers=("lava",),
    add_arguments=add_arguments,
    run=run,
)
