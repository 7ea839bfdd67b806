"""Which operation a step spends its time in."""

from __future__ import annotations

from lava_torch.bench.processes import ProcessRun
from lava_torch.kernels.table.profile import profile
from lava_torch.runtime.steppers.table import TableStepper


def by_row(contender: ProcessRun) -> dict[str, float]:
    """Microseconds a step of each operation of the table, in its order; nothing for other steppers.

    It runs the contender's steps once more, on one thread.
    """
    stepper = contender.process.runtime.stepper
    if not isinstance(stepper, TableStepper):
        return {}
    contender.reset()
    plan = stepper.plan
    seconds = profile([owned.row for owned in plan.rows], plan.clock, contender.work)
    return {
        f"{owned.node}.{owned.row.op.name}": value * 1e6
        for owned, value in zip(plan.rows, seconds, strict=True)
    }
