"""Runs in a process of its own: Triton reads TRITON_INTERPRET when it is imported.

python gradient_workers.py interpret|compile FILE
"""

from __future__ import annotations

import sys

import torch
from gradient_cases import CASES, SIZES, combinations, label, run

from lava_torch.kernels.launch import noted


def interpret() -> dict[str, tuple]:
    """Results and gradients by the interpreted Triton bodies, by label."""
    return {label(*case): run(CASES[case[0]], *case[1:], "gpu") for case in combinations(SIZES)}


def compile_all() -> dict[str, tuple[int, int, bool]]:
    """Registers, spills, and whether the kernel is one for all numbers of steps, by label and
    GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch

    targets = [("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)]
    reports = {}
    for name, dtype, *size in combinations(((16, 2, 256),)):
        with noted() as launches:
            run(CASES[name], dtype, *size, "gpu")
        back = launches[-1]
        for target in targets:
            compiled = compile_launch(back, GPUTarget(*target))
            general = {p.name: p for p in back.kernel.params}["steps"].do_not_specialize
            key = f"{name}-{str(dtype).removeprefix('torch.')}-{target[1]}"
            reports[key] = compiled.registers, compiled.spills, general
    return reports


if __name__ == "__main__":
    work = {"interpret": interpret, "compile": compile_all}[sys.argv[1]]
    torch.save(work(), sys.argv[2])
