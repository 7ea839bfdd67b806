"""The stepper of the CPU: whole runs in compiled code, without Python or a dispatcher inside."""

from __future__ import annotations

import torch
from torch import Tensor

from lava_torch.compiler.errors import CompileError
from lava_torch.compiler.network import Network
from lava_torch.compiler.plan import Plan, make_plan, plan_obstacle, signature
from lava_torch.kernels.table import Control, Program, RowFailed
from lava_torch.runtime.steppers.base import Stepper


class RowError(RuntimeError):
    """An operation reported an error: what it said, in words."""


def row_error(network: Network, plan: Plan, failure: RowFailed) -> RowError:
    """What failed, in words; the network's position then says whose it was."""
    owned = plan.rows[failure.row]
    network._place[0] = (owned.node, owned.phase)
    words = dict(owned.row.op.failures).get(failure.code, f"error {failure.code}")
    return RowError(f"{owned.row.op.name}: {words}")


class TableStepper(Stepper):
    """Runs the network's plan as one table of compiled rows, see `lava_torch.kernels.table`.

    Addresses are in the table, so it looks before each run whether all tensors still lie where they
    lay, and makes the table anew if one does not.
    """

    name = "table"
    #: It looks after signals itself.
    chunk = 1 << 30

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._signature: tuple | None = None

    @classmethod
    def obstacle(cls, network: Network) -> str | None:
        if network.device.type != "cpu":
            return f"it runs on the CPU, and the network is on {network.device}"
        return plan_obstacle(network)

    @torch.no_grad()
    def advance(self, steps: int, control: Control) -> int:
        self.network._place[0] = None
        self._refresh()
        self._before.run(1, Control())
        try:
            return self._run(steps, control)
        finally:
            self._after.run(1, Control())

    def _refresh(self) -> None:
        """Make the table, if there is none or a tensor has moved since."""
        if self._signature is not None and self._signature == signature(self.network):
            return
        reason = self.obstacle(self.network)
        if reason is not None:
            raise CompileError(
                f"Stepper '{self.name}' cannot run the network as it is now: {reason}."
            )
        with torch.inference_mode(False):
            plan = make_plan(self.network)
            self._compile(plan)
        self._signature = signature(self.network)

    def _compile(self, plan: Plan) -> None:
        self._plan = plan
        self._program = Program([owned.row for owned in plan.rows], plan.clock)
        # These run beside the steps, so that they have a clock of their own.
        self._before = Program(plan.before, torch.zeros_like(plan.clock))
        self._after = Program(plan.after, torch.zeros_like(plan.clock))
        self._written = plan.written() if self._program.fallible else []

    def _run(self, steps: int, control: Control) -> int:
        kept = [tensor.clone() for tensor in self._written]
        start = int(self._plan.clock)
        try:
            return self._program.run(steps, control)
        except RowFailed as failure:
            self._restore(kept, start)
            raise row_error(self.network, self._plan, failure) from failure

    def _restore(self, kept: list[Tensor], start: int) -> None:
        """Back to the start of the run, and again up to the last step that was finished."""
        finished = int(self._plan.clock) - 1 - start
        for tensor, value in zip(self._written, kept, strict=True):
            tensor.copy_(value)
        self._plan.clock.fill_(start)
        self._program.run(finished, Control())
