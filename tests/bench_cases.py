"""Benchmarks in their smallest form."""

from __future__ import annotations

import argparse

import pytest

from lava_torch import bench
from lava_torch.bench import bandwidth, timing

TINY = {
    "chain": ["chain", "--n", "5", "8", "--steps", "12", "--repeats", "2"],
    "balanced": ["balanced", "--n", "80", "--p", "0.2", "--steps", "30", "--repeats", "2"],
    "sparse": ["sparse", "--n", "40", "--activity", "0.1", "0.5", "--repeats", "2"],
    "conv": ["conv", "--size", "6", "--inputs", "2", "--outputs", "3", "--activity", "0.2"]
    + ["--steps", "30", "--repeats", "2"],
    "oxford": ["oxford", "--steps", "30", "--repeats", "2"],
    "learning": ["learning", "--n", "6", "--steps", "12", "--repeats", "2"],
    "hosted": ["hosted", "--network", "chain", "--n", "6", "--processes", "3"]
    + ["--steps", "12", "--repeats", "2"],
    "train": ["train", "--batch", "2", "--steps", "4", "--repeats", "3"],
}
PEERS = {"sparse": "dense", "conv": "conv2d", "hosted": "plain calls"}


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers run for a moment only, and bandwidth is not measured."""
    monkeypatch.setattr(timing, "BUDGET", 1)
    monkeypatch.setattr(bandwidth, "copy_bandwidth", lambda device, size: 2e9)


def arguments(argv: list[str]) -> argparse.Namespace:
    return bench.make_parser().parse_args(argv)
