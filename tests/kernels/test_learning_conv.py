"""The update of a convolution's kernel: all bodies against the reference, and that by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from learning_conv_cases import CASES, EVENTS, Case
from triton_worker import work

from lava_torch.kernels.table import Control, Program

HERE = Path(__file__).parent


def close(case: Case, got: torch.Tensor, want: torch.Tensor) -> None:
    if case.fixed:
        assert torch.equal(got, want)
    else:
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("label", CASES)
def test_numba(label, threads):
    case = CASES[label]
    want, got = case.row(), case.row()
    want.run("reference")
    Program([got], torch.zeros(1, dtype=torch.int64), threads).run(1, Control())
    for a, b in zip(got.written, want.written, strict=True):
        close(case, a, b)


def test_one_weight_gets_what_all_its_pairs_add():
    """A kernel of one weight over a row of inputs is the synapse of each with its output."""
    case = Case(EVENTS, False, (3, 1, 1), (1, 1, 1), (0, 0), (1, 1))
    row = case.row()
    args = dict(zip(row.op.arguments, row.args, strict=True))
    before = args["w"].clone()
    args["tx"].copy_(torch.tensor([[1, 0, 2]]))
    args["ty"].copy_(torch.tensor([[0, 3, 1]]))
    x1, y1 = args["h_x1"][0], args["h_y1"][0]
    row.run("reference")
    plus = x1[3, 1] + x1[1, 2]  # the outputs 1 and 2 spiked, in the steps 3 and 1
    minus = y1[1, 0] + y1[2, 2]  # the inputs 0 and 2 spiked, in the steps 1 and 2
    torch.testing.assert_close(args["w"], before + plus / 8 - minus / 16)


def test_triton_interpreted(tmp_path):
    results = work(HERE / "learning_conv_worker.py", "interpret", tmp_path)
    for label, case in CASES.items():
        want = case.row()
        want.run("reference")
        for a, b in zip(results[label], want.written, strict=True):
            close(case, a, b)


def test_triton_compiles(tmp_path):
    reports = work(HERE / "learning_conv_worker.py", "compile", tmp_path)
    assert {target for _, target in reports} == {80, 90, "gfx942"}
    for report in reports.values():
        assert report["registers"] > 0 and report["spills"] == 0 and not report["fused"]
