"""Triton bodies, run or compiled in a process of their own: whether Triton interprets is decided
when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch


def work(worker: Path, kind: str, folder: Path, timeout: float = 280) -> Any:
    """What `worker`, a script, saves when it is called with `kind`, "interpret" or "compile", and
    the name of a file in `folder`. Skips the test where there is no Triton."""
    pytest.importorskip("triton", reason="Triton is there on Linux only")
    file = folder / f"{kind}.pt"
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    if kind == "interpret":
        environment["TRITON_INTERPRET"] = "1"
    command = [sys.executable, str(worker), kind, str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr[-4000:]
    return torch.load(file) if file.exists() else None
