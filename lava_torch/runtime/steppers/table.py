"""The stepper of the CPU: whole runs in compiled code, without Python or a dispatcher inside."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lava_torch.compiler.network import Network
from lava_torch.compiler.plan import Owned, Plan, distinct
from lava_torch.kernels.table import Control, Program, RowFailed
from lava_torch.runtime.steppers.planned import PlannedStepper


class RowError(RuntimeError):
    """An operation reported an error: what it said, in words."""


def row_error(network: Network, rows: Sequence[Owned], failure: RowFailed) -> RowError:
    """What failed, in words; the network's position then says whose it was."""
    owned = rows[failure.row]
    network._place[0] = (owned.node, owned.phase)
    words = dict(owned.row.op.failures).get(failure.code, f"error {failure.code}")
    return RowError(f"{owned.row.op.name}: {words}")


class Table:
    """The rows of a plan with those before and after them, ready to run on the CPU."""

    def __init__(self, plan: Plan) -> None:
        self.steps = Program([owned.row for owned in plan.rows], plan.clock)
        # These run beside the steps, so that they have a clock of their own.
        clock = torch.zeros_like(plan.clock)
        self._before = Program(plan.before, clock) if plan.before else None
        self._after = Program(plan.after, clock) if plan.after else None

    def run(self, steps: int, control: Control) -> int:
        """Run up to `steps` steps; return how many were finished. RowFailed if a row failed."""
        if self._before is not None:
            self._before.run(1, Control())
        try:
            return self.steps.run(steps, control)
        finally:
            if self._after is not None:
                self._after.run(1, Control())


class TableStepper(PlannedStepper):
    """Runs the network's plan as one table of compiled rows, see `lava_torch.kernels.table`."""

    name = "table"
    device = "cpu"

    @torch.no_grad()
    def advance(self, steps: int, control: Control) -> int:
        self.refresh()
        kept = [tensor.clone() for tensor in self._written]
        start = int(self.plan.clock)
        try:
            return self._table.run(steps, control)
        except RowFailed as failure:
            self._restore(kept, start)
            raise row_error(self.network, self.plan.rows, failure) from failure

    def compile(self, plan: Plan) -> None:
        self._table = Table(plan)
        fallible = self._table.steps.fallible
        changed = [*plan.written(), *(t for row in plan.after for t in row.written)]
        self._written = distinct(changed) if fallible else []

    def _restore(self, kept: list[Tensor], start: int) -> None:
        """Back to the start of the run, and again up to the last step that was finished."""
        finished = int(self.plan.clock) - 1 - start
        for tensor, value in zip(self._written, kept, strict=True):
            tensor.copy_(value)
        self.plan.clock.fill_(start)
        self._table.run(finished, Control())
