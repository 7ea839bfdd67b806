"""The `lava-torch` command."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping

import lava_torch
from lava_torch import bench, environment, script
from lava_torch.bench.options import OneLineParser
from lava_torch.bench.report import BenchError, table
from lava_torch.compiler import CompileError
from lava_torch.kernels import message, spike
from lava_torch.kernels.equation import Equation, equations
from lava_torch.kernels.equation.dispatch import BACKENDS
from lava_torch.kernels.op import RowOp
from lava_torch.runtime import STEPPERS

#: What a wrong argument, a missing package, device or file gives: one line. All else is a defect,
#: whose traceback is wanted.
USER_ERRORS = (BenchError, CompileError, ImportError, OSError)


def main(argv: list[str] | None = None) -> int:
    """Run the command with these arguments, by default the process's; the exit code.

    0: done. 2: the arguments are wrong, or ask for what is not here; one line on stderr says what.
    Of `run` also how the script ended: 1 if it raised, 130 if it was interrupted.

    Raises SystemExit as argparse does, for wrong arguments (2), `--help` and `--version` (0), and
    as a script does.
    """
    parser = make_parser()
    args, rest = parser.parse_known_args(argv)
    if rest and args.run is info:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return args.run(rest)
    except USER_ERRORS as error:
        print(f"lava-torch {args.command}: error: {one_line(error)}", file=sys.stderr)
        return 2


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="lava-torch", description="Intel Lava's Process API on PyTorch.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {lava_torch.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[list[str]], int], text: str, own_help: bool) -> None:
        # A command that parses its own arguments gives its own help.
        command = commands.add_parser(name, help=text, description=text, add_help=not own_help)
        command.set_defaults(run=run)

    add("info", info, "versions, devices, steppers, and which body runs what on each device", False)
    add("demo", demo, "train a network on handwritten digits, deploy it, run it", True)
    add("run", script.main, "run a Lava script, unmodified", True)
    add("bench", bench.main, "measure speed, beside a peer", True)
    return parser


def one_line(error: BaseException) -> str:
    """The message of an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def demo(argv: list[str]) -> int:
    """`lava-torch demo`: the digits example."""
    try:
        from lava_torch.examples import digits

        return digits.main(argv)
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        raise ImportError("the digits come with scikit-learn: pip install scikit-learn") from error


def info(argv: list[str]) -> int:
    """`lava-torch info`."""
    sections = {
        "versions": list(environment.versions().items()),
        "devices": list(environment.devices().items()),
        "steppers": [(name, first_line(stepper)) for name, stepper in STEPPERS.items()],
        "equations": bodies({e.name: "torch autograd" for e in library_equations()}, set()),
        "operations": bodies(
            {label(op): "-" for op in row_operations()},
            by_torch=set(map(label, message.BY_TORCH)),
        ),
    }
    for title, rows in sections.items():
        print(f"{title}:")
        print("\n".join(f"  {line}" for line in table(rows, align=str.ljust)))
    return 0


def first_line(thing: object) -> str:
    """The first line of a docstring."""
    return (thing.__doc__ or "").strip().partition("\n")[0]


def bodies(names: Mapping[str, str], by_torch: set[str]) -> list[tuple[str, ...]]:
    """For each kernel, which body runs it on which device: what records a gradient comes last, and
    `by_torch` are those that torch itself does on a GPU."""
    here = {name.partition(":")[0] for name in environment.devices()}
    head = ("", *(k if k in here else f"{k} (not here)" for k in BACKENDS), "with a gradient")
    rows = [
        (
            name,
            *("torch" if name in by_torch and k == "cuda" else b for k, b in BACKENDS.items()),
            g,
        )
        for name, g in names.items()
    ]
    return [head, *rows]


def label(op: RowOp) -> str:
    return f"{op.family}.{op.name}"


def row_operations() -> list[RowOp]:
    """What a compiled network does besides equations."""
    found = (op for family in (message, spike) for op in vars(family).values())
    return [op for op in found if isinstance(op, RowOp)]


def library_equations() -> tuple[Equation, ...]:
    """The equations of the library's neurons."""
    import_library()
    return equations()


def import_library() -> None:
    """Import all models, with whose modules their equations come to be."""
    for module in pkgutil.walk_packages(lava_torch.proc.__path__, "lava_torch.proc."):
        importlib.import_module(module.name)


if __name__ == "__main__":
    raise SystemExit(main())
