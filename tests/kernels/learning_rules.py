"""Random learning rules, as text, with random synapses and traces, and what computes them.

python learning_rules.py          (with TRITON_INTERPRET=1: the rules in Triton's interpreter)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.learning.update import UpdateOp
from lava_torch.kernels.op import Row
from lava_torch.learning import Plan

#: How many rules are drawn, the same in each run.
RULES = 200
SETTINGS = settings(
    max_examples=RULES, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TRACES = ("x1", "x2", "y1", "y2", "y3")
LIMITS = {"w": (-256, 255), "t": (-256, 255), "d": (0, 63)}


@st.composite
def factors(draw: st.DrawFn) -> str:
    symbol = draw(st.sampled_from([*TRACES, "w", "t", "d", "x0", "y0"]))
    shape = draw(st.sampled_from(["{v}", "{v}", "({v} + {c})", "({v} - {c})", "({c} - {v})"]))
    text = shape.format(v=symbol, c=draw(st.integers(0, 100)))
    if symbol in ("w", "t", "d") and "- " + symbol not in text and draw(st.integers(0, 4)) == 0:
        return f"sgn{text}" if text.startswith("(") else f"sgn({text})"
    return text


@st.composite
def series(draw: st.DrawFn, decimate: int) -> str:
    products = []
    for _ in range(draw(st.integers(1, 3))):
        dependency = draw(st.sampled_from(["x0", "y0", "x0", "y0", f"u{decimate}"]))
        # Most have a few factors; with more than 46 bits fixed point refuses them.
        parts = draw(st.lists(factors(), max_size=4))
        scale = f"{draw(st.integers(1, 7))}*2^{draw(st.integers(-7, 6))}"
        products.append("*".join([draw(st.sampled_from(["", "-"])) + scale, dependency, *parts]))
    return " + ".join(products).replace("+ -", "- ")


@st.composite
def rules(draw: st.DrawFn) -> dict[str, str]:
    decimate = draw(st.integers(0, 2))
    names = draw(st.lists(st.sampled_from(["dw", "dt", "dd"]), min_size=1, unique=True))
    return {name: draw(series(decimate)) for name in names}


@dataclass(frozen=True)
class Problem:
    """A rule for some layout of synapses, and a seed for the rest."""

    texts: tuple[tuple[str, str], ...]
    fixed: bool
    sparse: bool
    batch: int
    items: int
    size: tuple[int, int]
    t_epoch: int
    seed: int
    activity: float
    epoch: int

    @property
    def plan(self) -> Plan:
        return Plan.of(dict(self.texts))

    def op(self, events: bool) -> UpdateOp:
        plan = self.plan
        limits = tuple(LIMITS[v] if self.fixed else (None, None) for v in plan.targets)
        clamps = tuple((0, None) if v == "d" else (None, None) for v in plan.targets)
        rule = Rule(plan, self.fixed, limits, clamps if self.fixed else (), "d" in plan.targets)
        dtype = torch.int32 if self.fixed else torch.float32
        return UpdateOp(rule, dtype, self.sparse, events, self.batch > self.items)

    @property
    def modes(self) -> tuple[bool, ...]:
        """Event-driven or not."""
        alone = self.batch == self.items
        return (False, True) if self.plan.event_driven and alone else (False,)

    def row(self, events: bool) -> Row:
        """The update, on the same data each time."""
        op, args = self.op(events), self._args()
        return Row(op, tuple(args[name] for name in op.arguments))

    def _args(self) -> dict[str, Any]:
        rng, (m, n) = np.random.default_rng(self.seed), self.size
        dtype = torch.int32 if self.fixed else torch.float32
        args: dict[str, Any] = {"t_epoch": self.t_epoch}
        args["clock"] = torch.tensor([self.epoch * self.t_epoch])
        args["decimate"] = 1 << (self.plan.decimate_exponent or 0)
        for side, size in (("x", m), ("y", n)):
            spiked = rng.random((self.batch, size)) < self.activity
            times = np.where(spiked, rng.integers(1, self.t_epoch + 1, spiked.shape), 0)
            args[f"t{side}"] = torch.from_numpy(times).int()
        words = rng.integers(-(2**31), 2**31, (self.items, m + n)) | 1
        args["words"] = torch.from_numpy(words).int()
        for trace in TRACES:
            size, high = (m, 256 if trace == "x1" else 128) if trace[0] == "x" else (n, 128)
            table = rng.integers(0, high, (self.batch, self.t_epoch + 1, size))
            args[f"h_{trace}"] = torch.from_numpy(table).to(dtype)
        there = rng.random((m, n)) < 0.4
        args["indptr"] = torch.from_numpy(np.concatenate([[0], there.sum(1).cumsum()]))
        args["indices"] = torch.from_numpy(there.nonzero()[1].astype(np.uint16))
        shape = (self.items, int(there.sum())) if self.sparse else (self.items, m, n)
        for name, (low, high) in LIMITS.items():
            values = rng.integers(low, high + 1, shape)
            args[name] = torch.from_numpy(values).to(dtype)
        args["delays"] = args["d"].to(torch.uint8)
        return args


@st.composite
def problems(draw: st.DrawFn, largest: int = 40) -> Problem:
    batch = draw(st.sampled_from([1, 1, 1, 2, 3]))
    return Problem(
        tuple(draw(rules()).items()),
        draw(st.booleans()),
        draw(st.booleans()),
        batch,
        draw(st.sampled_from([1, batch])),
        (draw(st.integers(1, largest)), draw(st.integers(1, largest))),
        draw(st.integers(1, 8)),
        draw(st.integers(0, 1000)),
        draw(st.sampled_from([0.0, 0.2, 0.5, 1.0])),
        draw(st.sampled_from([1, 2, 3, 4, 2**40])),
    )


def fits(problem: Problem) -> bool:
    """Whether the precision has the rule's products, see `rule._check_fixed`."""
    try:
        problem.op(False)
    except ValueError:
        return False
    return True


def agree(problem: Problem, got: Row, want: Row) -> None:
    """Bit by bit in fixed point; in float32 to 1e-5 of the largest number that was summed."""
    for a, b in zip(got.written, want.written, strict=True):
        if problem.fixed:
            assert torch.equal(a, b), problem
        elif a.is_floating_point():
            scale = max(float(b.abs().max()) if b.numel() else 0.0, 1.0)
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5 * scale)


@SETTINGS
@given(problems(largest=20))
def triton_agrees(problem: Problem) -> None:
    if not fits(problem):
        return
    for events in problem.modes:
        want, got = problem.row(False), problem.row(events)
        want.run("reference")
        got.run("gpu")
        agree(problem, got, want)


if __name__ == "__main__":
    triton_agrees()
