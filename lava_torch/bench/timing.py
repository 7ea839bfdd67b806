"""Measuring contenders side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

import torch

from lava_torch.bench.report import Timing


class Contender(Protocol):
    """One way to do a benchmark's work; its constructor makes and compiles what it needs.

    It may have a `close()`, which releases that.
    """

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


def build(
    makers: Mapping[str, Callable[[], Contender]], device: str, stack: ExitStack
) -> tuple[dict[str, Any], dict[str, float]]:
    """Make the contenders and run each once; with them, what that took in ms.

    `stack` closes those that have a `close()`.
    """
    contenders: dict[str, Any] = {}
    took = {}

    def make_and_run(name: str) -> None:
        contender = makers[name]()
        if hasattr(contender, "close"):
            stack.callback(contender.close)
        contender.run()
        contenders[name] = contender

    for name in makers:
        took[name] = milliseconds(partial(make_and_run, name), device)
    return contenders, took


def compare(
    contenders: Mapping[str, Contender], repeats: int, device: str, per_ms: float
) -> dict[str, Timing]:
    """Time the contenders in turn, `repeats` times, so that all meet the same conditions.

    A timing is milliseconds times `per_ms`: 1000 / steps gives microseconds a step.
    """
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, contender in contenders.items():
            contender.reset()
            values[name].append(milliseconds(contender.run, device) * per_ms)
    return {name: Timing(tuple(taken)) for name, taken in values.items()}
