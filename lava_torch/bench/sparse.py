"""`sparse`: the sum that a connection takes in a step, by events and as a dense product."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

import lava_torch as lt
from lava_torch.bench import bandwidth
from lava_torch.bench.options import positive, probability
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Floor, Row
from lava_torch.bench.timing import affordable, build, compare
from lava_torch.kernels import op, spike
from lava_torch.kernels.table import Control, Program

SIZES = (1000, 3000, 10_000)
DENSITIES = (0.1, 1.0)
ACTIVITIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5)
#: Sets of spikes that are propagated in turn: one alone would keep its weights in the caches.
SETS = 8
#: Turns of a run at most.
MOST = 2000


@dataclass(frozen=True)
class Problem:
    """Weights from n neurons to n, and spikes (SETS, n), uint8, to be propagated through them.

    The weights are there twice: by presynaptic neuron as `lava_torch.CSR` has them (`indices` is
    None where all pairs are connected), and as the matrix (post, pre) of a dense product.
    """

    indptr: Tensor
    indices: Tensor | None
    values: Tensor
    dense: Tensor
    spikes: Tensor
    activity: float = 0.0

    @property
    def n(self) -> int:
        return self.spikes.shape[1]

    @property
    def device(self) -> str:
        return str(self.spikes.device)

    def synapses_of(self, neurons: Tensor) -> int:
        """How many synapses some neurons have together; `neurons` is (n,) or (SETS, n)."""
        return int((self.indptr.diff() * (neurons != 0)).sum())


def draw(n: int, density: float, seed: int, device: str) -> Problem:
    generator = torch.Generator().manual_seed(seed)
    spikes = torch.zeros(SETS, n, dtype=torch.uint8, device=device)
    if density == 1:
        dense = torch.randn(n, n, generator=generator).to(device)
        indptr = torch.arange(0, n**2 + 1, n, device=device)
        return Problem(indptr, None, dense.t().contiguous().flatten(), dense, spikes)
    csr = lt.connectivity.bernoulli(n, n, density, seed=seed, device=device)
    values = torch.randn(csr.nnz, generator=generator).to(device)
    pre = torch.repeat_interleave(csr.indptr.diff())
    dense = torch.zeros(n, n, device=device)
    dense[csr.indices.to(torch.int64), pre] = values
    return Problem(csr.indptr, csr.indices, values, dense, spikes)


def with_spikes(problem: Problem, activity: float, seed: int) -> Problem:
    """The same weights, and about that share of the neurons spiking, one at least."""
    rng = np.random.default_rng(seed)
    spikes = torch.zeros(SETS, problem.n, dtype=torch.uint8)
    for one in spikes:
        order = rng.permutation(problem.n)
        one[torch.from_numpy(order[: max(round(activity * problem.n), 1)])] = 1
    spikes = spikes.to(problem.spikes.device)
    return replace(problem, spikes=spikes, activity=activity)


class Turns(ABC):
    """A contender that propagates all sets of spikes, over and over."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.events = problem, problem.synapses_of(problem.spikes)
        self.out = torch.zeros(SETS, problem.n, device=problem.spikes.device)
        self.turns = self.make_turns()

    @abstractmethod
    def make_turns(self) -> Callable[[int], object]:
        """A function that writes the sums of all sets to `out`, as often as it is told."""

    def prepare(self) -> None:
        self.times = affordable(self.turns, MOST, self.problem.device)
        self.work = self.times * max(self.events, 1)

    def reset(self) -> None:
        self.out.zero_()

    def run(self) -> None:
        self.turns(self.times)


class Events(Turns):
    """The row operations of lava_torch: list who spiked, and sum what that adds."""

    def make_turns(self) -> Callable[[int], object]:
        rows = [row for k in range(SETS) for row in self._rows(k)]
        if self.out.is_cuda:
            return captured(lambda: [row.run("gpu") for row in rows])
        return partial(Program(rows, torch.zeros(1, dtype=torch.int64)).run, control=Control())

    def _rows(self, k: int) -> tuple[op.Row, op.Row]:
        problem, device = self.problem, self.out.device
        x, out = problem.spikes[k], self.out[k : k + 1]
        spikes = torch.zeros(problem.n, dtype=torch.int32, device=device)
        count = torch.zeros(1, dtype=torch.int32, device=device)
        listed = spike.COMPACT.on(x, spikes, count)
        if problem.indices is None:
            weights = problem.values.view(problem.n, problem.n)
            return listed, spike.DENSE.on(spikes, count, x, weights, out, False)
        synapses = problem.indptr, problem.indices, problem.values
        return listed, spike.SPARSE.on(spikes, count, x, *synapses, out, False)


class DenseProduct(Turns):
    """The dense product in torch, of floats."""

    compiled = False

    def make_turns(self) -> Callable[[int], object]:
        product = torch.compile(_product) if self.compiled else _product
        sets = list(zip(self.problem.spikes.float(), self.out, strict=True))

        def turn() -> None:
            for x, out in sets:
                product(self.problem.dense, x, out)

        return captured(turn) if self.out.is_cuda else partial(_repeat, turn)


class CompiledProduct(DenseProduct):
    """The same under torch.compile."""

    compiled = True


def _product(dense: Tensor, x: Tensor, out: Tensor) -> None:
    out.copy_(dense @ x)


def _repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def captured(work: Callable[[], object]) -> Callable[[int], object]:
    """Do it as often as told, from a CUDA graph, so that the host's share is not measured."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return partial(_repeat, graph.replay)


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each size, density and activity; BenchError if the sums differ."""
    if args.stepper != "auto":
        raise BenchError(f"sparse measures operations, not steppers: drop --stepper {args.stepper}")
    rows = []
    for n in args.n or SIZES:
        for density in args.density or DENSITIES:
            problem = draw(n, density, args.seed, args.device)
            rows += run_problem(problem, density, args)
    return rows


@torch.no_grad()
def run_problem(problem: Problem, density: float, args: argparse.Namespace) -> list[Row]:
    activities = sorted(args.activity or ACTIVITIES)
    rows = [run_case(with_spikes(problem, a, args.seed), density, args) for a in activities]
    peers = [name for name in rows[0].timings if name != OURS]
    for peer in peers:
        where = crossover(activities, [row.ratio(peer) for row in rows])
        for row in rows if where is not None else []:
            row.facts[f"{peer} overtakes at"] = where
    return rows


def run_case(problem: Problem, density: float, args: argparse.Namespace) -> Row:
    makers: dict[str, type[Turns]] = {OURS: Events, "dense": DenseProduct}
    if args.compile:
        makers["compiled dense"] = CompiledProduct
    with ExitStack() as stack:
        given = {name: partial(make, problem) for name, make in makers.items()}
        made, build_ms = build(given, args.device, stack)
        check_sums({name: contender.out for name, contender in made.items()})
        timings = compare(made, args.repeats, args.device, scale=1e6)
    events = made[OURS].events / SETS
    facts = {"events": events, "us": timings[OURS].median * events / 1e3}
    case = {"n": problem.n, "density": density, "activity": problem.activity}
    return Row(case, timings, build_ms, facts, floor(problem))


def check_sums(results: dict[str, Tensor]) -> None:
    for name, found in results.items():
        error = float((found - results[OURS]).abs().max())
        if error > 1e-4 * max(float(found.abs().max()), 1.0):
            raise BenchError(f"the sums of {name} differ from those of {OURS} by up to {error}.")


def floor(problem: Problem) -> Floor:
    """What an event has to move: its synapse, and its share of pointers, spikes and sums."""
    events, pointers, synapse = problem.synapses_of(problem.spikes), 0, problem.values.itemsize
    if problem.indices is not None:
        synapse += problem.indices.itemsize
        pointers = 2 * problem.indptr.itemsize * int(problem.spikes.sum())
    around = problem.spikes.numel() * (1 + 4)  # spikes in, sums out
    visited = synapse * problem.synapses_of(problem.spikes.amax(dim=0))
    moved = events * synapse + pointers + around
    return bandwidth.floor(moved / max(events, 1), visited + around, problem.device, 1e9)


def crossover(activities: Sequence[float], ratios: Sequence[float]) -> float | None:
    """The activity from which on the ratio is above 1, between two measured ones by interpolating
    both on a logarithmic scale; None if it is not above 1 at the last."""
    if ratios[-1] <= 1:
        return None
    below = [i for i, ratio in enumerate(ratios) if ratio <= 1]
    if not below:
        return activities[0]
    x, y = (np.log(values[below[-1] : below[-1] + 2]) for values in (activities, ratios))
    return float(np.exp(x[0] - y[0] * (x[1] - x[0]) / (y[1] - y[0])))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=positive, nargs="+", help=f"sizes (default: {SIZES})")
    parser.add_argument(
        "--density",
        type=probability,
        nargs="+",
        help=f"of the synapses; 1 takes the operation of Dense (default: {DENSITIES})",
    )
    parser.add_argument(
        "--activity", type=probability, nargs="+", help=f"shares of spikes (default: {ACTIVITIES})"
    )
    parser.add_argument("--compile", action="store_true", help="torch.compile's product too")


BENCHMARK = Benchmark(
    name="sparse",
    summary="propagation alone: spikes of n neurons listed and summed through n x n weights",
    unit="ns/event",
    steps=None,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
