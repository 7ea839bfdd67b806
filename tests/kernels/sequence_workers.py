"""Runs in a process of its own: Triton reads TRITON_INTERPRET when it is imported.

python sequence_workers.py interpret|compile FILE
"""

from __future__ import annotations

import sys

import torch
from sequence_cases import CASES, SIZES, Run, combinations, label
from torch import Tensor

from lava_torch.kernels.launch import noted


def interpret() -> dict[str, tuple[Tensor, ...]]:
    """What the interpreted Triton bodies write, by label."""
    cases = combinations(SIZES)
    return {label(*case): Run(CASES[case[0]], *case[1:]).run("gpu") for case in cases}


def compile_all() -> dict[str, tuple[int, int, bool, bool]]:
    """Registers, spills, whether a product was fused into a sum, and whether the kernel is one for
    all numbers of steps, by label and GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch

    targets = [("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)]
    reports = {}
    for name, dtype, *size in combinations(((16, 2, 256),)):
        with noted() as launches:
            Run(CASES[name], dtype, *size).run("gpu")
        for target in targets:
            compiled = compile_launch(launches[0], GPUTarget(*target))
            fused = "fma.rn" in compiled.assembly or "v_fma" in compiled.assembly
            parameters = {p.name: p for p in launches[0].kernel.params}
            general = parameters["steps"].do_not_specialize
            key = f"{name}-{str(dtype).removeprefix('torch.')}-{target[1]}"
            reports[key] = compiled.registers, compiled.spills, fused, general
    return reports


if __name__ == "__main__":
    work = {"interpret": interpret, "compile": compile_all}[sys.argv[1]]
    torch.save(work(), sys.argv[2])
