"""The stepper of the GPU: steps captured once in CUDA graphs, then replayed."""

from __future__ import annotations

import time
from collections import deque

import torch

from lava_torch.compiler.network import Network
from lava_torch.compiler.plan import Plan
from lava_torch.kernels.table import Control
from lava_torch.runtime.steppers.launches import Launches, launch_rows
from lava_torch.runtime.steppers.planned import PlannedStepper

#: Steps in the larger of the two graphs; the smaller has one.
UNROLLED = 16
#: Replays are queued for about this long before the host looks whether the run is to end.
BURST_SECONDS = 0.01
#: Bursts that may be queued at once, so that the GPU does not wait for the host.
BURSTS = 2


class GraphStepper(PlannedStepper):
    """Captures one step, and sixteen, of the network's plan and replays them.

    Time, data and counts of spikes are on the device, so that nothing waits for the host within a
    run. Graphs hold addresses: they are captured anew when a tensor has moved.
    """

    name = "graph"
    device = "cuda"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._seconds_a_step = 0.0

    @torch.no_grad()
    def advance(self, steps: int, control: Control) -> int:
        with torch.cuda.device(self.network.device):
            self.refresh()
            launch_rows(self.plan.before)
            try:
                return self._replay(steps, control)
            finally:
                launch_rows(self.plan.after)

    def compile(self, plan: Plan) -> None:
        launches = Launches(plan)
        _warm_up(launches)
        self._one = _captured(launches, 1)
        self._many = _captured(launches, UNROLLED)

    def _replay(self, steps: int, control: Control) -> int:
        """Replay in bursts, a few of which are queued at once."""
        done = 0
        queued: deque[tuple[torch.cuda.Event, float, int]] = deque()
        while done < steps and not control.requested:
            burst = min(steps - done, self._burst())
            start = time.perf_counter()
            for _ in range(burst // UNROLLED):
                self._many.replay()
            for _ in range(burst % UNROLLED):
                self._one.replay()
            event = torch.cuda.Event()
            event.record()
            queued.append((event, start, burst))
            done += burst
            if len(queued) >= BURSTS:
                self._finish(*queued.popleft(), waiting=len(queued))
        for event, _, _ in queued:
            event.synchronize()
        return done

    def _finish(self, event: torch.cuda.Event, start: float, burst: int, waiting: int) -> None:
        event.synchronize()
        # Queued bursts run one after another: this one shared the time with those before it.
        self._seconds_a_step = (time.perf_counter() - start) / burst / (waiting + 1)

    def _burst(self) -> int:
        if self._seconds_a_step == 0.0:
            return UNROLLED
        return max(UNROLLED, int(BURST_SECONDS / self._seconds_a_step) // UNROLLED * UNROLLED)


def _warm_up(launches: Launches) -> None:
    """Compile and load every kernel before the capture, and leave no trace of it in the state."""
    tensors = [*launches.plan.written(), launches.plan.counts, launches.plan.clock]
    kept = [tensor.clone() for tensor in tensors]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        launches.step()
    torch.cuda.current_stream().wait_stream(stream)
    for tensor, value in zip(tensors, kept, strict=True):
        tensor.copy_(value)


def _captured(launches: Launches, steps: int) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(steps):
            launches.step()
    return graph
