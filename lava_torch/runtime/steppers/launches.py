"""A plan as the launches of a step's kernels, for a GPU."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from lava_torch.compiler.plan import Plan
from lava_torch.kernels import spike
from lava_torch.kernels.equation.row import EquationOp, listing
from lava_torch.kernels.op import Row


class Launches:
    """The kernels of one step, started one after another; none waits for the host.

    Where the order of sums does not matter, neurons list their spikes in their own pass; under
    `torch.use_deterministic_algorithms(True)` a pass of its own lists them in ascending order.
    Raises TypeError for a plan with a row that can fail, which a GPU has no way to report.
    """

    def __init__(self, plan: Plan) -> None:
        _check(plan)
        self.plan = plan
        rows = [owned.row for owned in plan.rows]
        self.rows = rows if torch.are_deterministic_algorithms_enabled() else fused(rows)
        self._lists = any(_lists(row) for row in self.rows)

    def step(self) -> None:
        """Run one step."""
        self.plan.clock.add_(1)
        if self._lists:
            self.plan.counts.zero_()
        launch_rows(self.rows)


def launch_rows(rows: Iterable[Row]) -> None:
    """Start the kernels of rows, one after another."""
    for row in rows:
        row.run("gpu")


def fused(rows: list[Row]) -> list[Row]:
    """The rows with each list of spikes made by the neurons that send them, where they are spikes
    of one equation."""
    made_by = {
        row.args[row.op.arguments.index(name)].data_ptr(): (q, name)
        for q, row in enumerate(rows)
        if isinstance(row.op, EquationOp)
        for name in row.op.new
    }
    result: list[Row] = list(rows)
    dropped = set()
    for q, row in enumerate(rows):
        if row.op is not spike.COMPACT:
            continue
        x, spikes, count = row.args
        maker = made_by.get(x.data_ptr())
        if maker is not None and _can_list(result[maker[0]], x):
            place, name = maker
            result[place] = listing(result[place], int(name[1:]), spikes, count)
            dropped.add(q)
    return [row for q, row in enumerate(result) if q not in dropped]


def _can_list(row: Row, x: Tensor) -> bool:
    """One list a row, of bytes, whose positions an int32 can hold."""
    return row.op.listed is None and x.dtype == torch.uint8 and x.numel() < 2**31


def _lists(row: Row) -> bool:
    return isinstance(row.op, EquationOp) and row.op.listed is not None


def _check(plan: Plan) -> None:
    for owned in plan.rows:
        if owned.row.op.fallible:
            raise TypeError(
                f"{owned.row.op.name} of Process '{owned.node}' can fail, which a run on a GPU "
                f"cannot report. Use stepper='eager'."
            )
