"""Processes as contenders."""

from __future__ import annotations

import argparse
import statistics

from torch import Tensor

import lava_torch as lt
from lava_torch.bench.timing import milliseconds

#: How often a run of one step is measured.
SHORT_RUNS = 50


class ProcessRun:
    """Runs `steps` steps of the network of a Process by `process.run`, each run from step 0."""

    def __init__(
        self, process: lt.AbstractProcess, steps: int, args: argparse.Namespace, tag: str
    ) -> None:
        self.process, self.work, self.device = process, steps, args.device
        self.run_cfg = lt.Loihi2SimCfg(select_tag=tag, device=args.device, stepper=args.stepper)

    def start(self) -> None:
        """Compile, and run one step."""
        self._run_steps(1)
        self.reset()

    def run(self) -> None:
        self._run_steps(self.work)

    def reset(self) -> None:
        self.process.runtime.reset()

    def close(self) -> None:
        self.process.stop()

    def buffer(self, process: lt.AbstractProcess, var: str) -> Tensor:
        """What a Var holds now, on the device."""
        network = self.process.runtime.network
        return network.get_submodule(network.graph.node_of[process]).get_buffer(var)

    def short_run_us(self) -> float:
        """What a run of one step takes, which is nearly all fixed cost: the median."""
        taken = []
        for _ in range(SHORT_RUNS):
            self.reset()
            taken.append(milliseconds(lambda: self._run_steps(1), self.device) * 1e3)
        return statistics.median(taken)

    def _run_steps(self, steps: int) -> None:
        self.process.run(condition=lt.RunSteps(num_steps=steps), run_cfg=self.run_cfg)
