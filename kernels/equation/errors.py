"""The error of an equation that has no body, and where in the source it was made."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from types import TracebackType

_HERE = str(Path(__file__).parent) + os.sep


class EquationError(ValueError):
    """An equation uses something that not every backend has, or mixes types.

    The message names the equation, the file and line, and what to write instead.
    """


def source_line(filename: str, line: int) -> str:
    """`file:line` and, where the source can be read, the text of that line."""
    text = linecache.getline(filename, line).strip()
    return f"{filename}:{line}" + (f", `{text}`" if text else "")


def calling_line() -> str | None:
    """The innermost line outside this package on the current stack."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_HERE):
            return source_line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def raising_line(traceback: TracebackType | None) -> str | None:
    """The innermost line outside this package that an exception passed through."""
    found = None
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if not filename.startswith(_HERE):
            found = source_line(filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found
