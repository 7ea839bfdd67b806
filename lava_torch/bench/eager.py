"""The peer that is always there: a network by hand, as a loop of eager torch."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lava_torch.bench.timing import affordable


class EagerLoop(ABC):
    """Runs as many of the steps as take about as long as a measurement may.

    `limit`, the steps at most, and `device` must be set before `prepare()`.
    """

    limit: int
    device: str
    work: int

    @abstractmethod
    def reset(self) -> None:
        """Back to time step 0."""

    @abstractmethod
    def advance(self, steps: int) -> None:
        """Run steps, from time step 0 after a reset."""

    def prepare(self) -> None:
        """Find out how many steps a run has."""
        self.reset()
        with torch.no_grad():
            self.work = affordable(self._from_start, self.limit, self.device)
        self.reset()

    def _from_start(self, steps: int) -> None:
        self.reset()
        self.advance(steps)

    @torch.no_grad()
    def run(self) -> None:
        self.advance(self.work)


def float_lif(
    a_in: Tensor, u: Tensor, v: Tensor, du: float, dv: float, bias_mant: float, vth: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of LIF in floating point: whether each neuron spikes, u, v."""
    u = u * (1 - du) + a_in
    v = v * (1 - dv) + u + bias_mant
    s = v > vth
    return s.to(v.dtype), u, torch.where(s, 0, v)


def fixed_lif(
    a_in: Tensor, u: Tensor, v: Tensor, du: int, dv: int, bias_mant: int, bias_exp: int, vth: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The same in Loihi's fixed point, in int64."""
    u = _decay(u, 4095 - du) + (a_in << 6)
    u = torch.where(u > 2**23, u - 2**24, u)
    u = torch.where(u <= -(2**23), u + 2**24, u)
    v = _decay(v, 4096 - dv) + u + (bias_mant << bias_exp)
    v = v.clamp(1 - 2**23, 2**23 - 1)
    s = v > vth << 6
    return s.to(v.dtype), u, torch.where(s, 0, v)


def _decay(x: Tensor, factor: int) -> Tensor:
    return x.sign() * ((x.abs() * factor) >> 12)
