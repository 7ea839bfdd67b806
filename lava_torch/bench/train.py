"""`train`: forward and backward of two layers of LIF neurons, unrolled over time."""

from __future__ import annotations

import argparse
import math
from abc import ABC, abstractmethod
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import lava_torch as lt
from lava_torch.bench import bandwidth
from lava_torch.bench.options import positive
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import OURS, Floor, Row
from lava_torch.bench.timing import build, compare

INPUTS, HIDDEN, CLASSES = 64, 256, 10
DU, DV, VTH = 0.5, 0.1, 1.0
#: Share of the input spikes.
ACTIVITY = 0.3
DTYPES = ("float32", "float64")


class Trainer(ABC):
    """Spikes (steps, batch, 64), labels (batch,), and a loss on the output's spike counts."""

    def __init__(self, args: argparse.Namespace) -> None:
        rng = np.random.default_rng(args.seed)
        self.work = 1
        self.dtype = getattr(torch, args.dtype)
        spikes = rng.random((args.steps, args.batch, INPUTS)) < ACTIVITY
        self.x = torch.tensor(spikes, dtype=self.dtype, device=args.device)
        self.y = torch.tensor(rng.integers(0, CLASSES, args.batch), device=args.device)
        self.initial = [
            rng.normal(0, 1 / math.sqrt(pre), (post, pre))
            for post, pre in ((HIDDEN, INPUTS), (CLASSES, HIDDEN))
        ]

    @abstractmethod
    def counts(self) -> Tensor:
        """How often each output neuron spiked, (batch, 10)."""

    @abstractmethod
    def weights(self) -> list[Tensor]:
        """The two layers' weights."""

    def reset(self) -> None:
        for weights in self.weights():
            weights.grad = None

    def run(self) -> None:
        functional.cross_entropy(self.counts(), self.y).backward()


class OurTrainer(Trainer):
    """Processes, compiled into a Network."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        first, second = (lt.Dense(weights=w, name=f"dense_{i}") for i, w in enumerate(self.initial))
        hidden = lt.LIF(shape=(HIDDEN,), du=DU, dv=DV, vth=VTH, name="hidden")
        output = lt.LIF(shape=(CLASSES,), du=DU, dv=DV, vth=VTH, name="output")
        first.a_out.connect(hidden.a_in)
        hidden.s_out.connect(second.s_in)
        second.a_out.connect(output.a_in)
        run_cfg = lt.Loihi2SimCfg(
            trainable="*.weights", device=args.device, dtype=args.dtype, stepper=args.stepper
        )
        self.network = lt.compile(output, run_cfg)

    def counts(self) -> Tensor:
        return self.network({"dense_0": self.x})["output"].sum(dim=0)

    def weights(self) -> list[Tensor]:
        return [self.network.dense_0.weights, self.network.dense_1.weights]


class TorchTrainer(Trainer):
    """The peer: the same network by hand, eager torch under autograd."""

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(args)
        tensors = (torch.tensor(w, dtype=self.dtype, device=args.device) for w in self.initial)
        self.first, self.second = (nn.Parameter(tensor) for tensor in tensors)

    def weights(self) -> list[Tensor]:
        return [self.first, self.second]

    def counts(self) -> Tensor:
        batch = self.x.shape[1]
        u1 = v1 = self.x.new_zeros(batch, HIDDEN)
        u2 = v2 = counts = self.x.new_zeros(batch, CLASSES)
        # What a connection delivers was sent one step earlier.
        arriving1, arriving2 = u1, u2
        for x in self.x:
            s1, u1, v1 = lif(arriving1, u1, v1)
            s2, u2, v2 = lif(arriving2, u2, v2)
            arriving1, arriving2 = (
                functional.linear(x, self.first),
                functional.linear(s1, self.second),
            )
            counts = counts + s2
        return counts


def lif(a_in: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    u = u * (1 - DU) + a_in
    v = v * (1 - DV) + u
    s = ArcTanSpike.apply(v - VTH)
    return s, u, torch.where(s != 0, 0, v)


class ArcTanSpike(torch.autograd.Function):
    """A step whose gradient is 1 / (1 + (pi x)^2), lava_torch's default."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient / (1 + (math.pi * x) ** 2)


def run(args: argparse.Namespace) -> list[Row]:
    makers = {OURS: partial(OurTrainer, args), "torch": partial(TorchTrainer, args)}
    with ExitStack() as stack:
        made, build_ms = build(makers, args.device, stack)
        timings = compare(made, args.repeats, args.device, scale=1)
    case = {"batch": args.batch, "steps": args.steps}
    return [Row(case, timings, build_ms, floor=floor(args))]


def floor(args: argparse.Namespace) -> Floor:
    """What the passes have to move: inputs read in both, and each layer's voltages and spikes
    written in the first and read in the second. (Their arithmetic may well take longer.)"""
    numbers = 2 * args.steps * args.batch * (INPUTS + 2 * (HIDDEN + CLASSES))
    moved = numbers * getattr(torch, args.dtype).itemsize
    return bandwidth.floor(moved, moved / 2, args.device, 1e3)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=positive, default=64, help="default: %(default)s")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="default: %(default)s")


BENCHMARK = Benchmark(
    name="train",
    summary=f"forward and backward of {INPUTS} -> LIF({HIDDEN}) -> LIF({CLASSES}), unrolled",
    unit="ms",
    steps=20,
    peers=(),
    add_arguments=add_arguments,
    run=run,
)
