"""How much memory this process takes."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident() -> int | None:
    """Bytes that are in memory now (on macOS the most so far); None where that is not known."""
    return _status("VmRSS") if _STATUS.exists() else _maximum()


def peak() -> int | None:
    """Bytes that were in memory at once at most; None where that is not known."""
    return _status("VmHWM") if _STATUS.exists() else _maximum()


def _status(key: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) * 1024


def _maximum() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maximum if sys.platform == "darwin" else maximum * 1024
