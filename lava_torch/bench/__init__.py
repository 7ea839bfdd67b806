"""`lava-torch bench`: benchmarks that measure their peer in the same run.

A new benchmark is a module of this package with a `BENCHMARK`, and its entry in BENCHMARKS.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from lava_torch.bench import (
    balanced,
    chain,
    conv,
    hosted,
    learning,
    oxford,
    sparse,
    startup,
    train,
)
from lava_torch.bench.options import OneLineParser, positive
from lava_torch.bench.registry import Benchmark
from lava_torch.bench.report import BenchError, Report, Row, Timing
from lava_torch.compiler.compile import available_device

__all__ = ["BENCHMARKS", "BenchError", "Benchmark", "Report", "Row", "Timing", "main"]

BENCHMARKS: dict[str, Benchmark] = {
    module.BENCHMARK.name: module.BENCHMARK
    for module in (chain, balanced, sparse, conv, oxford, learning, hosted, train, startup)
}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark that the arguments name, and print its report; 0 if it was measured.

    Raises
    ------
    SystemExit : the arguments are wrong.
    BenchError, CompileError (ValueErrors) : what they ask for is not possible here.
    OSError : the JSON file cannot be written.
    """
    args = make_parser().parse_args(argv)
    device = available_device(args.device)
    if device.index is not None:  # what a peer makes without naming a device goes there too
        torch.accelerator.set_device_index(device.index)
    if args.json and not args.json.parent.is_dir():
        raise BenchError(f"--json {args.json}: there is no folder '{args.json.parent}'.")
    torch.set_num_threads(args.threads)
    report = measure(BENCHMARKS[args.benchmark], args)
    print(report.text())
    if args.json:
        report.write(args.json)
        print(f"\nwritten to {args.json}")
    return 0


def measure(benchmark: Benchmark, args: argparse.Namespace) -> Report:
    """Run one benchmark."""
    left_out = ("benchmark", "json")
    settings = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
        if name not in left_out
    }
    rows = benchmark.run(args)
    return Report(benchmark.name, benchmark.summary, benchmark.unit, settings, rows)


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="lava-torch bench", description="Measure lava_torch, and a peer in the same run."
    )
    names = parser.add_subparsers(dest="benchmark", metavar="NAME", required=True)
    for benchmark in BENCHMARKS.values():
        sub = names.add_parser(
            benchmark.name, help=benchmark.summary, description=benchmark.summary
        )
        _add_common_arguments(sub, benchmark)
        benchmark.add_arguments(sub)
    return parser


def _add_common_arguments(parser: argparse.ArgumentParser, benchmark: Benchmark) -> None:
    parser.add_argument("--device", default="cpu", help="such as cuda:0 (default: %(default)s)")
    parser.add_argument("--stepper", default="auto", help="default: %(default)s")
    parser.add_argument(
        "--steps",
        type=positive,
        default=benchmark.steps,
        help=f"of a run (default: {benchmark.steps or 'as the case needs'})",
    )
    parser.add_argument(
        "--repeats", type=positive, default=5, help="runs measured (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=positive,
        default=1,
        help="of torch, and the most that the table stepper may use (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the network (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured there")
    parser.add_argument(
        "--vs", action="append", default=[], choices=benchmark.peers, help="a further peer"
    )
