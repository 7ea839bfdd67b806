"""What a benchmark is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from lava_torch.bench.report import Row


@dataclass(frozen=True)
class Benchmark:
    """One of `lava-torch bench`'s benchmarks.

    Attributes
    ----------
    name : what the command line calls it.
    summary : one line, which the report begins with.
    unit : the unit of its timings.
    steps : time steps of a run, unless `--steps` says other; None: it depends on the case.
    peers : what `--vs` may add to the peer that is always measured.
    add_arguments : adds its own options to the parser.
    run : measures. Its argument has the common options (`device`, `stepper`, `steps`, `repeats`,
        `seed`, `vs`) and its own.
    """

    name: str
    summary: str
    unit: str
    steps: int | None
    peers: tuple[str, ...]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], list[Row]]
