"""Fixtures of the tests that watch networks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard_cases import Cell

import lava_torch as lt


@pytest.fixture
def logger(tmp_path: Path):
    with lt.TensorBoardLogger(tmp_path) as made:
        yield made


@pytest.fixture
def cell():
    process = Cell()
    yield process
    process.stop()
