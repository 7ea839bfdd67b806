"""`oxford`: a trained network of two layers in fixed point, whose output Lava has given.

It is the Oxford network of lava-dl (github.com/lava-nc/lava-dl, BSD-3-Clause), which turns spike
trains into a picture made of spikes.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import torch

import lava_torch as lt
from lava_torch.bench import bandwidth
from lava_torch.bench.eager import EagerLoop, fixed_lif
from lava_torch.bench.processes import ProcessRun
from lava_torch.bench.profile import by_row
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Floor, Row
from lava_torch.bench.timing import build, compare

#: Where a copy of the repository has the network and its case.
DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
STEPS = 2000


@dataclass(frozen=True)
class Layer:
    """Weights (post, pre), even and in 9 bits, and the parameters of the LIF neurons behind."""

    weights: np.ndarray
    lif: dict[str, int]


def read_layers(path: Path) -> list[Layer]:
    """The dense layers of CUBA neurons of a lava-dl network (HDF5).

    Of the current's decay, `iDecay`, LIF subtracts one more in its update (Loihi has 4096 - iDecay
    where LIF has 4095 - du). A spike takes the one step that every connection takes.

    Raises BenchError for layers or neurons of other kinds, OSError if it is no HDF5 file.
    """
    with h5py.File(path) as file:
        return [_read_layer(file["layer"][str(i)]) for i in range(len(file["layer"]))]


def _read_layer(group: h5py.Group) -> Layer:
    kinds = _text(group["type"]), _text(group["neuron"]["type"])
    if kinds != ("dense", "CUBA"):
        raise BenchError(f"{group.name} is {kinds}; only dense layers of CUBA neurons are read.")
    neuron = {name: int(group["neuron"][name][()]) for name in ("iDecay", "vDecay", "vThMant")}
    lif = {"du": neuron["iDecay"] - 1, "dv": neuron["vDecay"], "vth": neuron["vThMant"]}
    return Layer(group["weight"][()].astype(np.int32), lif)


def _text(dataset: h5py.Dataset) -> str:
    return np.ravel(dataset[()])[0].decode()


@dataclass(frozen=True)
class Case:
    """The network with what goes in, (inputs, steps), and what Lava gives out, (outputs, steps)."""

    layers: list[Layer]
    input: np.ndarray
    output: np.ndarray


def load(folder: Path) -> Case:
    """The case of a folder; BenchError if its files are not there."""
    net, case = folder / "oxford.net", folder / "oxford_case.npz"
    for file in (net, case):
        if not file.exists():
            raise BenchError(f"there is no {file}: give the folder of a copy of the repository's "
                             "tests/data by --data.")  # fmt: skip
    with np.load(case) as arrays:
        return Case(read_layers(net), arrays["input"], arrays["output"])


class OurOxford(ProcessRun):
    """source -> Dense -> LIF -> Dense -> LIF -> Monitor."""

    def __init__(self, case: Case, steps: int, args: argparse.Namespace) -> None:
        self.source = lt.io.source.RingBuffer(data=case.input)
        self.dense, self.lif, process = [], [], self.source
        for layer in case.layers:
            self.dense.append(lt.Dense(weights=layer.weights))
            process.s_out.connect(self.dense[-1].s_in)
            process = lt.LIF(shape=(len(layer.weights),), **layer.lif)
            self.dense[-1].a_out.connect(process.a_in)
            self.lif.append(process)
        self.monitor = lt.Monitor()
        self.monitor.probe(process.s_out, steps)
        super().__init__(process, steps, args, "fixed_pt")

    def output(self, steps: int) -> np.ndarray:
        """(outputs, steps), the first of the last run."""
        return self.buffer(self.monitor, "record_0")[:steps].cpu().numpy().T

    def floor(self, case: Case, hidden: float) -> Floor:
        """`hidden` is how many neurons of the first layer spike in a step."""
        weights = [self.buffer(dense, "weights") for dense in self.dense]
        active = float(case.input.sum()) / case.input.shape[1], hidden
        rows = sum(a * w.shape[0] * w.element_size() for a, w in zip(active, weights, strict=True))
        number = self.buffer(self.lif[0], "u").element_size()
        neurons = sum(map(len, weights))
        moved = rows + neurons * (6 * number + 2)  # u and v in and out, input out and in, spikes
        return bandwidth.floor(moved, sum(w.nbytes for w in weights), self.device, 1e6)


class TorchOxford(EagerLoop):
    """The same by hand."""

    def __init__(self, case: Case, steps: int, args: argparse.Namespace) -> None:
        self.case, self.limit, self.device = case, steps, args.device
        self.data = torch.tensor(case.input.T, dtype=torch.float32, device=args.device)
        # float32 holds every sum of these weights exactly.
        self.weights = [
            torch.tensor(layer.weights, dtype=torch.float32, device=args.device)
            for layer in case.layers
        ]
        self.record = torch.zeros(steps, len(case.output), dtype=torch.int64, device=args.device)
        self.hidden = torch.zeros((), dtype=torch.int64, device=args.device)

    def reset(self) -> None:
        self.hidden.zero_()
        shape = [len(weights) for weights in self.weights]
        self.state = [torch.zeros(3, n, dtype=torch.int64, device=self.device) for n in shape]

    def advance(self, steps: int) -> None:
        (arriving1, u1, v1), (arriving2, u2, v2) = self.state
        first, second = ({**layer.lif, "bias_mant": 0, "bias_exp": 0} for layer in self.case.layers)
        for t in range(steps):
            s1, u1, v1 = fixed_lif(arriving1, u1, v1, **first)
            s2, u2, v2 = fixed_lif(arriving2, u2, v2, **second)
            arriving1 = (self.weights[0] @ self.data[t]).to(torch.int64)
            arriving2 = (self.weights[1] @ s1.to(torch.float32)).to(torch.int64)
            self.record[t] = s2
            self.hidden += s1.sum()
        self.state = [(arriving1, u1, v1), (arriving2, u2, v2)]

    def output(self, steps: int) -> np.ndarray:
        return self.record[:steps].cpu().numpy().T


def run(args: argparse.Namespace) -> list[Row]:
    """One row; BenchError if an output differs from that of the case in one spike."""
    case = load(args.data)
    if args.steps > case.input.shape[1]:
        raise BenchError(f"--steps {args.steps}: the case has {case.input.shape[1]} steps.")
    given = {"case": case, "steps": args.steps, "args": args}
    makers = {OURS: partial(OurOxford, **given), "torch": partial(TorchOxford, **given)}
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        for name, contender in made.items():
            check_output(name, contender.output(contender.work), case)
        hidden = float(made["torch"].hidden) / made["torch"].work
        timings = compare(made, args.repeats, args.device, scale=1000)
        floor, profile = made[OURS].floor(case, hidden), by_row(made[OURS])
    facts = {"a run, ms": timings[OURS].median * args.steps / 1e3}
    return [Row({"steps": args.steps}, timings, build_ms, facts, floor, profile)]


def check_output(name: str, output: np.ndarray, case: Case) -> None:
    wrong = int(np.count_nonzero(output != case.output[:, : output.shape[1]]))
    if wrong:
        raise BenchError(f"{name} differs from Lava's output in {wrong} of {output.size} places.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=DATA, metavar="FOLDER", help="of oxford.net, oxford_case.npz"
    )


BENCHMARK = Benchmark(
    name="oxford",
    summary="a trained network 200 -> 256 -> 200 in fixed point, whose output is that of Lava",
    unit="us/step",
    steps=STEPS,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
