"""`lava-torch run`: a Lava script, unmodified, on lava_torch."""

from __future__ import annotations

import argparse
import builtins
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType

from lava_torch import compat
from lava_torch.bench.options import OneLineParser
from lava_torch.compiler.compile import available_device
from lava_torch.core.run_options import DTYPES, option_defaults

INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """`lava-torch run`; its exit code.

    0: the script ended. 1: it raised; its traceback is on stderr. 130: it was interrupted.

    Raises
    ------
    SystemExit : what the script raised, or argparse, for wrong arguments (2) and `--help` (0).
    OSError : the script cannot be read.
    CompileError : `--device` is not there.
    """
    parser = make_parser()
    end = end_of_options(argv)
    args = parser.parse_args(argv[:end])
    if args.device is not None:
        available_device(args.device)
    with option_defaults(device=args.device, dtype=args.dtype):
        return run(args.script, argv[end:])


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="lava-torch run",
        usage="%(prog)s [--device DEVICE] [--dtype DTYPE] SCRIPT [ARGUMENT ...]",
        description="Run a Lava script: `import lava...` gives lava_torch's classes.",
    )
    parser.add_argument("--device", help="of run configs that name none, such as cuda (cpu)")
    parser.add_argument("--dtype", choices=DTYPES, help="of floating-point models (float32)")
    parser.add_argument("script", metavar="SCRIPT", help="what follows it is for the script")
    return parser


def end_of_options(argv: list[str]) -> int:
    """The index behind SCRIPT: what comes there is not for us, however it looks."""
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        at += 1 if "=" in argv[at] or argv[at] in ("-h", "--help") else 2
    return at + 1


def run(script: str, arguments: list[str]) -> int:
    """Run a script as `python script arguments...` would, its `import lava...` served by compat.

    Returns 0, or 1 or 130 as `main` says. Raises OSError if the script cannot be read, and what
    SystemExit the script raises.
    """
    file = os.path.abspath(script)
    try:
        source = Path(file).read_bytes()
    except OSError as error:
        raise OSError(f"cannot read the script '{script}': {error.strerror}") from error
    compat.install()
    try:
        with main_module(script, file, arguments) as module:
            # Bytes, for its encoding; and our `from __future__` is not the script's.
            exec(compile(source, file, "exec", dont_inherit=True), vars(module))
    except SystemExit:
        raise
    except compat.NotServedError as error:
        print(f"{place(error)}: {error}", file=sys.stderr)
        return 1
    except BaseException as error:
        error = error.with_traceback(frames_from(file, error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


@contextmanager
def main_module(script: str, file: str, arguments: list[str]) -> Iterator[ModuleType]:
    """A new `__main__`, with `sys.argv` and `sys.path` as Python sets them for a script."""
    module = ModuleType("__main__")
    vars(module).update(__file__=file, __builtins__=builtins, __cached__=None)
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    sys.modules["__main__"], sys.argv = module, [script, *arguments]
    if not sys.flags.safe_path:
        sys.path[:1] = [os.path.dirname(os.path.realpath(file))]
    try:
        yield module
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = before


def frames_from(file: str, frames: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the script; None of a script that is no Python."""
    while frames is not None and frames.tb_frame.f_code.co_filename != file:
        frames = frames.tb_next
    return frames


def place(error: BaseException) -> str:
    """File and line of the statement that imported what is not here."""
    ours = (compat.__file__, "<frozen importlib._bootstrap>")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename not in ours]
    return f"{frames[-1].filename}, line {frames[-1].lineno}"
