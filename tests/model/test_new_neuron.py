"""A neuron that a user writes gets three bodies, batches and gradients for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from izhikevich import Izhikevich, izhikevich

import lava_torch as lt

SHAPES = [(0,), (1,), (17,), (3, 17)]


def arguments(shape: tuple[int, ...], dtype: torch.dtype) -> list[torch.Tensor]:
    """Input, state and parameters of neurons that are about to spike, or not."""
    random = torch.Generator().manual_seed(0)
    current, v = (torch.rand(shape, generator=random, dtype=dtype) * s for s in (20, 90))
    u = torch.full(shape, -13.0, dtype=dtype)
    parameters = torch.tensor([0.02, 0.2, -65.0, 8.0], dtype=dtype).reshape(4, 1)
    return [current, v - 70, u, *parameters]


def test_is_short() -> None:
    assert len(Path(__file__).with_name("izhikevich.py").read_text().splitlines()) < 40


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torch_and_numba_agree(shape, dtype) -> None:
    values = arguments(shape, dtype)
    for a, b in zip(
        izhikevich.body("torch")(*values), izhikevich.body("numba")(*values), strict=True
    ):
        assert torch.equal(a, b)


TRITON = """
import torch
from izhikevich import izhikevich
from test_new_neuron import SHAPES, arguments

for shape in SHAPES:
    for dtype in (torch.float32, torch.float64):
        values = arguments(shape, dtype)
        bodies = [izhikevich.body(name)(*values) for name in ("torch", "triton")]
        assert all(torch.equal(a, b) for a, b in zip(*bodies, strict=True)), (shape, dtype)
print("agree")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Triton is for Linux")
def test_torch_and_interpreted_triton_agree() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRITON],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "agree", done.stderr


def test_spikes_regularly() -> None:
    cells = Izhikevich(shape=(4,), name="cells")
    current = lt.io.source.RingBuffer(data=np.array([[0.0], [5], [10], [15]]))
    current.s_out.connect(cells.a_in)
    out = lt.compile(cells, lt.Loihi2SimCfg())(steps=1000)["cells"]
    counts = out.sum(dim=0).tolist()
    # regular spiking: silent at rest, then faster with more current (Izhikevich 2003, figure 2)
    assert counts[0] == 0
    assert 5 < counts[1] < counts[2] < counts[3] < 60


def test_gradients() -> None:
    cells = Izhikevich(shape=(3,), name="cells")
    cfg = lt.Loihi2SimCfg(
        trainable=["cells.*"], dtype="float64", surrogate=lt.surrogate.Smooth(lt.surrogate.ArcTan())
    )
    with pytest.raises(lt.VarValueError, match="'u' of Process 'cells' is state"):
        lt.compile(cells, cfg)
    cfg = lt.Loihi2SimCfg(
        trainable=["cells.[abcd]"],
        dtype="float64",
        surrogate=lt.surrogate.Smooth(lt.surrogate.ArcTan()),
    )
    network = lt.compile(cells, cfg)
    x = torch.full((4, 3), 10.0, dtype=torch.float64)
    names = [name for name, _ in network.named_parameters()]

    def unroll(*parameters):
        tensors = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(network, tensors, ({"cells": x},))["cells"]

    values = tuple(p.detach().clone().requires_grad_() for p in network.parameters())
    assert torch.autograd.gradcheck(unroll, values, eps=1e-6, atol=1e-5)
