"""`conv`: source -> Conv, through `process.run`, beside a loop of torch's conv2d."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import lava_torch as lt
from lava_torch.bench import bandwidth
from lava_torch.bench.eager import EagerLoop
from lava_torch.bench.options import positive, probability
from lava_torch.bench.processes import ProcessRun
from lava_torch.bench.profile import by_row
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, BenchError, Floor, Row
from lava_torch.bench.timing import build, compare

KERNEL, PADDING = 3, 1
ACTIVITIES = (0.01, 0.03, 0.1, 0.3, 0.5)
#: The source's spikes come again after this many steps.
PERIOD = 20
STEPS = 1000


class Drawn:
    """Random spikes (size, size, inputs, period) and weights (outputs, 3, 3, inputs)."""

    def __init__(self, activity: float, args: argparse.Namespace) -> None:
        rng = np.random.default_rng(args.seed)
        shape = (args.size, args.size, args.inputs)
        self.activity = activity
        self.spikes = (rng.random((*shape, PERIOD)) < activity).astype(np.float32)
        # Of 10 bits, which TF32 holds too: a GPU's convolution is in that by default.
        weight = rng.normal(0, 64, (args.outputs, KERNEL, KERNEL, args.inputs))
        self.weight = np.rint(weight).clip(-1023, 1023) / 64

    def images(self, device: str) -> Tensor:
        """The spikes as conv2d takes them: (period, 1, inputs, size, size)."""
        return torch.tensor(self.spikes, device=device).permute(3, 2, 0, 1).unsqueeze(1)

    def events(self) -> float:
        """Weights that the spikes of a step meet: at the border they are fewer."""
        ones = torch.ones(len(self.weight), self.weight.shape[3], KERNEL, KERNEL)
        met = functional.conv2d(self.images("cpu").squeeze(1), ones, padding=PADDING)
        return float(met.sum(dtype=torch.float64)) / PERIOD


class OurConv(ProcessRun):
    """A source and a Conv, whose sums nobody receives."""

    def __init__(self, drawn: Drawn, steps: int, args: argparse.Namespace) -> None:
        self.source = lt.io.source.RingBuffer(data=drawn.spikes)
        conv = lt.Conv(weight=drawn.weight, input_shape=drawn.spikes.shape[:3], padding=PADDING)
        self.source.s_out.connect(conv.s_in)
        super().__init__(conv, steps, args, "floating_pt")

    def result(self) -> Tensor:
        """What the last step summed, (size, size, outputs)."""
        return self.buffer(self.process, "a_buf")

    def floor(self, events: float) -> Floor:
        """A step reads the source's row and the weights, and adds up every event's product in
        registers at best: the sums are written once."""
        data, weight = self.buffer(self.source, "data"), self.buffer(self.process, "weight")
        sums = self.result()
        moved = data.nbytes / PERIOD + weight.nbytes + 2 * sums.nbytes
        return bandwidth.floor(moved, data.nbytes + weight.nbytes + sums.nbytes, self.device, 1e6)


class TorchConv(EagerLoop):
    """The convolution of every step, whatever its activity."""

    def __init__(self, drawn: Drawn, steps: int, args: argparse.Namespace) -> None:
        self.limit, self.device = steps, args.device
        self.images = drawn.images(args.device).contiguous()
        weight = torch.tensor(drawn.weight, dtype=torch.float32, device=args.device)
        # A true convolution: torch's is a correlation.
        self.weight = weight.permute(0, 3, 1, 2).flip(2, 3).contiguous()

    def reset(self) -> None:
        """Nothing: a step leaves nothing behind."""

    def advance(self, steps: int) -> None:
        for t in range(steps):
            self.sums = functional.conv2d(self.images[t % PERIOD], self.weight, padding=PADDING)

    def result(self) -> Tensor:
        """(size, size, outputs), of the last step."""
        return self.sums[0].permute(1, 2, 0)


def run(args: argparse.Namespace) -> list[Row]:
    """A row for each activity; BenchError if the sums differ."""
    return [run_case(Drawn(a, args), args) for a in args.activity or ACTIVITIES]


def run_case(drawn: Drawn, args: argparse.Namespace) -> Row:
    steps = args.steps
    makers = {
        OURS: partial(OurConv, drawn, steps, args),
        "conv2d": partial(TorchConv, drawn, steps, args),
    }
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        check_sums(made[OURS], made["conv2d"], steps)
        timings = compare(made, args.repeats, args.device, scale=1000)
        events = drawn.events()
        floor, profile = made[OURS].floor(events), by_row(made[OURS])
    facts = {"events/step": events}
    if events:
        facts["ns/event"] = timings[OURS].median * 1e3 / events
    case = {"activity": drawn.activity, "steps": steps}
    return Row(case, timings, build_ms, facts, floor, profile)


def check_sums(ours: OurConv, peer: TorchConv, steps: int) -> None:
    """BenchError unless both have the same sums after the same step."""
    with torch.no_grad():
        peer.advance((steps - 1) % PERIOD + 1)
    found, expected = ours.result().reshape(peer.result().shape), peer.result()
    error = float((found - expected).abs().max())
    if error > 1e-4 * max(float(expected.abs().max()), 1.0):
        raise BenchError(f"the sums of Conv and conv2d differ by up to {error} in step {steps}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=positive, default=32, help="of x and y (default: 32)")
    parser.add_argument("--inputs", type=positive, default=16, help="channels (default: 16)")
    parser.add_argument("--outputs", type=positive, default=32, help="channels (default: 32)")
    parser.add_argument(
        "--activity", type=probability, nargs="+", help=f"shares of spikes (default: {ACTIVITIES})"
    )


BENCHMARK = Benchmark(
    name="conv",
    summary="source -> Conv, 3 x 3 with padding 1, process.run(RunSteps(steps))",
    unit="us/step",
    steps=STEPS,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
