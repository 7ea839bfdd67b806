"""Runs in a process of its own: Triton reads TRITON_INTERPRET when it is imported.

python learning_conv_worker.py interpret|compile FILE
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from learning_conv_cases import CASES
from torch import Tensor


def interpret() -> dict[str, tuple[Tensor, ...]]:
    """What the interpreted kernels write, by label: nothing but in an epoch's last step."""
    results = {}
    for label, case in CASES.items():
        row = case.row()
        clock = row.args[row.op.arguments.index("clock")]
        before = [t.clone() for t in row.written]
        clock += 1
        row.run("gpu")
        assert all(torch.equal(a, b) for a, b in zip(row.written, before, strict=True))
        clock -= 1
        row.run("gpu")
        results[label] = row.written
    return results


def compile_all() -> dict[tuple[str, int | str], dict[str, Any]]:
    """What the kernels take, by label and GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch
    from lava_torch.kernels.launch import noted

    reports = {}
    for label in ("float-w-t-d", "fixed-w-t-d", "fixed-batch, mean"):
        with noted() as launches:
            CASES[label].row().run("gpu")
        for target in (("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)):
            compiled = compile_launch(launches[0], GPUTarget(*target))
            reports[label, target[1]] = {
                "registers": compiled.registers,
                "spills": compiled.spills,
                "fused": "fma.rn.f" in compiled.assembly,
            }
    return reports


if __name__ == "__main__":
    _, kind, file = sys.argv
    torch.save(interpret() if kind == "interpret" else compile_all(), file)
