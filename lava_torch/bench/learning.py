"""`learning`: STDP between n and n neurons, the whole network, through `process.run`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import lava_torch as lt
from lava_torch.bench import bandwidth
from lava_torch.bench.eager import EagerLoop
from lava_torch.bench.options import positive, probability
from lava_torch.bench.processes import ProcessRun
from lava_torch.bench.profile import by_row
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Floor, Row
from lava_torch.bench.timing import build, compare

PRECISIONS = ("floating_pt", "fixed_pt")
SIZES = (100, 1000)
#: Steps of a run at most, and fewer for more synapses; the spikes come again after PERIOD steps.
STEPS, PERIOD = 100_000, 1000
ACTIVITY, T_EPOCH = 0.05, 4
#: Traces decay with this tau, in steps, and weights change by this much of a trace.
TAU, RATE = 10.0, 0.25
#: No neuron of the last layer reaches it: what is measured does not depend on its spikes.
VTH = 100_000


@dataclass(frozen=True)
class Problem:
    """Spikes of the neurons on both sides, (n, PERIOD) each, and the weights, (n, n)."""

    precision: str
    pre: np.ndarray
    post: np.ndarray
    weights: np.ndarray
    t_epoch: int
    sparse: float | None = None

    @property
    def n(self) -> int:
        return len(self.pre)

    @property
    def fixed(self) -> bool:
        return self.precision == "fixed_pt"


def draw(n: int, precision: str, args: argparse.Namespace) -> Problem:
    rng = np.random.default_rng(args.seed)
    pre, post = (rng.random((2, n, PERIOD)) < args.activity).astype(np.int32)
    weights = rng.integers(-60, 61, (n, n)) if precision == "fixed_pt" else rng.normal(0, 1, (n, n))
    if args.sparse is not None:
        weights = weights * (rng.random((n, n)) < args.sparse)
    return Problem(precision, pre, post, weights, args.t_epoch, args.sparse)


class OurLearning(ProcessRun):
    """lava_torch: two sources, a connection that learns, and LIF neurons behind it."""

    def __init__(self, problem: Problem, steps: int, args: argparse.Namespace) -> None:
        pre = lt.io.source.RingBuffer(data=problem.pre)
        post = lt.io.source.RingBuffer(data=problem.post)
        rule = lt.STDPLoihi(
            learning_rate=RATE, A_plus=1, A_minus=-1, tau_plus=TAU, tau_minus=TAU,
            t_epoch=problem.t_epoch, rng_seed=args.seed,
        )  # fmt: skip
        kind = lt.LearningDense if problem.sparse is None else lt.LearningSparse
        self.problem = problem
        self.synapses = kind(weights=problem.weights, learning_rule=rule)
        self.lif = lt.LIF(shape=(problem.n,), du=4095 if problem.fixed else 1, vth=VTH)
        pre.s_out.connect(self.synapses.s_in)
        post.s_out.connect(self.synapses.s_in_bap)
        self.synapses.a_out.connect(self.lif.a_in)
        super().__init__(self.lif, steps, args, problem.precision)

    def weights(self) -> np.ndarray:
        """After the last run."""
        found = self.synapses.weights.get()
        return found if self.problem.sparse is None else found.toarray()

    def floor(self) -> Floor:
        """What a step has to read and write, at least: of an epoch's synapses those whose pre- or
        postsynaptic neuron spiked, of a step the rows of its spikes; traces and spikes."""
        problem = self.problem
        spiked = [_share(x, problem.t_epoch) for x in (problem.pre, problem.post)]
        touched = 1 - (1 - spiked[0]) * (1 - spiked[1])
        stored = self.buffer(self.synapses, "weights").numel()
        number = self.buffer(self.lif, "u").element_size()
        learnt = 2 * touched * stored * number / problem.t_epoch
        propagated = problem.pre.mean() * stored * number
        # Spikes in, and listed; times and traces once an epoch; u and v; what is sent.
        neurons = problem.n * number * (2 * 2 + 2 * 3 / problem.t_epoch + 2 * 2 + 2)
        moved = learnt + propagated + neurons
        return bandwidth.floor(moved, stored * number + moved, self.device, 1e6)


class TorchLearning(EagerLoop):
    """The same network as one would write it by hand, in floating point."""

    def __init__(self, problem: Problem, steps: int, args: argparse.Namespace) -> None:
        self.problem, self.limit, self.device = problem, min(steps, PERIOD), args.device
        self.pre, self.post = (
            torch.tensor(x.T, dtype=torch.float32, device=args.device).contiguous()
            for x in (problem.pre, problem.post)
        )
        self.start_weights = torch.tensor(problem.weights, dtype=torch.float32, device=args.device)
        self.there = None if problem.sparse is None else self.start_weights != 0
        self.decay = float(np.exp(-1 / TAU))

    def reset(self) -> None:
        n, device = self.problem.n, self.device
        self.w = self.start_weights.clone()
        # Traces as they were in each step of the epoch, and when a neuron last spiked in it.
        self.x, self.y = (torch.zeros(n, device=device) for _ in range(2))
        self.tx, self.ty = (torch.zeros(n, dtype=torch.long, device=device) for _ in range(2))
        self.arriving = self.u = self.v = torch.zeros(n, device=device)

    def advance(self, steps: int) -> None:
        for t in range(steps):
            pre, post = self.pre[t % PERIOD], self.post[t % PERIOD]
            self.u = self.arriving
            self.v = self.v + self.u
            self.arriving = self.w @ pre
            k = t % self.problem.t_epoch + 1
            self.x, self.tx = _spiked(self.x, self.tx, pre, k)
            self.y, self.ty = _spiked(self.y, self.ty, post, k)
            if k == self.problem.t_epoch:
                self._learn()

    def _learn(self) -> None:
        x, y = (self._history(z, tz) for z, tz in ((self.x, self.tx), (self.y, self.ty)))
        plus = x[self.ty] * (self.ty > 0)[:, None]  # (post, pre): x1 when the neuron spiked
        minus = y[self.tx] * (self.tx > 0)[:, None]  # (pre, post)
        change = RATE * (plus - minus.T)
        self.w += change if self.there is None else change * self.there
        self.x, self.y = x[-1], y[-1]
        self.tx.zero_()
        self.ty.zero_()

    def _history(self, trace: Tensor, times: Tensor) -> Tensor:
        rows = [trace]
        for k in range(1, self.problem.t_epoch + 1):
            rows.append(rows[-1] * self.decay + 16.0 * (times == k))
        return torch.stack(rows)

    def weights(self) -> np.ndarray:
        return self.w.cpu().numpy()


def _spiked(trace: Tensor, times: Tensor, spikes: Tensor, k: int) -> tuple[Tensor, Tensor]:
    again = spikes * (times > 0)
    return trace + 16.0 * again, torch.where(spikes > 0, k, times)


def _share(spikes: np.ndarray, t_epoch: int) -> float:
    """Of the neurons, how many spike in an epoch."""
    whole = spikes[:, : spikes.shape[1] // t_epoch * t_epoch]
    return float(whole.reshape(len(spikes), -1, t_epoch).any(-1).mean())


def default_steps(n: int) -> int:
    return max(min(STEPS, 2 * 10**10 // n**2), T_EPOCH)


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each size and precision; BenchError if a contender computes something else."""
    return [
        run_case(n, precision, args)
        for n in args.n or SIZES
        for precision in args.precision or PRECISIONS
    ]


def run_case(n: int, precision: str, args: argparse.Namespace) -> Row:
    steps = args.steps or default_steps(n)
    problem = draw(n, precision, args)
    given: dict[str, Any] = {"problem": problem, "steps": steps, "args": args}
    makers = {OURS: partial(OurLearning, **given), "torch": partial(TorchLearning, **given)}
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        check(made, problem)
        timings = compare(made, args.repeats, args.device, scale=1000)
        ours = made[OURS]
        facts = {"synapses": float(ours.buffer(ours.synapses, "weights").numel())}
        floor, profile = ours.floor(), by_row(ours)
    case = {"n": n, "precision": precision, "t_epoch": args.t_epoch, "steps": steps}
    return Row(case, timings, build_ms, facts, floor, profile)


def check(made: dict[str, Any], problem: Problem) -> None:
    """BenchError unless both learnt the same in some steps from the start, in floating point; fixed
    point, whose rounding is random and whose weights have limits, is the tests' business."""
    if problem.fixed:
        return
    found = {}
    for name, contender in made.items():
        contender.reset()
        work, contender.work = contender.work, 5 * problem.t_epoch
        contender.run()
        found[name], contender.work = contender.weights(), work
    if not np.allclose(*found.values(), rtol=1e-3, atol=1e-3):
        worst = np.abs(np.subtract(*found.values())).max()
        raise BenchError(f"the contenders do not learn the same: weights differ by {worst:.3g}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--n", type=positive, nargs="+", help=f"sizes (default: {SIZES})")
    parser.add_argument("--precision", choices=PRECISIONS, nargs="+", help="default: both")
    parser.add_argument(
        "--activity", type=probability, default=ACTIVITY, help="share of spikes (%(default)s)"
    )
    parser.add_argument(
        "--t-epoch", type=positive, default=T_EPOCH, help="steps of an epoch (%(default)s)"
    )
    parser.add_argument("--sparse", type=probability, help="LearningSparse of this density")


BENCHMARK = Benchmark(
    name="learning",
    summary="two sources -> LearningDense(n, n) by STDP -> LIF(n), process.run(RunSteps(steps))",
    unit="us/step",
    steps=None,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
