"""Runs in a process of its own: Triton reads TRITON_INTERPRET when it is imported.

python spike_workers.py interpret|compile FILE
"""

from __future__ import annotations

import sys

import torch
from spike_cases import CASES
from torch import Tensor

from lava_torch.kernels.launch import noted

#: Kernel, registers, spills, and whether a product was fused into a sum.
Report = tuple[str, int, int, bool]

#: What is compiled, each for sums in any order and in order.
AHEAD = (
    "compact-37-float32-0.1",
    "compact-20001-uint8-0.1",
    "dense-uint8-float32-float32-graded",
    "dense-int32-int8-int32-counted",
    "dense_delay-bool-float16-float32-graded",
    "sparse-bool-float16-float32-graded",
    "sparse-float64-float64-float64-graded",
    "sparse-int32 indices",
    "sparse-long rows",
    "sparse_delay-float32-int8-float32-graded",
    "sparse_delay-split rows",
    "conv-wide-float32",
    "conv-float32-int8-float32-counted",
    "ring_send-2x3x1030-6",
    "ring_load-2x3x1030-6",
    "ring_store-2x3x1030-6",
    "ring_flush-2x3x1030-6-2",
    "accumulate-1030-uint8-float32",
    "gather-1030-float32-float32",
    "source_row-1030-uint8-float32-12",
    "record-1030-float32-float32-12",
    "probe-float32-12-3-41",
    "probe_mean-float32-12-3",
    "shift-1030--4",
)


def interpret() -> dict[str, tuple[Tensor, ...]]:
    """What the interpreted Triton bodies write, by label and whether in order."""
    results = {}
    for ordered in (False, True):
        torch.use_deterministic_algorithms(ordered)
        for label, case in CASES.items():
            if case.has_order or not ordered:
                results[label, ordered] = case.run(case.op.body("gpu"), case.make())
    return results


def compile_all() -> dict[tuple[str, int | str], list[Report]]:
    """What the kernels of AHEAD take, by label and GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch

    targets = [("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)]
    reports: dict[tuple[str, int | str], list[Report]] = {}
    for label in AHEAD:
        for launch in _launches(label):
            for target in targets:
                compiled = compile_launch(launch, GPUTarget(*target))
                # On AMD, a division of 64-bit numbers is made of fused steps.
                fused = "fma.rn.f" in compiled.assembly
                report = compiled.name, compiled.registers, compiled.spills, fused
                reports.setdefault((label, target[1]), []).append(report)
    return reports


def _launches(label: str) -> list:
    """What a case starts, in any order and in order; each kernel once."""
    case = CASES[label]
    found = {}
    for ordered in (False, True):
        torch.use_deterministic_algorithms(ordered)
        with noted() as launches:
            case.op.body("gpu")(*case.make())
        found |= {launch.kernel.__name__: launch for launch in launches}
    return list(found.values())


if __name__ == "__main__":
    work = {"interpret": interpret, "compile": compile_all}[sys.argv[1]]
    torch.save(work(), sys.argv[2])
