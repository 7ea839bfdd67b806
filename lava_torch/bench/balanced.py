"""`balanced`: excitatory and inhibitory LIF neurons with random recurrent connections."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

import lava_torch as lt
from lava_torch.bench import bandwidth, brian2_peer
from lava_torch.bench.eager import EagerLoop, float_lif
from lava_torch.bench.options import positive, probability
from lava_torch.bench.processes import ProcessRun
from lava_torch.bench.profile import by_row
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Floor, Row
from lava_torch.bench.startup import run_python
from lava_torch.bench.timing import build, compare

EXCITATORY = 0.8
#: Of the weights: times 1 / sqrt(p N), and inhibitory ones times that of excitatory ones.
STRENGTH, INHIBITION = 0.12, -4.5
#: Contenders may differ in the number of spikes by this share: sums are taken in different orders.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Case:
    """N neurons, each connected to each with probability p; a step is `milliseconds` of biology.

    `bias` is that of all neurons, or the lowest and the highest.
    """

    n: int
    p: float
    steps: int
    dv: float = 0.05
    bias: float | tuple[float, float] = 0.055
    milliseconds: float | None = None

    @property
    def lif(self) -> dict[str, Any]:
        """The neurons' parameters; numbers, or the bias of each neuron."""
        bias: float | np.ndarray = self.bias
        if not isinstance(self.bias, float):
            bias = np.linspace(*self.bias, self.n, dtype=np.float32)
            bias = np.random.default_rng(self.n).permutation(bias)
        return {"du": 0.2, "dv": self.dv, "vth": 1.0, "bias_mant": bias}

    def weights(self) -> np.ndarray:
        """(n,): what a spike of each neuron adds to the input of those that it reaches."""
        weights = np.full(self.n, STRENGTH / sqrt(self.p * self.n), np.float32)
        weights[round(EXCITATORY * self.n) :] *= np.float32(INHIBITION)
        return weights

    def voltages(self, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).random(self.n, dtype=np.float32)

    def connect(self, seed: int, device: str) -> lt.CSR:
        return lt.connectivity.bernoulli(
            self.n, self.n, self.p, weight=self.weights(), seed=seed, device=device
        )


SMALL = Case(n=4000, p=0.02, steps=1000)
LARGE = Case(n=20_000, p=0.05, steps=300)
#: As many neurons and synapses as below a square millimetre of cortex (Potjans and Diesmann, "The
#: cell-type specific cortical microcircuit", Cerebral Cortex 24, 2014), with membranes of 20 ms and
#: biases that differ, by which the neurons spike about 3 times a second.
HUGE = Case(77_000, 3900 / 77_000, 2000, dv=0.005, bias=(0.0, 0.0055), milliseconds=0.1)


@dataclass(frozen=True)
class Network:
    """The synapses and voltages of a case; `csr` is on the device."""

    case: Case
    csr: lt.CSR
    v: np.ndarray


class OurBalanced(ProcessRun):
    """One LIF and one Sparse."""

    def __init__(self, network: Network, args: argparse.Namespace, record: bool = False) -> None:
        case = network.case
        neurons = lt.LIF(shape=(case.n,), v=network.v, **case.lif)
        recurrent = lt.Sparse(weights=network.csr)
        neurons.s_out.connect(recurrent.s_in)
        recurrent.a_out.connect(neurons.a_in)
        self.monitor = lt.Monitor() if record else None
        if self.monitor is not None:
            self.monitor.probe(neurons.s_out, case.steps)
        super().__init__(neurons, case.steps, args, "floating_pt")

    def spikes(self) -> Tensor:
        """(steps, n), of a network that was made to record them."""
        return self.buffer(self.monitor, "record_0")


class TorchBalanced(EagerLoop):
    """Visits the synapses of the neurons that spiked, as one would by hand."""

    def __init__(self, network: Network, args: argparse.Namespace) -> None:
        self.case, self.limit, self.device = network.case, network.case.steps, args.device
        self.v = torch.tensor(network.v, device=args.device)
        self.indptr, self.values = network.csr.indptr, network.csr.values
        self.indices = network.csr.indices.to(torch.int32)
        self.count = torch.zeros((), dtype=torch.int64, device=args.device)

    def reset(self) -> None:
        self.count.zero_()
        zeros = torch.zeros_like(self.v)
        self.state = zeros, zeros, self.v

    def advance(self, steps: int) -> None:
        arriving, u, v = self.state
        for _ in range(steps):
            s, u, v = float_lif(arriving, u, v, **self.case.lif)
            arriving = self._propagate(s)
            self.count += s.sum(dtype=torch.int64)
        self.state = arriving, u, v

    def _propagate(self, s: Tensor) -> Tensor:
        pre = s.nonzero().flatten()
        start, length = self.indptr[pre], self.indptr[pre + 1] - self.indptr[pre]
        skipped = torch.repeat_interleave(start - length.cumsum(0) + length, length)
        synapse = skipped + torch.arange(len(skipped), device=s.device)
        return torch.zeros_like(s).index_add_(0, self.indices[synapse], self.values[synapse])


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each case; BenchError if a contender computes something else."""
    python = brian2_peer.find_python(args.brian2_python) if "brian2" in args.vs else None
    return [run_case(case, args, python) for case in cases(args)]


def cases(args: argparse.Namespace) -> list[Case]:
    if args.n:
        chosen = [Case(n, args.p, 300) for n in args.n]
    else:
        chosen = [SMALL, *([LARGE] if args.large else []), *([HUGE] if args.huge else [])]
    steps = args.steps
    return [Case(**{**vars(case), "steps": steps or case.steps}) for case in chosen]


def run_case(case: Case, args: argparse.Namespace, python: str | None) -> Row:
    network = Network(case, case.connect(args.seed, args.device), case.voltages(args.seed))
    spikes = recorded_spikes(network, args)
    makers: dict[str, Any] = {
        OURS: partial(OurBalanced, network, args),
        "torch": partial(TorchBalanced, network, args),
    }
    if python is not None:
        makers["brian2"] = partial(brian2_peer.Brian2Balanced, network, python)
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        theirs = check_spikes(made, spikes)
        timings = compare(made, args.repeats, args.device, scale=1000)
        profile = by_row(made[OURS])
    facts, floor = describe(network, spikes, timings[OURS].median, args.device)
    case_of_row = {"n": case.n, "p": round(case.p, 4), "steps": case.steps}
    facts |= theirs | built(case, args)
    return Row(case_of_row, timings, build_ms, facts, floor, profile)


def recorded_spikes(network: Network, args: argparse.Namespace) -> Tensor:
    """(steps, n) on the CPU, of a network beside those that are timed: they record nothing."""
    recorder = OurBalanced(network, args, record=True)
    try:
        recorder.run()
        return recorder.spikes().cpu()
    finally:
        recorder.close()


def check_spikes(made: dict[str, Any], spikes: Tensor) -> dict[str, float]:
    """By how many a peer's spikes exceed ours in its steps; BenchError if by more than a little."""
    more = {}
    for name, peer in made.items():
        if name == OURS:
            continue
        ours, theirs = int(spikes[: peer.work].sum(dtype=torch.int64)), int(peer.count)
        more[f"spikes more in {name}"] = float(theirs - ours)
        if abs(ours - theirs) > TOLERANCE * max(ours, theirs):
            raise BenchError(
                f"the contenders do not compute the same: in {peer.work} steps {ours} spikes here, "
                f"and {theirs} with {name}."
            )
    return more


def describe(
    network: Network, spikes: Tensor, microseconds: float, device: str
) -> tuple[dict[str, float], Floor]:
    """What happens in a step, what that makes of its time, and what it cannot go below."""
    case, csr = network.case, network.csr
    each = spikes.sum(dim=0, dtype=torch.float64)
    sent, events = (
        float(x) / case.steps for x in (each.sum(), each @ csr.indptr.cpu().diff().double())
    )
    facts = {"spikes/step": sent, "events/step": events}
    if events:
        facts["ns/event"] = microseconds * 1e3 / events
    if case.milliseconds is not None:
        facts["spikes/s/neuron"] = sent / case.n / case.milliseconds * 1e3
        facts["real-time factor"] = microseconds / 1e3 / case.milliseconds
    synapse = csr.indices.element_size() + csr.values.element_size()
    # A neuron's u and v in and out, its spike out and in, and its input out and in.
    moved = events * synapse + sent * 2 * csr.indptr.element_size() + case.n * (4 * 4 + 2 + 2 * 4)
    return facts, bandwidth.floor(moved, csr.nbytes + case.n * 26, device, 1e6)


def built(case: Case, args: argparse.Namespace) -> dict[str, float]:
    """What building the network takes in a Python of its own, where compiled code is at hand."""
    options = {"seed": args.seed, "device": args.device, "stepper": args.stepper}
    return run_python("balanced_build", {"case": vars(case), **options}, {})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--large", action="store_true", help=f"N = {LARGE.n} too")
    parser.add_argument("--huge", action="store_true", help=f"N = {HUGE.n} too, for a GPU")
    parser.add_argument("--n", type=positive, nargs="+", help="these sizes and no others")
    parser.add_argument("--p", type=probability, default=0.05, help="with --n (default: 0.05)")
    parser.add_argument(
        "--brian2-python",
        metavar="PATH",
        help="the Python that has Brian2, for --vs brian2 (default: "
        f"${brian2_peer.VARIABLE}, else this one)",
    )


BENCHMARK = Benchmark(
    name="balanced",
    summary="N LIF neurons (80 % excitatory), Bernoulli connectivity p, one recurrent Sparse",
    unit="us/step",
    steps=None,
    peers=("brian2",),
    add_arguments=add_arguments,
    run=run,
)
