"""Runs in a process of its own with TRITON_INTERPRET=1, or without it to compile ahead of time.

python random_workers.py interpret|compile FILE
"""

from __future__ import annotations

import sys

import numpy as np
import torch
import triton
import triton.language as tl
from random_cases import BERNOULLI, SAMPLES, SEED

import lava_torch as lt
from lava_torch.connectivity import _bernoulli_on_gpu, _marked
from lava_torch.kernels.connect import IN_DEGREE, OUT_DEGREE, gap_table
from lava_torch.kernels.connect import gpu as connect
from lava_torch.kernels.random import gpu, key
from lava_torch.kernels.random.gpu import uniform

CPU = torch.device("cpu")


@triton.jit
def _uniform(words, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, uniform(tl.load(words + i).to(tl.uint32)))


def uniform_of(words: torch.Tensor) -> torch.Tensor:
    """What the Triton function makes of words."""
    out = torch.zeros(len(words))
    _uniform[(1,)](words, out, BLOCK=len(words))
    return out


def interpret() -> dict[str, object]:
    words = torch.zeros((700, 4), dtype=torch.int64)
    gpu.words(words, 7, 3, 1, *key(SEED))
    edges = torch.tensor([0, 255, 256, 2**31 - 1, 2**31, 2**32 - 257, 2**32 - 256, 2**32 - 1])
    return {
        "words": words,
        "edges": edges,
        "uniform": uniform_of(edges),
        "bernoulli": [
            _bernoulli_on_gpu(pre, post, loops, *key(SEED), gap_table(p), CPU)
            for pre, post, p, loops in BERNOULLI
        ],
        "samples": [
            _marked(rows, 0, population, k, loops, OUT_DEGREE, *key(SEED), CPU)
            for rows, population, k, loops in SAMPLES
        ],
        "parts": [
            _marked(rows, first, 33, 9, False, IN_DEGREE, *key(SEED), CPU)
            for first, rows in ((0, 1), (1, 40), (41, 29))
        ],
    }


def compile_all() -> dict[str, tuple[int, int]]:
    """Registers and spills, by kernel and GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch
    from lava_torch.kernels.launch import noted

    table = gap_table(0.1)
    limits, guide = torch.from_numpy(table.limits.astype(np.int64)), torch.from_numpy(table.guide)
    counts, indices = torch.zeros(40, dtype=torch.int64), torch.zeros(9, dtype=torch.uint16)
    indptr = torch.zeros(41, dtype=torch.int64)
    with noted() as launches:
        gpu.words(torch.zeros((9, 4), dtype=torch.int64), 7, 3, 1, *key(SEED))
        connect.count(limits, guide, 70, True, *key(SEED), counts)
        connect.fill(limits, guide, 70, True, *key(SEED), indptr, indices)
        connect.draw(torch.zeros((40, 70), dtype=torch.uint8), 0, 5, False, OUT_DEGREE, *key(SEED))
    reports = {}
    for i, launch in enumerate(launches):
        for target in (("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)):
            compiled = compile_launch(launch, GPUTarget(*target))
            reports[f"{i}-{compiled.name}-{target[1]}"] = compiled.registers, compiled.spills
    return reports


if __name__ == "__main__":
    assert lt.connectivity
    work = {"interpret": interpret, "compile": compile_all}[sys.argv[1]]
    torch.save(work(), sys.argv[2])
