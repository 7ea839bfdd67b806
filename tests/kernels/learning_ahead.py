"""Ten learning rules, compiled ahead of time; and the trace operations, interpreted and compiled.

Runs in a process of its own: Triton reads TRITON_INTERPRET when it is imported.

python learning_ahead.py interpret|compile FILE
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lava_torch.kernels import learning
from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.learning.update import UpdateOp
from lava_torch.kernels.op import Row
from lava_torch.learning import Plan

RULES = {
    "stdp": {"dw": "2^-1*y0*x1 - 2^-1*x0*y1"},
    "rewarded stdp": {"dw": "u0*t*y2", "dt": "2^-1*y0*x1 - 2^-1*x0*y1 - 2^-3*u0*t"},
    "w, t and d": {
        "dw": "2^-3*x1*y0 - 2^-4*y1*x0 + 2^-6*u1*w*sgn(w) - 2^-5*u1*x2*y2",
        "dt": "2^-2*x1*y0 - 2^-2*u1*t",
        "dd": "2^-2*x1*y0 + 2^-1*u1 - 2^-4*d*u1",
    },
    "towards x1": {"dw": "2^-7*y0*x1 - 2^-7*y0*w"},
    "coincidence": {"dw": "2*x0*y0 - y0"},
    "triplets": {"dw": "2^-4*y0*x1*y2 - 2^-4*x0*y1*x2"},
    "four factors": {"dw": "2^-7*y0*w*t*x1*y1"},
    "weight-dependent": {"dw": "2^-7*y0*x1*(w - 3) - 2^-7*x0*y1*(w + 3)"},
    "delays": {"dd": "2^-3*y0*x1 - 2^-3*x0*y1"},
    "consolidation": {"dw": "2^-2*u3*t - 2^-2*u3*w"},
}
LIMITS = {"w": (-256, 255), "t": (-257, 255), "d": (0, 63)}
M, N, T_EPOCH = 40, 100, 4


def update(name: str, fixed: bool, sparse: bool) -> Row:
    """The update of a rule on some data."""
    plan = Plan.of(RULES[name])
    limits = tuple(LIMITS[v] if fixed else (None, None) for v in plan.targets)
    clamps = tuple((0, None) if v == "d" else (None, None) for v in plan.targets)
    rule = Rule(plan, fixed, limits, clamps if fixed else (), "d" in plan.targets)
    dtype = torch.int32 if fixed else torch.float32
    op = UpdateOp(rule, dtype, sparse, plan.event_driven)
    stored = M * N // 4
    shape = (1, stored) if sparse else (1, M, N)
    args: dict[str, Any] = {v: torch.zeros(shape, dtype=dtype) for v in "wtd"}
    args |= {"delays": torch.zeros(shape, dtype=torch.uint8), "clock": torch.tensor([8])}
    args |= {"indptr": torch.arange(M + 1) * (N // 4)}
    args |= {"indices": (torch.arange(stored) % (N // 4) * 4).to(torch.uint16)}
    args |= {"tx": torch.zeros(1, M, dtype=torch.int32), "ty": torch.zeros(1, N, dtype=torch.int32)}
    for trace in ("x1", "x2", "y1", "y2", "y3"):
        size = M if trace.startswith("x") else N
        args[f"h_{trace}"] = torch.zeros(1, T_EPOCH + 1, size, dtype=dtype)
    args |= {"t_epoch": T_EPOCH, "decimate": 8}
    args["words"] = torch.ones(1, M + N, dtype=torch.int32)
    return Row(op, tuple(args[a] for a in op.arguments))


def cases() -> dict[str, tuple[str, bool, bool]]:
    """Each rule in one precision and layout, STDP in all."""
    found = {}
    for place, name in enumerate(RULES):
        for fixed in (False, True):
            for sparse in (False, True):
                if name == "stdp" or (fixed, sparse) == (place % 2 == 0, place % 3 == 0):
                    label = (
                        f"{name}-{'fixed' if fixed else 'float'}-{'sparse' if sparse else 'dense'}"
                    )
                    found[label] = name, fixed, sparse
    return found


def traces(fixed: bool, batch: int) -> dict[str, Row]:
    """The trace operations, each on data of its own."""
    rng = np.random.default_rng(batch)
    dtype = torch.int32 if fixed else torch.float32

    def numbers(high: int, kind: torch.dtype = dtype) -> Tensor:
        return torch.from_numpy(rng.integers(0, high, (batch, 300))).to(kind)

    x = torch.from_numpy(
        np.where(rng.random(batch * 300) < 0.3, rng.integers(-9, 255, 300 * batch), 0)
    )
    x = x.to(dtype)
    at = x.nonzero().flatten()
    spikes = torch.zeros(len(x), dtype=torch.int32)
    spikes[: len(at)] = at
    count, clock, keys = torch.tensor([len(at)], dtype=torch.int32), torch.tensor([7]), (3, 4)
    times = numbers(2, torch.int32) * numbers(3, torch.int32)
    suffix, keys = ("_FIXED", keys) if fixed else ("", ())
    found = {}
    for mode in range(4):
        # Graded spikes and users leave more than 7 bits.
        state = [times.clone(), numbers(2, torch.int32), numbers(256), numbers(128)]
        impulses = learning.impulse_parameters([12.3, 5.6], dtype)
        found[f"pre {mode}"] = getattr(learning, f"PRE{suffix}").on(
            spikes, count, x, clock, *state, impulses, mode, 3, mode != 2
        )
    state = [times.clone(), numbers(2, torch.int32), *(numbers(128) for _ in range(3))]
    impulses = learning.impulse_parameters([12.3, 5.6, 0.7], dtype)
    found["post"] = getattr(learning, f"POST{suffix}").on(
        spikes, count, clock, *state, impulses, 3, *keys
    )
    if fixed:
        words = torch.zeros(batch, 301, dtype=torch.int32)
        found["draw"] = learning.DRAW.on(words, torch.tensor([3 * 2**33]), 3, 5, *keys)
    for time, received in ((8, False), (9, False), (9, True)):
        table = torch.zeros(batch, 4, 300, dtype=dtype)
        args = numbers(128), times.clone(), table, learning.history_parameters(7.5, 12.3, dtype)
        sides = (1, *keys) if fixed else ()
        found[f"history {time} {received}"] = getattr(learning, f"HISTORY{suffix}").on(
            *args, torch.tensor([time]), 3, *sides, received
        )
        spiked = times.clone(), times.clone(), times[:, :200].clone(), times[:, :200].clone()
        found[f"forget {time} {received}"] = learning.FORGET.on(*spiked, torch.tensor([time]), 3)
    return found


ALL_TRACES = [(fixed, batch) for fixed in (False, True) for batch in (1, 3)]


def interpret() -> dict[Any, tuple[Tensor, ...]]:
    """What the interpreted trace operations write."""
    results = {}
    for fixed, batch in ALL_TRACES:
        for name, row in traces(fixed, batch).items():
            row.run("gpu")
            results[fixed, batch, name] = row.written
    return results


def compile_all() -> dict[tuple[str, str], dict[str, Any]]:
    """Registers, spills, and whether a product was fused into a sum, by label and GPU."""
    from triton.backends.compiler import GPUTarget

    from lava_torch.kernels.ahead import compile_launch
    from lava_torch.kernels.launch import noted

    rows = {label: update(*case) for label, case in cases().items()}
    for fixed in (False, True):
        made = traces(fixed, 1)
        drawn = ["draw"] if fixed else []
        for name in ("pre 1", "post", "history 9 False", "forget 9 False", *drawn):
            rows[f"{name.split()[0]}-{'fixed' if fixed else 'float'}"] = made[name]
    reports = {}
    for label, row in rows.items():
        with noted() as launches:
            row.run("gpu")
        for target in (("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)):
            compiled = compile_launch(launches[0], GPUTarget(*target))
            reports[label, f"{'sm_' if target[0] == 'cuda' else ''}{target[1]}"] = {
                "registers": compiled.registers,
                "spills": compiled.spills,
                "fused": "fma.rn.f" in compiled.assembly,
            }
    return reports


if __name__ == "__main__":
    _, kind, file = sys.argv
    torch.save(interpret() if kind == "interpret" else compile_all(), file)
