"""Runs in a process of its own: Triton reads TRITON_INTERPRET when it is imported.

python equation_workers.py interpret|compile FILE
"""

from __future__ import annotations

import sys

import torch
from equation_cases import CASES, INTERPRETED_SIZES, combinations, label
from torch import Tensor

LAYOUTS = {"F": "full", "R": "row", "S": "scalar"}


def interpret() -> dict[str, tuple[Tensor, ...]]:
    """What the interpreted Triton bodies give, by label."""
    results = {}
    for name, dtype, size, batch in combinations(INTERPRETED_SIZES):
        case = CASES[name]
        inputs = case.inputs(dtype, size, batch)
        results[label(name, dtype, size, batch)] = case.equation.body("triton")(*inputs)
    results["in_place"] = _in_place()
    return results


def _in_place() -> tuple[Tensor, ...]:
    case = CASES["lif"]
    inputs = case.inputs(torch.float32, 257, 3)
    spikes = torch.zeros(3, 257, dtype=torch.uint8)
    return case.equation.body("triton")(*inputs, out=(spikes, inputs[1], inputs[2]))


def compile_all() -> dict[str, tuple[int, int, bool]]:
    """Registers, spills and whether a product was fused into a sum, by label and GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.equation.gpu import compile_ahead

    targets = [("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)]
    reports = {}
    for name, case in CASES.items():
        layouts = [LAYOUTS[letter] for letter in case.layouts]
        for dtype in case.dtypes:
            for target in targets:
                compiled = compile_ahead(case.equation, dtype, layouts, GPUTarget(*target))
                fused = "fma.rn" in compiled.assembly or "v_fma" in compiled.assembly
                key = f"{name}-{str(dtype).removeprefix('torch.')}-{target[1]}"
                reports[key] = compiled.registers, compiled.spills, fused
    return reports


if __name__ == "__main__":
    work = {"interpret": interpret, "compile": compile_all}[sys.argv[1]]
    torch.save(work(), sys.argv[2])
