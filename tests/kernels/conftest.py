"""The Triton bodies, run and compiled once a session in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from triton_worker import work

HERE = Path(__file__).parent
WORKER = HERE / "equation_workers.py"


@pytest.fixture(scope="session")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[torch.Tensor, ...]]:
    """Results of the interpreted Triton bodies, by label."""
    return work(WORKER, "interpret", tmp_path_factory.mktemp("triton"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, bool]]:
    """(registers, spills, fused) of the Triton bodies, by label and GPU."""
    return work(WORKER, "compile", tmp_path_factory.mktemp("triton"))
