"""The Triton bodies, run and compiled once a session in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

HERE = Path(__file__).parent


def _work(kind: str, interpret: bool, folder: Path) -> Any:
    pytest.importorskip("triton", reason="Triton is there on Linux only")
    file = folder / f"{kind}.pt"
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    if interpret:
        environment["TRITON_INTERPRET"] = "1"
    command = [sys.executable, str(HERE / "equation_workers.py"), kind, str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
    return torch.load(file)


@pytest.fixture(scope="session")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[torch.Tensor, ...]]:
    """Results of the interpreted Triton bodies, by label."""
    return _work("interpret", True, tmp_path_factory.mktemp("triton"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, bool]]:
    """(registers, spills, fused) of the Triton bodies, by label and GPU."""
    return _work("compile", False, tmp_path_factory.mktemp("triton"))
