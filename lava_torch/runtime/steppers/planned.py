"""What the steppers that run a network's plan have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch

from lava_torch.compiler.errors import CompileError
from lava_torch.compiler.network import Network
from lava_torch.compiler.plan import Plan, make_plan, plan_obstacle, signature
from lava_torch.runtime.steppers.base import Stepper

#: Kinds of devices, in words.
DEVICES = {"cpu": "the CPU", "cuda": "a GPU"}


def plan_state(network: Network) -> tuple:
    """What a plan, and what is made of it, depends on besides the network's structure."""
    return torch.are_deterministic_algorithms_enabled(), *signature(network)


class PlannedStepper(Stepper):
    """Makes a plan, and makes it anew when a tensor has moved: addresses are in what runs it."""

    #: The kind of device that it runs on, of DEVICES.
    device: ClassVar[str]
    #: It looks after signals itself.
    chunk = 1 << 30

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._state: tuple | None = None

    @classmethod
    def obstacle(cls, network: Network) -> str | None:
        if network.device.type != cls.device:
            return f"it runs on {DEVICES[cls.device]}, and the network is on {network.device}"
        return plan_obstacle(network)

    @abstractmethod
    def compile(self, plan: Plan) -> None:
        """Get ready to run a plan, which is `plan` from now on."""

    def refresh(self) -> None:
        """Plan, if there is no plan yet or it is stale; CompileError if the network has become one
        that cannot be planned."""
        self.network._place[0] = None
        if self._state == plan_state(self.network):
            return
        reason = self.obstacle(self.network)
        if reason is not None:
            raise CompileError(
                f"Stepper '{self.name}' cannot run the network as it is now: {reason}."
            )
        with torch.inference_mode(False):
            self.plan = make_plan(self.network)
            self.compile(self.plan)
        # A plan may have laid Vars out anew.
        self._state = plan_state(self.network)
