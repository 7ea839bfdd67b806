"""Measuring contenders side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

import torch

from lava_torch.bench.report import Timing

#: What a run of a slow peer should take, in ms.
BUDGET = 200


class Contender(Protocol):
    """One way to do a benchmark's work.

    Its constructor makes what it needs, and `start()`, where it has one, does what is done once:
    compile, and take a first step. It may have a `prepare()`, which is not measured, a `close()`,
    which releases what it holds, and a `timed_run()` in place of `run()`, which returns its own
    measurement in ms where not all of the run counts.

    Attributes
    ----------
    work : how many steps, or whatever the unit counts, a run does.
    """

    work: float

    def reset(self) -> None:
        """Back to the start; not measured."""

    def run(self) -> None:
        """The work that is measured; it may return before the device is done."""


def milliseconds(work: Callable[[], object], device: str) -> float:
    """How long `work` takes, until the device is done."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return (time.perf_counter() - start) * 1e3


def synchronize(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def affordable(run: Callable[[int], object], limit: int, device: str) -> int:
    """How many steps `run(steps)` can do in about BUDGET ms, at most `limit`; it tries some."""
    run(1)
    steps = 1
    while steps < limit:
        taken = milliseconds(partial(run, steps), device)
        if taken > BUDGET / 10:
            return min(max(int(steps * BUDGET / taken), 1), limit)
        steps = min(4 * steps, limit)
    return limit


def build(
    makers: Mapping[str, Callable[[], Contender]], device: str, stack: ExitStack
) -> tuple[dict[str, Any], dict[str, float]]:
    """Make and start the contenders, and run each once; with them, what making took in ms.

    `stack` closes those that have a `close()`.
    """
    contenders: dict[str, Any] = {}
    took = {}

    def make_and_start(name: str) -> None:
        contenders[name] = contender = makers[name]()
        if hasattr(contender, "close"):
            stack.callback(contender.close)
        if hasattr(contender, "start"):
            contender.start()

    for name in makers:
        took[name] = milliseconds(partial(make_and_start, name), device)
        if hasattr(contenders[name], "prepare"):
            contenders[name].prepare()
        contenders[name].run()
    return contenders, took


def compare(
    contenders: Mapping[str, Contender], repeats: int, device: str, scale: float
) -> dict[str, Timing]:
    """Time the contenders in turn, `repeats` times, so that all meet the same conditions.

    A timing is milliseconds a unit of the contender's work, times `scale`: 1000 gives microseconds.
    """
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            contender.reset()
            values[name].append(_timed(contender, device) / contender.work * scale)
    return {name: Timing(tuple(taken)) for name, taken in values.items()}


def _timed(contender: Any, device: str) -> float:
    if hasattr(contender, "timed_run"):
        return contender.timed_run()
    return milliseconds(contender.run, device)
